import OverlayCore
import OverlayIO

extension Command {
  /// `oncilla setup`: from the package to a daemon that others reach.
  static let setup = Command(
    name: "setup",
    usage: "[--dry-run] [OPTION]...",
    summary: "connect this host: find Tor, write the configuration, start, wait until ready",
    details: [
      """
      Finds Tor and lets it make an onion service for this host: at its control port if there is one, or by lines of \
      its configuration, which are shown before. Writes conf.d/10-setup.conf, starts the service, and waits until a \
      circuit to the own service comes back. Files that are there already are left alone; to run it again is safe. \
      Needs root.
      """
    ],
    optionRows: SetupDraft.options.map { HelpText.row($0) },
    perform: { instance, arguments throws(CommandError) in
      let parser = OptionParser(command: "oncilla setup", options: SetupDraft.options)
      guard let draft = try parser.parseOptions(arguments, into: SetupDraft()) else { return nil }
      var setup = Setup(instance, draft)
      try setup.perform()
      return .output("")
    })
}

/// The options of `oncilla setup` while they are being read.
struct SetupDraft: ClientDraft {
  var control: String?
  var isDryRun = false
  var startsNothing = false
  var isTorrc = false
  var isPrivate = false
  var agrees = false
  /// Whether this host is found by its address; `nil` if that is to be asked.
  var lookup: LookupMode?
  /// Whether the options say that this host is not to be found by its address.
  var servesNoLookup: Bool { isPrivate || lookup.map { $0 != .serve } ?? false }
  var timeout = 180
  var torControl: SocketAddress?
  var socks: SocketAddress?

  static var options: [Option<SetupDraft>] {
    [
      Option(flag: "--dry-run", "Show what would be done, and do nothing.") { $0.isDryRun = true },
      Option(flag: "--no-start", "Write the configuration, and let somebody else start the daemon.") {
        $0.startsNothing = true
      },
      Option(flag: "--torrc", "Make the onion service by lines of torrc, not at Tor's control port.") {
        $0.isTorrc = true
      },
      Option(flag: "--private", "Let only those find this host whom 'oncilla invite' gave a key.") {
        $0.isPrivate = true
      },
      Option(
        "--lookup", "off|ask|serve",
        "Whether unknown addresses are looked up, and this host is found by its own; asked if it is not given."
      ) { draft, text throws(SettingValue.Refusal) in
        draft.lookup = try SettingValue.word(text, among: LookupMode.allCases, as: \.rawValue)
      },
      Option(flag: "--yes", "Do not ask: be found by the address, and change Tor's own configuration.") {
        $0.agrees = true
      },
      Option("--tor-control", "HOST:PORT|unix:PATH", "Tor's control port, where it is not found by itself.") {
        draft, text throws(SettingValue.Refusal) in draft.torControl = try SettingValue.socketAddress(text)
      },
      Option("--socks", "HOST:PORT|unix:PATH", "Tor's SOCKS port, where it is not found by itself.") {
        draft, text throws(SettingValue.Refusal) in draft.socks = try SettingValue.socketAddress(text)
      },
      Option("--timeout", "SECONDS", default: "180", "How long to wait until the host is ready, 0 to 3600.") {
        draft, text throws(SettingValue.Refusal) in
        draft.timeout = try SettingValue.seconds(text, in: 0...3_600)
      },
      .control(),
    ]
  }
}
