/// The flows that this side began, each of one peer.
///
/// There are at most `limit`. Past that the peer with the most flows loses the one that was silent for longest, and a
/// peer that has as many as any other loses its own: so nobody's flows push out those of others who have fewer. The
/// counter `flowEvicted` shows it. A connection of TCP that was forgotten is known again as soon as our side sends.
///
/// The memory grows by doubling up to the limit, 72 bytes a flow and four to eight for finding it, and is freed when no
/// flow is left. Noting a packet of a known flow allocates nothing.
struct DoorFlows: ~Copyable {
  /// The interval at which flows that are over are removed.
  static let sweepInterval = Duration.seconds(30)
  /// The exactness of the time at which a flow was last heard of. It spares packets of a busy flow the writing.
  private static let exactness = Duration.seconds(1)
  private static let fewest = 64
  private static let none: Int32 = -1

  private struct Record {
    var key: DoorFlow.Key
    var lastSeen: Instant
    var owner: Int32
    // The next of the same hash, or the next free one.
    var next: Int32
    // The neighbours among the flows of the same peer, by when they were last heard of.
    var older: Int32
    var newer: Int32
    var state: DoorFlow.State
    var closed: DoorFlow.State.Closed
  }

  private struct Owner {
    let peer: IPv6Address
    var count = 0
    var oldest = DoorFlows.none
    var newest = DoorFlows.none
  }

  private let limit: Int
  private let seed: UInt64
  private var records = UnsafeMutableBufferPointer<Record>(start: nil, count: 0)
  // The first of each hash. Their number is a power of two.
  private var heads = UnsafeMutableBufferPointer<Int32>(start: nil, count: 0)
  // Records that were ever in use have lower numbers than others.
  private var used = 0
  private var free = DoorFlows.none
  private var owners: [Owner] = []
  private var freeOwners: [Int] = []
  private var ownerOf: [IPv6Address: Int] = [:]
  // The flow that was found last: the next packet is often of the same.
  private var latest = DoorFlows.none

  /// The number of flows.
  private(set) var count = 0
  /// The time at which `sweep` has to be called next.
  private(set) var nextSweep = Instant.distantFuture

  /// Makes a table for at most so many flows, at least one. `seed` is random and nobody else's, so that nobody chooses
  /// flows that are hard to find.
  init(limit: Int, seed: UInt64) {
    self.limit = max(1, limit)
    self.seed = seed
  }

  deinit {
    records.deallocate()
    heads.deallocate()
  }

  /// A flow in the table. It is valid until the table changes.
  struct Index { fileprivate let number: Int32 }

  /// Returns a flow that is not over; `nil` if there is none.
  @inline(__always)
  mutating func find(_ key: DoorFlow.Key, at now: Instant) -> Index? {
    if latest != DoorFlows.none, records[Int(latest)].key == key, !isOver(latest, at: now) {
      return Index(number: latest)
    }
    return search(key, at: now)
  }

  private mutating func search(_ key: DoorFlow.Key, at now: Instant) -> Index? {
    guard count > 0 else { return nil }
    var number = heads[slot(of: key)]
    while number != DoorFlows.none {
      if records[Int(number)].key == key {
        guard !isOver(number, at: now) else {
          remove(number)
          return nil
        }
        latest = number
        return Index(number: number)
      }
      number = records[Int(number)].next
    }
    return nil
  }

  /// Returns the peer that a flow is with.
  func peer(of flow: Index) -> IPv6Address { owners[Int(records[Int(flow.number)].owner)].peer }

  /// Returns how far a flow is.
  func state(of flow: Index) -> DoorFlow.State { records[Int(flow.number)].state }

  /// Notes a packet of a flow. `flags` are those of a segment of TCP.
  @inline(__always)
  mutating func note(_ flow: Index, flags: UInt8?, isSent: Bool, at now: Instant) {
    let number = Int(flow.number)
    if let flags { records[number].state.note(flags, isSent: isSent, &records[number].closed) }
    guard now - records[number].lastSeen >= DoorFlows.exactness else { return }
    records[number].lastSeen = now
    unlist(flow.number)
    list(flow.number)
  }

  /// Adds a flow, which must not be in the table, and returns whether another made room for it.
  mutating func insert(
    _ key: DoorFlow.Key, with peer: IPv6Address, _ state: DoorFlow.State, isClosing: Bool = false, at now: Instant
  ) -> Bool {
    let isFull = count >= limit
    if isFull { remove(victim(for: peer)) }
    if free == DoorFlows.none, used == records.count { grow() }
    let number: Int32
    if free != DoorFlows.none {
      number = free
      free = records[Int(number)].next
    } else {
      number = Int32(used)
      used += 1
    }
    let slot = slot(of: key)
    (records.baseAddress.unsafelyUnwrapped + Int(number)).initialize(
      to: Record(
        key: key, lastSeen: now, owner: Int32(owner(for: peer)), next: heads[slot], older: DoorFlows.none,
        newer: DoorFlows.none, state: state, closed: isClosing ? .byUs : []))
    heads[slot] = number
    list(number)
    count += 1
    latest = number
    if nextSweep == .distantFuture { nextSweep = now + DoorFlows.sweepInterval }
    return isFull
  }

