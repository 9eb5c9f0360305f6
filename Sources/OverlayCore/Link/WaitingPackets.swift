/// Packets that wait until the stations of their destinations on this side are known. There are at most 32
/// destinations, each with at most 8 packets and 16 KiB. A new packet displaces the oldest of its destination (RFC 4861
/// section 7.2.2). A new destination displaces that which has waited for longest, of the sender that waits for most.
/// Senders that wait for as many as any other displace 500 a second together, so that who looks for hosts that are not
/// there neither uses up everybody's questions nor displaces at once what others ask. Only an identity displaces an
/// identity. The counter `neighbourQueueFull` shows it.
struct WaitingPackets {
  /// A packet, and the offload work that is left to do.
  struct Packet {
    let bytes: [UInt8]
    let offload: OffloadHeader
  }

  /// One destination's packets.
  struct Destination {
    /// The destination; see `NeighbourTable.Entry`.
    let address: IPv6Address
    /// Whether it is an identity.
    let isOwn: Bool
    /// The sender of the packet for which it was added.
    let sender: IPv6Address
    /// When it was first asked where it is.
    let began: Instant
    /// The number of questions that were asked.
    var questions = 0
    var packets: [Packet] = []
    var byteCount = 0

    /// The time of the next question, or after the last one the time at which it is given up.
    var next: Instant { began + Solicitation.interval * questions }
  }

  /// The next step for a destination.
  enum Step {
    /// Ask where it is.
    case ask(IPv6Address)
    /// Give its packets up.
    case giveUp(Destination)
  }

  /// The greatest number of destinations.
  static let destinationLimit = 32
  /// The greatest number of packets of one destination.
  static let packetLimit = 8
  /// The greatest number of bytes of one destination's packets.
  static let byteLimit = 16 << 10

  /// The number of destinations that senders which wait for many displace in a second.
  static let turnoverRate = 500.0

  private var destinations: [Destination] = []
  private var turnover = TokenBucket(rate: turnoverRate, burst: turnoverRate)

  /// Whether nothing waits.
  var isEmpty: Bool { destinations.isEmpty }

  /// The time of the next step of any destination; `nil` if nothing waits.
  var nextDeadline: Instant? {
    destinations.isEmpty ? nil : destinations.reduce(Instant.distantFuture) { min($0, $1.next) }
  }

  /// Returns whether `address` was added, even if no packet for it was short enough to wait.
  func contains(_ address: IPv6Address) -> Bool { destinations.contains { $0.address == address } }

  /// Adds a destination for a packet of `sender`. Its first question is due now. It returns the number of packets of
  /// another destination that were dropped to make room, or `nil` if there is no room.
  mutating func insert(_ address: IPv6Address, isOwn: Bool, from sender: IPv6Address, _ now: Instant) -> Int? {
    var dropped = 0
    if destinations.count >= WaitingPackets.destinationLimit {
      guard let victim = victim(for: sender, isOwn: isOwn, now) else { return nil }
      dropped = destinations.remove(at: victim).packets.count
    }
    destinations.append(Destination(address: address, isOwn: isOwn, sender: sender, began: now))
    return dropped
  }

  /// Returns the destination that makes room for one of `sender`; `nil` if none does.
  private mutating func victim(for sender: IPv6Address, isOwn: Bool, _ now: Instant) -> Int? {
    // They stand in the order in which they came.
    var best: (index: Int, count: Int)?
    for index in destinations.indices where !destinations[index].isOwn {
      if let best, destinations[best.index].sender == destinations[index].sender { continue }
      let count = count(of: destinations[index].sender)
      if best.map({ count > $0.count }) ?? true { best = (index, count) }
    }
    guard let best else { return isOwn ? 0 : nil }
    // One that leaves the sender with fewer than the other has cannot go to and fro.
    let isFair = count(of: sender) + 1 < best.count
    return isOwn || isFair || turnover.take(at: now) ? best.index : nil
  }

  private func count(of sender: IPv6Address) -> Int {
    destinations.reduce(0) { $1.sender == sender && !$1.isOwn ? $0 + 1 : $0 }
  }

  /// Keeps a packet, whose bytes are in `runs`, for a destination that was added. It returns the number of packets that
  /// were dropped; the packet itself is one if it is too long.
  mutating func keep(
    _ runs: UnsafeBufferPointer<UnsafeRawBufferPointer>, _ offload: OffloadHeader, for address: IPv6Address
  ) -> (dropped: Int, isKept: Bool) {
    var count = 0
    for run in runs { count += run.count }
    guard count <= WaitingPackets.byteLimit, let index = destinations.firstIndex(where: { $0.address == address })
    else { return (1, false) }
    var dropped = 0
    while destinations[index].packets.count >= WaitingPackets.packetLimit
      || destinations[index].byteCount + count > WaitingPackets.byteLimit
    {
      destinations[index].byteCount -= destinations[index].packets.removeFirst().bytes.count
      dropped += 1
    }
    var bytes: [UInt8] = []
    bytes.reserveCapacity(count)
    for run in runs { bytes.append(contentsOf: run) }
    destinations[index].packets.append(Packet(bytes: bytes, offload: offload))
    destinations[index].byteCount += count
    return (dropped, true)
  }

  /// Removes the packets for `address` and returns them in the order in which they came.
  mutating func take(_ address: IPv6Address) -> [Packet] {
    guard let index = destinations.firstIndex(where: { $0.address == address }) else { return [] }
    return destinations.remove(at: index).packets
  }

  /// Returns the next step for a destination whose time has come; `nil` if there is none.
  mutating func nextStep(at now: Instant) -> Step? {
    guard let index = destinations.firstIndex(where: { $0.next <= now }) else { return nil }
    let end = destinations[index].began + Solicitation.interval * Solicitation.limit
    guard now < end else { return .giveUp(destinations.remove(at: index)) }
    // One question is enough if several are due.
    while destinations[index].next <= now { destinations[index].questions += 1 }
    return .ask(destinations[index].address)
  }
}
