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
}