  /// Removes a flow.
  mutating func remove(_ flow: Index) { remove(flow.number) }

  /// Removes the flows that are over, if it is time, and frees the memory if none is left.
  mutating func sweep(at now: Instant) {
    guard nextSweep <= now else { return }
    for owner in owners.indices {
      var number = owners[owner].oldest
      while number != DoorFlows.none {
        let newer = records[Int(number)].newer
        if isOver(number, at: now) { remove(number) }
        number = newer
      }
    }
    nextSweep = count > 0 ? now + DoorFlows.sweepInterval : .distantFuture
    if count == 0 { release() }
  }

  // MARK: - Order

  private func isOver(_ number: Int32, at now: Instant) -> Bool {
    now - records[Int(number)].lastSeen > records[Int(number)].state.lifetime
  }

  /// Returns the flow that makes room for one with a peer. It looks at every peer that has flows.
  private func victim(for peer: IPv6Address) -> Int32 {
    var most = ownerOf[peer] ?? owners.startIndex
    for owner in owners.indices where owners[owner].count > owners[most].count { most = owner }
    return owners[most].oldest
  }

  private mutating func owner(for peer: IPv6Address) -> Int {
    if let known = ownerOf[peer] { return known }
    let owner = freeOwners.popLast() ?? owners.count
    if owner == owners.count { owners.append(Owner(peer: peer)) } else { owners[owner] = Owner(peer: peer) }
    ownerOf[peer] = owner
    return owner
  }

  /// Puts a flow behind the others of its peer.
  private mutating func list(_ number: Int32) {
    let owner = Int(records[Int(number)].owner)
    let newest = owners[owner].newest
    records[Int(number)].older = newest
    records[Int(number)].newer = DoorFlows.none
    if newest == DoorFlows.none {
      owners[owner].oldest = number
    } else {
      records[Int(newest)].newer = number
    }
    owners[owner].newest = number
    owners[owner].count += 1
  }

  private mutating func unlist(_ number: Int32) {
    let record = records[Int(number)]
    let owner = Int(record.owner)
    if record.older == DoorFlows.none {
      owners[owner].oldest = record.newer
    } else {
      records[Int(record.older)].newer = record.newer
    }
    if record.newer == DoorFlows.none {
      owners[owner].newest = record.older
    } else {
      records[Int(record.newer)].older = record.older
    }
    owners[owner].count -= 1
  }

  private mutating func remove(_ number: Int32) {
    let record = records[Int(number)]
    unlist(number)
    let owner = Int(record.owner)
    if owners[owner].count == 0 {
      ownerOf[owners[owner].peer] = nil
      freeOwners.append(owner)
    }
    let slot = slot(of: record.key)
    if heads[slot] == number {
      heads[slot] = record.next
    } else {
      var before = Int(heads[slot])
      while records[before].next != number { before = Int(records[before].next) }
      records[before].next = record.next
    }
    records[Int(number)].next = free
    free = number
    if latest == number { latest = DoorFlows.none }
    count -= 1
  }

  // MARK: - Memory

  private func slot(of key: DoorFlow.Key) -> Int {
    let kind = UInt64(key.ports) << 16 | UInt64(key.protocolNumber) << 8 | (key.isIPv4 ? 1 : 0)
    let low = DoorFlows.fold(key.local.low ^ seed, key.remote.low ^ 0x9e37_79b9_7f4a_7c15)
    let high = DoorFlows.fold(key.local.high ^ key.remote.high ^ low, kind ^ seed)
    return Int(truncatingIfNeeded: high ^ high >> 32) & (heads.count - 1)
  }

  private static func fold(_ left: UInt64, _ right: UInt64) -> UInt64 {
    let product = left.multipliedFullWidth(by: right)
    return product.high ^ product.low
  }

  private mutating func grow() {
    let capacity = min(limit, max(DoorFlows.fewest, 2 * records.count))
    let grown = UnsafeMutableBufferPointer<Record>.allocate(capacity: capacity)
    _ = grown.moveInitialize(fromContentsOf: records[..<used])
    records.deallocate()
    records = grown
    heads.deallocate()
    var slots = DoorFlows.fewest
    while slots < capacity { slots *= 2 }
    heads = UnsafeMutableBufferPointer<Int32>.allocate(capacity: slots)
    heads.initialize(repeating: DoorFlows.none)
    // Every record is in use: it grows only when none is free.
    for number in 0..<used {
      let slot = slot(of: records[number].key)
      records[number].next = heads[slot]
      heads[slot] = Int32(number)
    }
  }

  private mutating func release() {
    records.deallocate()
    heads.deallocate()
    records = UnsafeMutableBufferPointer(start: nil, count: 0)
    heads = UnsafeMutableBufferPointer(start: nil, count: 0)
    (used, free, latest) = (0, DoorFlows.none, DoorFlows.none)
    (owners, freeOwners, ownerOf) = ([], [], [:])
  }
}
