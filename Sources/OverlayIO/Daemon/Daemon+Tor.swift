import Glibc
import OverlayCore

/// What the daemon knows of Tor, from its control port and its SOCKS port.
extension Daemon {
  /// Makes the control port, where there is one: Tor is to have these services, of which `added` is told, and the
  /// publication of `names` is followed, which torrc has it publish. `start` of the port follows how far Tor is.
  func openTorControl(
    services: [TorService] = [], watching names: [OnionName] = [],
    added: @escaping (_ number: Int, OnionName, _ newKey: TorServiceKey?) -> Void = { _, _, _ in }
  ) throws(SystemError) -> TorControlPort? {
    guard torControl == nil, let control = settings.torControl else { return nil }
    let port = try TorControlPort(
      control, services: services, watching: names, on: loop, log: log, added: added,
      changed: { [unowned self] state in torChanged(to: state) })
    torControl = port
    for key in settings.peerKeys { port.authorize(key) }
    return port
  }

  /// A service is tried once Tor has published it, and not before, and a private peer once Tor has the key.
  func torChanged(to state: TorState) {
    pump?.keysChanged(to: state.keyed)
    pump?.publicationsChanged(to: state.publications, otherwise: unknownPublication)
    sayState()
  }

  /// Lets those find the service, and Tor the services of those peers, whom the new settings name.
  func useKeys(of new: DaemonSettings) {
    published?.use(new)
    torControl?.replaceKeys(settings.peerKeys, by: new.peerKeys)
  }

  /// What is known of a service of which Tor has told nothing: what torrc has it publish may stand for long, and what
  /// it publishes at our word does not stand before it says so.
  var unknownPublication: Publication { published == nil ? .unknown : .publishing }

  /// What is known of Tor from its control port.
  var torState: TorState { torControl?.state ?? TorState() }

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
