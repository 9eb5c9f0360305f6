/// What is known of names, for those who ask the daemon: this host's own, those of permanent peers, and those that a
/// node has learned.
public struct KnownNames: LocalNames {
  /// The names of this host's identities.
  public var own: [OnionName]
  private let peers: [ConfiguredPeer]
  private let table: NameTable?

  /// What is known while there is no node: names of permanent peers.
  public init(of peers: [ConfiguredPeer]) { self.init([], peers, nil) }

  fileprivate init(_ own: [OnionName], _ peers: [ConfiguredPeer], _ table: NameTable?) {
    (self.own, self.peers, self.table) = (own, peers, table)
  }

  /// Returns the address of the permanent peer with a petname.
  public func address(of petname: Petname) -> IPv6Address? { peers.first { $0.petname == petname }?.name.address }

  /// Returns the petname of the permanent peer with an overlay address.
  public func petname(of address: IPv6Address) -> Petname? { peers.first { $0.name.address == address }?.petname }

  /// Returns the onion name that an overlay address stands for: this host's own before a peer's, and that before a
  /// learned one. What a caller merely claims is told to no program, which could log it.
  public func name(of address: IPv6Address) -> OnionName? {
    given(at: address) ?? table?.name(of: address).flatMap { table?.isStranger($0) == true ? nil : $0 }
  }

  /// Returns whether no other name has the address of an onion name, but for one that was never reached. Anybody can
  /// make up such a name, and would hide a host from whoever asks for it by its full name.
  public func admits(_ name: OnionName) -> Bool {
    guard let other = given(at: name.address) ?? table?.name(of: name.address), other != name else { return true }
    return table?.isUnreached(other) ?? false
  }

  private func given(at address: IPv6Address) -> OnionName? {
    own.first { $0.address == address } ?? peers.first { $0.name.address == address }?.name
  }
}

extension Node {
  /// What the node knows of names: no other identity's is among them.
  public var knownNames: KnownNames { KnownNames([settings.name], settings.policy.peers, names) }
}
