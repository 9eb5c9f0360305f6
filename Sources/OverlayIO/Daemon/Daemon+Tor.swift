import Glibc
import OverlayCore

/// What the daemon knows of Tor, from its control port and its SOCKS port.
extension Daemon {
  /// A service is tried once Tor has published it, and not before, and a private peer once Tor has the key.
  func torChanged(to state: TorState) {
    pump?.keysChanged(to: state.keyed)
    pump?.publicationsChanged(to: state.publications, otherwise: unknownPublication)
    sayState()
  }

  /// What is known of a service of which Tor has told nothing: what torrc has it publish may stand for long, and what
  /// it publishes at our word does not stand before it says so.
  var unknownPublication: Publication {
    if case .madeByTor? = settings.identities.first?.name { .publishing } else { .unknown }
  }

  /// What is known of Tor from its control port.
  var torState: TorState { tor?.state ?? TorState() }

  /// Notes that the SOCKS port came into reach or went out of it.
  func socksChanged(isReachable: Bool, _ failure: SystemError?) {
    torFailure = isReachable ? nil : failure
    if isReachable {
      log.notice("Tor \(hasSeenTorAway ? "is back" : "is there") at \(settings.socks)")
    } else {
      log.notice(waitingForTor)
    }
    hasSeenTorAway = !isReachable || hasSeenTorAway
    sayState()
    desk?.torChanged(isReachable: isReachable)
  }

  /// While the daemon waits nobody listens, and that is no news. Any other reason, such as a wrong path, is for the
  /// operator.
  private var waitingForTor: String {
    let reason = torFailure.flatMap { $0.number == ECONNREFUSED ? nil : " (\($0.reason))" } ?? ""
    return "waiting for Tor at \(settings.socks)\(reason)"
  }
}
