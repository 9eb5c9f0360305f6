/// The memory of a peer table: each peer lies in a slot, which stays the same as long as the peer is there, and is found
/// by the peer's address in one step.
struct PeerSlots: ~Copyable {
  /// Which slot a peer lies in.
  struct Index: Hashable {
    /// The slot's number.
    let number: Int
  }

  private var peers = UnsafeMutableBufferPointer<Peer>(start: nil, count: 0)
  // Whether a slot holds a peer.
  private var isTaken: [Bool] = []
  private var free: [Int] = []
  private var numbers: [IPv6Address: Int] = [:]

  /// The number of peers.
  var count: Int { numbers.count }

  /// The slots of all peers.
  var indices: [Index] { isTaken.indices.filter { isTaken[$0] }.map { Index(number: $0) } }

  /// The peer with this address; `nil` if there is none.
  func find(_ address: IPv6Address) -> Index? { numbers[address].map { Index(number: $0) } }

  /// The peer in a slot, which must hold one.
  subscript(index: Index) -> Peer {
    unsafeAddress { UnsafePointer(address(of: index)) }
    unsafeMutableAddress { address(of: index) }
  }

  /// Takes in a peer whose address no other has.
  mutating func insert(_ peer: consuming Peer) -> Index {
    if free.isEmpty { grow() }
    let number = free.removeLast()
    isTaken[number] = true
    numbers[peer.address] = number
    peers.initializeElement(at: number, to: peer)
    return Index(number: number)
  }

  /// Forgets a peer.
  mutating func remove(_ index: Index) {
    numbers[self[index].address] = nil
    isTaken[index.number] = false
    free.append(index.number)
    peers.deinitializeElement(at: index.number)
  }

  private func address(of index: Index) -> UnsafeMutablePointer<Peer> {
    precondition(isTaken.indices.contains(index.number) && isTaken[index.number], "a peer that is gone was used")
    return peers.baseAddress.unsafelyUnwrapped + index.number
  }

  private mutating func grow() {
    let old = peers
    peers = .allocate(capacity: max(8, old.count * 2))
    // Only a full table grows: every slot of the old one holds a peer.
    _ = peers.moveInitialize(fromContentsOf: old)
    old.deallocate()
    free = Array((old.count..<peers.count).reversed())
    isTaken += repeatElement(false, count: free.count)
  }

  deinit {
    for number in isTaken.indices where isTaken[number] { peers.deinitializeElement(at: number) }
    peers.deallocate()
  }
}
