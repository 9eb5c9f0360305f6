/// The neighbour table holds the MAC addresses of at most 128 hosts on this side. A new host displaces the one that was
/// silent for longest; only an identity displaces an identity, so that a flood of strangers displaces none. The counter
/// `neighbourTableFull` shows it.
struct NeighbourTable {
  /// What is known of a host.
  struct Entry {
    /// Its address. An IPv4 address is kept as its mapped IPv6 address, which no packet may have.
    let address: IPv6Address
    /// The station where it is.
    var macAddress: MACAddress
    /// The time at which a frame last confirmed the host.
    var heard: Instant
    /// The time at which the host was last asked whether it is still there.
    var probed: Instant?
    /// The number of times that the host was asked since it was last heard of.
    var probes = 0
    /// Whether another station claimed its address.
    var isDoubted = false
    /// Whether it is an identity.
    let isOwn: Bool
    /// What became of the station that had the address before.
    var tenure = Tenure.undisputed
  }

  /// Whether another station may still have an address that a host took over from it.
  enum Tenure: Equatable {
    /// No other has had it, or those that had it no longer say so.
    case undisputed
    /// Another had it before. All hosts of the link were asked who has it at this time; `nil` if they were not yet.
    case disputed(asked: Instant?)
  }

  /// What a station's claim to have an address is worth.
  enum Claim: Equatable {
    /// The host with the address is there.
    case held
    /// The table knows it at another station or not at all, or another had it before: all hosts of the link are to be
    /// asked.
    case open
    /// They were asked a moment ago.
    case waiting
  }

  /// The result of a look for a host.
  enum Finding: Equatable {
    /// The table knows nothing, or nothing that can still be believed.
    case unknown
    /// The host is at this station. `isDoubtful` tells that it should be asked whether it is still there.
    case known(MACAddress, isDoubtful: Bool)
  }

  /// The greatest number of hosts.
  static let limit = 128
  /// A host that was silent for so long is forgotten.
  static let lifetime = Duration.seconds(120)
  /// A host that was silent for so long is asked when a packet goes there.
  static let freshness = Duration.seconds(30)

  private var entries: [Entry] = []
  // Where an address probably stands, by a few of its bits: a flow of packets finds its host at once. Nothing is wrong
  // if it does not.
  private var hints = [UInt8](repeating: 0, count: 64)

  /// Makes an empty table.
  init() {
    entries.reserveCapacity(NeighbourTable.limit)
  }

  /// The number of hosts. It includes those that were silent for too long and have not been displaced yet.
  var count: Int { entries.count }

  /// Returns the hosts that were heard of lately.
  func heard(at now: Instant) -> [Entry] { entries.filter { $0.heard + NeighbourTable.lifetime > now } }

  /// Notes that the host with `address` was heard of now, if the table has it at `macAddress`. It returns false if the
  /// table does not.
  mutating func confirm(_ address: IPv6Address, at macAddress: MACAddress, _ now: Instant) -> Bool {
    guard let index = index(of: address), entries[index].macAddress == macAddress else { return false }
    entries[index].heard = now
    entries[index].probed = nil
    entries[index].probes = 0
    entries[index].isDoubted = false
    return true
  }

  /// Notes that another station claims `address` without insisting on it: the host is asked when it is next used (RFC
  /// 4861 section 7.2.5). It returns false if the host is unknown.
  mutating func doubt(_ address: IPv6Address) -> Bool {
    guard let index = index(of: address) else { return false }
    entries[index].isDoubted = true
    return true
  }

  /// Notes where a host is. It returns false if the table was full: another host was displaced, or this one was not
  /// added.
  mutating func learn(_ address: IPv6Address, at macAddress: MACAddress, isOwn: Bool, _ now: Instant) -> Bool {
    let entry = Entry(address: address, macAddress: macAddress, heard: now, isOwn: isOwn)
    if let index = index(of: address) {
      let before = entries[index]
      entries[index] = entry
      // Whatever a frame says can be a lie, and who had the address may be silent and still be there.
      entries[index].tenure = before.macAddress == macAddress ? before.tenure : .disputed(asked: nil)
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

  /// Returns where the host with `address` is. A host that was asked three times and stayed silent is unknown.
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

  /// Returns what the claim of `macAddress` to have `address` is worth now. One that was disputed holds if nobody else
  /// has said anything for a second since all hosts were asked.
  mutating func claim(to address: IPv6Address, by macAddress: MACAddress, _ now: Instant) -> Claim {
    guard let index = index(of: address), entries[index].macAddress == macAddress else { return .open }
    switch entries[index].tenure {
    case .undisputed: break
    case .disputed(nil): return .open
    case .disputed(let asked?):
      guard now - asked >= Solicitation.interval else { return .waiting }
      entries[index].tenure = .undisputed
    }
    _ = confirm(address, at: macAddress, now)
    return .held
  }

  /// Notes that all hosts of the link are asked now who has `address`.
  mutating func asked(_ address: IPv6Address, _ now: Instant) {
    guard let index = index(of: address), case .disputed = entries[index].tenure else { return }
    entries[index].tenure = .disputed(asked: now)
  }

  /// Notes that the host with `address` is asked now whether it is still there.
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

/// How often hosts are asked where they are (RFC 4861 section 10).
enum Solicitation {
  /// The number of questions: MAX_MULTICAST_SOLICIT and MAX_UNICAST_SOLICIT.
  static let limit = 3
  /// The time between two questions, and from the last one to giving up: RETRANS_TIMER.
  static let interval = Duration.seconds(1)
}
