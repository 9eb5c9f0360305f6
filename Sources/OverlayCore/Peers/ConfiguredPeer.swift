/// A peer that the operator named on the command line: dialled at start, and again for ever.
public struct ConfiguredPeer: Hashable, Sendable {
  /// Who it is.
  public let name: OnionName
  /// What the operator calls it, if anything.
  public let petname: Petname?

  /// The peer of this name.
  public init(name: OnionName, petname: Petname? = nil) {
    self.name = name
    self.petname = petname
  }

  /// What the log may call it, the one with this index.
  public func label(_ index: Int) -> String { petname.map { "peer \($0)" } ?? "peer number \(index + 1)" }
}
