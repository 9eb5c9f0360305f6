/// The MAC addresses of the hosts on this side. Bounded to 128; what has not been heard of for longest goes first, and an
/// identity's only for another identity's, so that a flood of strangers displaces none (`neighbourTableFull`).
struct NeighbourTable {
  /// What is known of a host.
  struct Entry {
    /// Its address; an IPv4 one as the IPv6 address that it is mapped to, which no packet may have.
    let address: IPv6Address
    /// Where it is.
    var macAddress: MACAddress
    /// When a frame last said so.
    var heard: Instant
    /// When it was last asked whether it still is there.
    var probed: Instant?
    /// How often it was asked since it was heard of.
    var probes = 0
    /// Whether another claimed its address.
    var isDoubted = false
    /// Whether it is an identity.
    let isOwn: Bool
  }

  /// What a look for a host finds.
  enum Finding: Equatable {
    /// Nothing, or nothing that can still be believed.
    case unknown
    /// Where it is; `isDoubtful` if it is time to ask it whether it still is there.
    case known(MACAddress, isDoubtful: Bool)
  }

  /// How many hosts are known at the most.
  static let limit = 128
  /// After how long without a word of it a host is forgotten.
  static let lifetime = Duration.seconds(120)
  /// After how long without a word of it a host is asked, when a packet goes there.
  static let freshness = Duration.seconds(30)

  private var entries: [Entry] = []
  // Where an address probably stands, by a few of its bits: a flow of packets finds its host at once. Nothing is wrong
  // if it does not.
  private var hints = [UInt8](repeating: 0, count: 64)

  /// An empty table.
  init() {
    entries.reserveCapacity(NeighbourTable.limit)
  }

  /// How many hosts are known, those included that were not heard of for too long and are in nobody's way.
  var count: Int { entries.count }

  /// Notes that the host with `address` was heard of just now if it is known to be at `macAddress`: false if it is not.
  mutating func confirm(_ address: IPv6Address, at macAddress: MACAddress, _ now: Instant) -> Bool {
    guard let index = index(of: address), entries[index].macAddress == macAddress else { return false }
    entries[index].heard = now
    entries[index].probed = nil
    entries[index].probes = 0
    entries[index].isDoubted = false
    return true
  }

  /// Notes that somebody else says to be the host with `address`, but gives way to it: it is asked when it is used
  /// (RFC 4861 section 7.2.5). False if it is not known.
  mutating func doubt(_ address: IPv6Address) -> Bool {
    guard let index = index(of: address) else { return false }
    entries[index].isDoubted = true
    return true
  }

  /// Notes where a host is, and forgets another if there are too many; false if one was forgotten, or this one is not
  /// remembered.
  mutating func learn(_ address: IPv6Address, at macAddress: MACAddress, isOwn: Bool, _ now: Instant) -> Bool {
    let entry = Entry(address: address, macAddress: macAddress, heard: now, isOwn: isOwn)
    if let index = index(of: address) {
      entries[index] = entry
      return true
    }
    guard entries.count >= NeighbourTable.limit else {
      entries.append(entry)
      return true
    }
    guard let victim = victim(for: isOwn, now) else { return false }
    let isExpired = now - entries[victim].heard > NeighbourTable.lifetime
    entries[victim] = entry
    return isExpired
  }

  /// Where the host with `address` is. A host that has been asked three times and has said nothing is unknown.
  mutating func find(_ address: IPv6Address, _ now: Instant) -> Finding {
    guard let index = index(of: address) else { return .unknown }
    let age = now - entries[index].heard
    guard age > NeighbourTable.freshness || entries[index].isDoubted else {
      return .known(entries[index].macAddress, isDoubtful: false)
    }
    if let probed = entries[index].probed, now - probed < Solicitation.interval {
      return .known(entries[index].macAddress, isDoubtful: false)
    }
    guard age <= NeighbourTable.lifetime, entries[index].probes < Solicitation.limit else {
      entries.swapAt(index, entries.count - 1)
      entries.removeLast()
      return .unknown
    }
    return .known(entries[index].macAddress, isDoubtful: true)
  }

  /// Notes that the host with `address` was asked just now whether it still is there.
  mutating func probed(_ address: IPv6Address, _ now: Instant) {
    guard let index = index(of: address) else { return }
    entries[index].probed = now
    entries[index].probes += 1
  }

  private mutating func index(of address: IPv6Address) -> Int? {
    let hint = Int(truncatingIfNeeded: (address.low ^ address.low >> 24 ^ address.high) & 63)
    let likely = Int(hints[hint])
    if likely < entries.count, entries[likely].address == address { return likely }
    guard let index = entries.firstIndex(where: { $0.address == address }) else { return nil }
    hints[hint] = UInt8(index)
    return index
  }

  private func victim(for isOwn: Bool, _ now: Instant) -> Int? {
    var victim: Int?
    for index in entries.indices {
      let isExpired = now - entries[index].heard > NeighbourTable.lifetime
      guard !entries[index].isOwn || isOwn || isExpired else { continue }
      guard let best = victim else {
        victim = index
        continue
      }
      let isWeaker = entries[best].isOwn && !entries[index].isOwn
      let isSame = entries[best].isOwn == entries[index].isOwn
      if isWeaker || isSame && entries[index].heard < entries[best].heard { victim = index }
    }
    return victim
  }
}

/// How hosts are asked where they are (RFC 4861 section 10).
enum Solicitation {
  /// How often: MAX_MULTICAST_SOLICIT and MAX_UNICAST_SOLICIT.
  static let limit = 3
  /// How long it takes from one time to the next, and from the last to giving up: RETRANS_TIMER.
  static let interval = Duration.seconds(1)
}
