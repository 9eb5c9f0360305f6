/// Whether others can reach this host: a circuit that it dials to its own onion service has to come back to it.
public enum Readiness: Equatable, Sendable {
  /// The SOCKS server takes no connections.
  case waitingForTor
  /// The service is being tried for the first time, or Tor has just come back.
  case checking
  /// Tor has not published the service yet, as far as this host can find out.
  case publishing
  /// A circuit came back: so long did its first packet take.
  case ready(loop: Duration)
  /// No circuit came back, for this reason.
  case notReady(LoopFailure)

  /// Whether others can reach this host.
  public var isReady: Bool { if case .ready = self { true } else { false } }
}

/// The reason why a circuit that this host dialled to its own onion service did not come back.
public enum LoopFailure: Equatable, Sendable {
  /// What listens at the SOCKS port is not Tor's: this is what it did.
  case notSOCKS(DialFailure)
  /// Tor takes requests and answers none: it has not bootstrapped.
  case silence
  /// The service has no port for circuits.
  case portNotMapped
  /// Tor finds nobody where it passes the service's port on to.
  case nobodyListens
  /// Tor granted the circuit, and it came out elsewhere: at another program, or at another host with the same key.
  case leadsElsewhere
  /// The circuit was not built for another reason.
  case notBuilt(DialFailure)

  init(_ failure: DialFailure) {
    switch failure {
    case .notSOCKS, .early: self = .notSOCKS(failure)
    case .silence: self = .silence
    case .portNotMapped: self = .portNotMapped
    // This host has the key of its own service, and its name is one.
    case .nobodyListens, .generalFailure: self = .nobodyListens
    default: self = .notBuilt(failure)
    }
  }
}

/// What is known of the publication of this host's onion service.
public enum Publication: Equatable, Sendable {
  /// Nobody tells.
  case unknown
  /// Tor has not uploaded a descriptor of it yet.
  case publishing
  /// Tor has uploaded a descriptor of it.
  case published
}
