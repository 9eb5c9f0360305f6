/// Names a circuit for ever. An identifier is never used again, so that a late event of a closed circuit finds nobody.
public struct CircuitIdentifier: Hashable, Sendable {
  /// A small number that no other circuit has as long as this one is there: an index for what is kept beside it.
  public let slot: Int
  /// A number that no other circuit ever has.
  let serial: UInt64
}

/// Why a circuit ended.
public enum CircuitEnd: Equatable, Sendable, CustomStringConvertible {
  /// The SOCKS server does not take connections.
  case torUnreachable
  /// It failed, was refused or broke, in words for the log.
  case failure(String)
  /// Nobody needs it any more: it was idle, or the operator's names changed.
  case unneeded

  /// The other side, or Tor, closed it.
  public static let closed = CircuitEnd.failure("the circuit was closed")

  /// The words for the log.
  public var description: String {
    switch self {
    case .torUnreachable: "Tor is not there"
    case .failure(let reason): reason
    case .unneeded: "not needed any more"
    }
  }
}
