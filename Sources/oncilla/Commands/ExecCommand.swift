import OverlayCore
import OverlayIO

extension Command {
  /// `oncilla exec`: a program that sees the overlay and nothing else.
  static let exec = Command(
    name: "exec",
    usage: "[--user USER] -- COMMAND [ARGUMENT]...",
    summary: "run a program that reaches the overlay and nothing else",
    details: [
      """
      Runs COMMAND in the network namespace of a daemon that was started with --netns, where there is no other \
      network. Needs root, and runs it as the user who called sudo, with that user's groups as /etc/group has them, \
      and without any right of root. Where the daemon answers about names at port 53, by --dns 127.0.0.1:53, the \
      program asks it and nobody else. It cannot write to /etc. The exit status is that of COMMAND, 127 if there is none, and 126 if it \
      cannot be run.
      """
    ],
    optionRows: ExecDraft.options.map { HelpText.row($0) },
    perform: { instance, arguments throws(CommandError) in
      let parser = OptionParser(command: "oncilla exec", options: ExecDraft.options, endsAtOperand: true)
      let parsed = try parser.parse(arguments, into: ExecDraft())
      if parsed.wantsHelp { return nil }
      guard !parsed.operands.isEmpty else { throw .incomplete(command: "exec", needs: "-- COMMAND") }
      guard SystemCall.user == 0 else {
        throw .denied(
          "exec needs root", remedy: "sudo \(instance.program) exec -- \(parsed.operands.joined(separator: " "))")
      }
      let account = try parsed.draft.account()
      let status = try DaemonConnection(instance, parsed.draft.control).ask("status")
      guard let path = status["namespace"]?.string else {
        throw .failed(
          "the daemon's interface is in no network namespace of its own: sudo ip netns add onions, "
            + "sudo ip -n onions link set lo up, and start the daemon with --netns onions")
      }
      // A zone becomes a line of a file, and who answers may be anybody.
      let zone = status["dns_zone"]?.string.flatMap { try? SettingValue.zone($0) } ?? LocalNameServer.usualZone
      let resolver = OverlayResolver((status["dns"]?.array ?? []).compactMap(\.string), zone: zone)
      guard let program = OverlayProgram(parsed.operands, in: path, as: account, asking: resolver) else {
        throw .failed("\(path.quotedLine()) is no network namespace that has a name")
      }
      let failure = program.start()
      throw .daemon(failure.exitStatus, failure.description)
    })
}

/// The options of `oncilla exec` while they are being read.
struct ExecDraft: ClientDraft {
  var control: String?
  var user: String?

  static var options: [Option<ExecDraft>] {
    [
      Option("--user", "USER", "Run it as this user of /etc/passwd.") { draft, value throws(SettingValue.Refusal) in
        guard UserFiles.account(value) != nil else {
          throw SettingValue.Refusal("the name of a user of /etc/passwd is accepted")
        }
        draft.user = value
      },
      .control(),
    ]
  }

  /// Who is to run the program. Nobody becomes root without having said so.
  func account() throws(CommandError) -> UserFiles.Account {
    let caller = SystemCall.variable("SUDO_USER").flatMap { $0.isEmpty || $0 == "root" ? nil : $0 }
    guard let name = user ?? caller else {
      throw .incomplete(
        command: "exec", needs: "--user USER where no other user called sudo; --user root runs it as root")
    }
    guard let account = UserFiles.account(name) else {
      throw .failed("\(name.quotedLine()), who called sudo, is not in /etc/passwd: --user USER names one who is")
    }
    return account
  }
}
