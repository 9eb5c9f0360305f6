/// A circuit identifier names a circuit for ever. It is never used again, so that a late event of a closed circuit does
/// not reach another.
public struct CircuitIdentifier: Hashable, Sendable {
  /// A small number that no other circuit has at the same time. It is an index for data of the circuit.
  public let slot: Int
  /// A number that no other circuit ever has.
  let serial: UInt64
}

/// The reason why a circuit ended.
public enum CircuitEnd: Equatable, Sendable, CustomStringConvertible {
  /// The SOCKS server does not take connections.
  case torUnreachable
  /// The circuit was not built.
  case notBuilt(DialFailure)
  /// The circuit broke. The text is for the log.
  case failure(String)
  /// Nobody needs the circuit any more: it was idle, or the operator's names changed.
  case unneeded

  /// The other side, or Tor, closed it.
  public static let closed = CircuitEnd.failure("the circuit was closed")

  /// The text for the log.
  public var description: String {
    switch self {
    case .torUnreachable: "Tor is not there"
    case .notBuilt(let failure): failure.description
    case .failure(let reason): reason
    case .unneeded: "not needed any more"
    }
  }

  /// Returns the reason why a circuit that ended so before it was granted was not built.
  var dialFailure: DialFailure {
    if case .notBuilt(let failure) = self { failure } else { .broken(description) }
  }
}
