/// A peer that the operator names: it is dialled at start and for ever after.
public struct ConfiguredPeer: Hashable, Sendable {
  /// The peer's identity.
  public let name: OnionName
  /// What the operator calls it.
  public let petname: Petname?

  /// A peer of this name.
  public init(name: OnionName, petname: Petname? = nil) {
    self.name = name
    self.petname = petname
  }
}
