/// The memory of all peers. Each peer lies in a slot, which it keeps as long as it exists. A peer is found by its
/// address in one step.
struct PeerSlots: ~Copyable {
  /// The slot of a peer.
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

  /// Returns the peer with this address; `nil` if there is none.
  func find(_ address: IPv6Address) -> Index? { numbers[address].map { Index(number: $0) } }

  /// The peer in a slot, which must hold one.
  subscript(index: Index) -> Peer {
    unsafeAddress { peers.address(of: index.number) }
    unsafeMutableAddress { UnsafeMutablePointer(mutating: peers.address(of: index.number)) }
  }

  /// Adds a peer, whose address no other peer has, and returns its slot.
  mutating func insert(_ peer: consuming Peer) -> Index {
    let address = peer.address
    let number = peers.insert(peer)
    numbers[address] = number
    return Index(number: number)
  }

  /// Removes a peer.
  mutating func remove(_ index: Index) {
    let gone = peers.remove(index.number)
    numbers[gone.address] = nil
  }
}
