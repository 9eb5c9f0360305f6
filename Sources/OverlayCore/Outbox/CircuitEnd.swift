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
