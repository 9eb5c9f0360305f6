/// What a node measures beside its counters.
public struct NodeFigures: Sendable {
  /// How long packets waited on an open circuit before they went out.
  public internal(set) var queueDelay = DelayHistogram()
  /// How long it took until a dialled circuit was granted.
  public internal(set) var dialTime = DelayHistogram()
  /// Why dialled circuits were not built. Where Tor was asked why, its answer counts.
  public internal(set) var failedDials: [DialFailure.Kind: UInt64] = [:]
  /// How circuits were lost that this host had dialled.
  public internal(set) var lostCircuits: [CircuitLoss: UInt64] = [:]
  /// How accepted circuits were lost.
  public internal(set) var lostCalls: [CircuitLoss: UInt64] = [:]

  /// Notes the end of a circuit that was dialled and not granted.
  mutating func noteFailedDial(_ end: CircuitEnd) {
    switch end {
    case .torUnreachable: failedDials[.torUnreachable, default: 0] += 1
    case .unneeded: break
    case .notBuilt, .failure: noteFailedDial(end.dialFailure)
    }
  }

  /// Notes why a circuit was not built.
  mutating func noteFailedDial(_ failure: DialFailure) { failedDials[failure.kind, default: 0] += 1 }

  /// Notes the end of a circuit that was open, or accepted.
  mutating func noteLost(_ end: CircuitEnd, wasAccepted: Bool) {
    guard let loss = end.loss else { return }
    if wasAccepted { lostCalls[loss, default: 0] += 1 } else { lostCircuits[loss, default: 0] += 1 }
  }
}

/// The circuits of a node at one time.
public struct CircuitCensus: Equatable, Sendable {
  /// Those that are dialled and not granted yet.
  public internal(set) var dialling = 0
  /// Those that this host dialled and that are open.
  public internal(set) var open = 0
  /// Those that were accepted.
  public internal(set) var accepted = 0
}

/// How a circuit was lost, for figures. The words are a promise to the scripts of others.
public enum CircuitLoss: String, CaseIterable, Sendable {
  /// The other side, or Tor, closed it.
  case closed
  /// The connection broke, or it was closed because of what it brought or did not take.
  case failed
  /// Tor is not there.
  case torUnreachable = "tor_unreachable"
}

extension CircuitEnd {
  /// How an open circuit was lost; `nil` if it was not.
  fileprivate var loss: CircuitLoss? {
    switch self {
    case .closed: .closed
    case .failure, .notBuilt: .failed
    case .torUnreachable: .torUnreachable
    case .unneeded: nil
    }
  }
}

extension DialFailure {
  /// The kind of a failure, for figures. The words are a promise to the scripts of others.
  public enum Kind: String, CaseIterable, Sendable {
    /// Tor refused the circuit, and was not asked why, or did not tell.
    case refused
    /// No directory of Tor has a descriptor of that name.
    case notFound = "not_found"
    /// The descriptor cannot be used.
    case badDescriptor = "bad_descriptor"
    /// The onion service did not answer.
    case noRendezvous = "no_rendezvous"
    /// The onion service admits only who has a key.
    case keyMissing = "key_missing"
    /// The onion service does not admit the key.
    case keyWrong = "key_wrong"
    /// The onion service has no such port.
    case portNotMapped = "port_not_mapped"
    /// The onion service's Tor finds nobody listening.
    case nobodyListens = "nobody_listens"
    /// Tor tells neither that nor whether a key is missing or wrong.
    case generalFailure = "general_failure"
    /// No onion service can have that name.
    case badName = "bad_name"
    /// Tor took the request, and built no circuit in time.
    case silence
    /// What listens at the SOCKS port does not speak SOCKS.
    case notSOCKS = "not_socks"
    /// The SOCKS port granted the circuit before it was asked.
    case early
    /// Tor gave another code.
    case other
    /// The connection to the SOCKS port broke.
    case broken
    /// The SOCKS port takes no connections.
    case torUnreachable = "tor_unreachable"
  }

  /// The kind of the failure.
  var kind: Kind {
    switch self {
    case .refused: .refused
    case .notFound, .notFoundOrUseless: .notFound
    case .badDescriptor: .badDescriptor
    case .noRendezvous: .noRendezvous
    case .keyMissing: .keyMissing
    case .keyWrong: .keyWrong
    case .portNotMapped: .portNotMapped
    case .nobodyListens: .nobodyListens
    case .generalFailure: .generalFailure
    case .badName: .badName
    case .silence: .silence
    case .notSOCKS: .notSOCKS
    case .early: .early
    case .other: .other
    case .broken: .broken
    }
  }
}
