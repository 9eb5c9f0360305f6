import OverlayCore
import OverlayIO

/// The options of `run` while they are being read. Its first values only fill the places of those that every command
/// line sets, by the defaults in the table.
struct RunDraft {
  var onion: (name: OnionName, listen: SocketAddress?)?
  var hostnameFile: String?
  var peers: [ConfiguredPeer] = []
  var hostsFile: String?
  var socks = SocketAddress.ipv4(0x7f00_0001, port: 9050)
  var listen: [SocketAddress] = []
  var servicePort: UInt16 = 8060
  var interface = InterfaceName.standard
  var namespace: NamespaceName?
  var mtu = InterfaceMTU.standard
  var offload = true
  var idle = 180
  var circuits = 2
  var stateDirectory = ""
  var control = ""
  var logLevel = LogLevel.notice
  var logTarget = LogTarget.standardError
}

extension RunOptions {
  /// The options that `arguments` give; `nil` if they ask for help.
  static func parse(_ arguments: some Sequence<String>) throws(CommandError) -> RunOptions? {
    let parser = OptionParser(command: "oncilla run", options: RunDraft.options)
    let parsed = try parser.parse(arguments, into: RunDraft())
    if parsed.wantsHelp { return nil }
    if let operand = parsed.operands.first { throw .unexpectedArgument(operand, command: parser.command) }
    let draft = parsed.draft
    let identity: DaemonSettings.Identity
    var listen = draft.listen
    switch (draft.onion, draft.hostnameFile) {
    case (let onion?, nil):
      identity = .name(onion.name)
      if let own = onion.listen {
        if !parsed.given.contains("--listen") { listen = [] }
        if !listen.contains(own) { listen.insert(own, at: 0) }
      }
    case (nil, let file?): identity = .hostnameFile(file)
    case (_?, _?): throw .conflict("--onion", "--hostname-file")
    case (nil, nil): throw .incomplete(command: "run", needs: "--onion NAME or --hostname-file FILE")
    }
    return RunOptions(
      identity: identity, peers: draft.peers, hostsFile: draft.hostsFile, socks: draft.socks, listen: listen,
      servicePort: draft.servicePort, interface: draft.interface, namespace: draft.namespace, mtu: draft.mtu,
      offload: draft.offload, idle: draft.idle, circuits: draft.circuits, stateDirectory: draft.stateDirectory,
      control: draft.control,
      logLevel: draft.logLevel,
      logTarget: draft.logTarget)
  }
}
