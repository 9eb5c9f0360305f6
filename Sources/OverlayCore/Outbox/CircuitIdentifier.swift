/// Names a circuit for ever. An identifier is never used again, so that a late event of a closed circuit finds nobody.
public struct CircuitIdentifier: Hashable, Sendable {
  /// A small number that no other circuit has as long as this one is there: an index for what is kept beside it.
  public let slot: Int
  /// A number that no other circuit ever has.
  let serial: UInt64
}
