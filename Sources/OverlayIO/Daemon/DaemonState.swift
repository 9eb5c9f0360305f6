import OverlayCore

/// How the daemon is, for `status`, the service manager and the log alike.
struct DaemonState {
  /// A word for programs.
  let name: String
  /// The same for people, with what is waited for or wrong.
  let sentence: String
}

extension Daemon {
  /// How the daemon is: what is waited for first comes first.
  var state: DaemonState {
    guard let pump else { return DaemonState(name: "waiting_for_name", sentence: waitingForName) }
    if let sentence = torState.sentence { return DaemonState(name: "tor_starting", sentence: sentence) }
    guard let (readiness, sentence) = pump.readiness else {
      return DaemonState(name: "waiting_for_name", sentence: "no identity")
    }
    return DaemonState(
      name: readiness.name, sentence: sentence + (torFailure.map { " (\($0.reason))" } ?? ""))
  }

  /// Tells the service manager how the daemon is.
  func sayState() { notifier?.say(state.sentence) }

  private var waitingForName: String {
    for identity in settings.identities {
      switch identity.name {
      case .onion: break
      case .hostnameFile(let path): return "waiting for Tor to write \(path)"
      case .madeByTor: return torState.sentence ?? waitingForControlPort
      }
    }
    return "the interface is being made"
  }

  private var waitingForControlPort: String {
    let place = settings.torControl.map { " at \($0)" } ?? ""
    guard case .waiting(let reason) = torState.link else {
      return "waiting for Tor\(place) to make the onion service"
    }
    return "waiting for Tor's control port\(place)" + (reason.isEmpty ? "" : ": \(reason)")
  }
}
