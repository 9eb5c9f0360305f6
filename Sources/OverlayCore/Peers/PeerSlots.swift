/// The peers that are there. Each lies in a slot, which stays the same as long as the peer is there, and is found by the
/// peer's address in one step.
struct PeerSlots: ~Copyable {
  /// Which slot a peer lies in.
  struct Index: Hashable {
    /// The slot's number.
    let number: Int
  }

  private var peers = Slots<Peer>()
  private var numbers: [IPv6Address: Int] = [:]

  /// The number of peers.
  var count: Int { peers.count }

  /// The slots of all peers.
  var indices: [Index] { peers.indices.map { Index(number: $0) } }

  /// The peer with this address; `nil` if there is none.
  func find(_ address: IPv6Address) -> Index? { numbers[address].map { Index(number: $0) } }

  /// The peer in a slot, which must hold one.
  subscript(index: Index) -> Peer {
    unsafeAddress { peers.address(of: index.number) }
    unsafeMutableAddress { UnsafeMutablePointer(mutating: peers.address(of: index.number)) }
  }

  /// Takes in a peer whose address no other has.
  mutating func insert(_ peer: consuming Peer) -> Index {
    let address = peer.address
    let number = peers.insert(peer)
    numbers[address] = number
    return Index(number: number)
  }

  /// Forgets a peer.
  mutating func remove(_ index: Index) {
    let gone = peers.remove(index.number)
    numbers[gone.address] = nil
  }
}
