import OverlayCore

/// The daemon of the instance, as its control socket shows it.
enum RunningDaemon {
  /// It runs, and said how it is.
  case runs(status: JSONObject, version: String?, process: Int32?)
  /// There is none at this socket.
  case absent(String)
  /// It is not known whether it runs, for this reason.
  case hidden(String)
  /// The configuration wants no socket.
  case unknown

  private static let patience = Duration.seconds(5)

  /// Asks the daemon at this socket.
  init(at path: String?) {
    guard let path else {
      self = .unknown
      return
    }
    do throws(ControlClientError) {
      let client = try ControlClient(path)
      let status = try client.ask("status", patience: RunningDaemon.patience)
      self = .runs(status: status, version: client.daemonVersion, process: client.daemonProcess)
    } catch {
      switch error {
      case .unreachable(let path): self = .absent(path)
      case .forbidden(let path): self = .hidden("only root and the group oncilla may ask at \(path)")
      case .refused(let error): self = .hidden("the daemon refuses to tell: \(error)")
      case .timeout: self = .hidden("the daemon does not answer")
      case .broken(let reason): self = .hidden(reason)
      }
    }
  }

  /// The user with whose rights files are opened for it: its helper's, and its own if it has none; `nil` if it does not
  /// run, or that cannot be told.
  func user(in paths: DoctorPaths) -> DaemonUser? {
    guard case .runs(_, _, let process?) = self else { return nil }
    let children = paths.read("/proc/\(process)/task/\(process)/children")?.split(separator: " ") ?? []
    let helper = children.compactMap { Int32($0) }.first { child in
      paths.read("/proc/\(child)/status")?.hasPrefix("Name:\t\(RoomHelper.name)\n") == true
    }
    return DaemonUser(ofProcess: helper ?? process, in: paths)
  }

  /// Whether others can reach it: a word, and a sentence; `nil` if it does not run.
  var state: (word: String, sentence: String)? {
    guard case .runs(let status, _, _) = self else { return nil }
    return (status["state"]?.string ?? "", status["summary"]?.string ?? "")
  }

  /// Where it asks for circuits; `nil` if it does not run.
  var socks: SocketAddress? {
    guard case .runs(let status, _, _) = self else { return nil }
    return status["socks"]?.string.flatMap { try? SocketAddress($0) }
  }

  /// The MTU with which it made its interface; `nil` if it does not run.
  var mtu: Int? {
    guard case .runs(let status, _, _) = self else { return nil }
    return status["mtu"]?.integer.flatMap { Int(exactly: $0) }
  }

  /// How many milliseconds the longest loop of an identity took; `nil` if none came back.
  var loopTime: Int64? {
    guard case .runs(let status, _, _) = self else { return nil }
    let times = status["identities"]?.array?.compactMap { $0["loop_us"]?.integer }
    return times?.max().map { max(1, $0 / 1_000) }
  }
}

extension Examination {
  /// Whether the daemon runs.
  func daemonItself() -> Check.Finding {
    switch running {
    case .unknown: return .skipped("it has no control socket")
    case .hidden(let reason): return .skipped(reason)
    case .absent(let path):
      let start = unit.isInstalled ? "'systemctl start \(unit.name)'" : "'\(instance.program) run'"
      return .note("it does not run: nobody listens at \(path)", remedy: "\(start) starts it")
    case .runs(_, let version?, _) where version != ProgramVersion.current:
      return .note(
        "version \(version) runs, and this is \(ProgramVersion.current)", remedy: "'systemctl restart \(unit.name)'")
    case .runs(_, _, let process):
      let name = process.flatMap { DaemonUser(ofProcess: $0, in: paths) }?.name ?? user.name
      return .ok("it runs as \(name)\(process.map { " (process \($0))" } ?? "")")
    }
  }

  /// Whether Tor finds this host's onion service, as the daemon found out.
  func published() -> Check.Finding {
    guard let state = running.state else { return .skipped("the daemon is not asked") }
    switch state.word {
    case "ready": return .ok("Tor found it")
    case "publishing":
      return .note(state.sentence, remedy: "it takes about a minute, and needs the correct time")
    default: return .skipped("the daemon does not know yet")
    }
  }

  /// Whether a circuit to this host's onion service came back, as the daemon found out.
  func loop() -> Check.Finding {
    guard let state = running.state else { return .skipped("the daemon is not asked") }
    switch state.word {
    case "ready": return .ok("a circuit came back\(running.loopTime.map { " in \($0) ms" } ?? "")")
    case "checking", "publishing", "waiting_for_name", "tor_starting":
      return .note(state.sentence, remedy: "'\(instance.program) status' tells when it is ready")
    default: return .wrong(state.sentence, remedy: "'\(instance.program) status' tells when it is ready")
    }
  }
}
