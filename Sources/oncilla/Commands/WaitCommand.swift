import OverlayCore
import OverlayIO

extension Command {
  /// `oncilla wait`: for scripts.
  static let wait = Command(
    name: "wait",
    usage: "[--ready] [--peer PEER]... [OPTION]...",
    summary: "wait until the daemon is ready, or a peer is connected",
    details: [
      """
      Ends as soon as all that is asked for is so: the daemon is ready (--ready, which is meant where nothing is \
      given), and there is a circuit to each PEER. A daemon that is being started is waited for, too, 10 seconds if \
      there is no --timeout.
      """
    ],
    optionRows: WaitDraft.options.map { HelpText.row($0) },
    perform: { instance, arguments throws(CommandError) in
      let parser = OptionParser(command: "oncilla wait", options: WaitDraft.options)
      guard let draft = try parser.parseOptions(arguments, into: WaitDraft()) else { return nil }
      try draft.wait(for: instance)
      return .output("")
    })
}

/// The options of `oncilla wait` while they are being read, and what they are for.
struct WaitDraft: ClientDraft {
  var control: String?
  /// Whether the daemon has to be ready.
  var isForReady = false
  /// The peers that have to be connected.
  var peers: [String] = []
  /// The time in seconds in which it has to be so; `nil` for ever.
  var timeout: Int?

  /// The time in which a daemon that is being started has to be there.
  private static let startTime = 10

  static var options: [Option<WaitDraft>] {
    [
      Option(flag: "--ready", "Wait until the daemon is ready.") { $0.isForReady = true },
      Option("--peer", "PEER", isRepeatable: true, "Wait until there is a circuit to this peer. Repeatable.") {
        draft, value throws(SettingValue.Refusal) in
        draft.peers.append(value)
      },
      Option(
        "--timeout", "SECONDS",
        "Give up after so long, exit status 124; with 0 look once, exit status 6. If it is not given, a daemon "
          + "that runs is waited for without end."
      ) { draft, value throws(SettingValue.Refusal) in
        draft.timeout = try SettingValue.number(value, in: 0...86_400) { $0 }
      },
      .control(),
    ]
  }

  /// Waits until it is so.
  func wait(for instance: Instance) throws(CommandError) {
    let began = SystemCall.now
    let deadline = timeout.map { began + .seconds($0) }
    let startDeadline = began + .seconds(min(timeout ?? WaitDraft.startTime, 86_400))
    var daemon: DaemonConnection?
    while true {
      let missing: String
      do throws(CommandError) {
        let connection: DaemonConnection
        if let daemon { connection = daemon } else { connection = try DaemonConnection(instance, control) }
        daemon = connection
        guard let found = try self.missing(connection) else { return }
        missing = found
      } catch {
        // One that ended may be started again.
        daemon = nil
        guard case .daemon(let status, let why) = error, [1, 3].contains(status), startDeadline > SystemCall.now else {
          throw error
        }
        missing = why
      }
      let now = SystemCall.now
      if let deadline, deadline <= now {
        throw timeout == 0 ? .daemon(6, missing) : .daemon(124, "waited \(timeout ?? 0) s in vain: \(missing)")
      }
      SystemCall.sleep(milliseconds: 200)
    }
  }

  /// Returns what is not so yet; `nil` if all is.
  private func missing(_ daemon: borrowing DaemonConnection) throws(CommandError) -> String? {
    if isForReady || peers.isEmpty {
      let status = try daemon.ask("status")
      if status["state"]?.string != "ready" { return status["summary"]?.string ?? "it is not ready" }
    }
    for peer in peers {
      do throws(CommandError) {
        let found = try daemon.ask("peer_show", ["peer": .string(peer)])
        if found["peer"]?["state"]?.string == "up" { continue }
        return "there is no circuit to \(peer.quotedLine())"
      } catch {
        // While the daemon waits for its name there are no peers.
        guard case .daemon(6, let why) = error else { throw error }
        return why
      }
    }
    return nil
  }
}
