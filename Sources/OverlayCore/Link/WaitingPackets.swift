/// Packets that wait until the stations of their destinations on this side are known. There are at most 32
/// destinations, each with at most 8 packets and 16 KiB. A new packet displaces the oldest of its destination (RFC 4861
/// section 7.2.2). A new destination displaces the one that has waited for longest; only an identity displaces an
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

  private var destinations: [Destination] = []

  /// Whether nothing waits.
  var isEmpty: Bool { destinations.isEmpty }

  /// The time of the next step of any destination; `nil` if nothing waits.
  var nextDeadline: Instant? {
    destinations.isEmpty ? nil : destinations.reduce(Instant.distantFuture) { min($0, $1.next) }
  }

  /// Returns whether `address` was added, even if no packet for it was short enough to wait.
  func contains(_ address: IPv6Address) -> Bool { destinations.contains { $0.address == address } }

  /// Adds a destination, whose first question is due now. It returns the number of packets of another destination that
  /// were dropped to make room, or `nil` if there is no room.
  mutating func insert(_ address: IPv6Address, isOwn: Bool, _ now: Instant) -> Int? {
    var dropped = 0
    if destinations.count >= WaitingPackets.destinationLimit {
      // They stand in the order in which they came.
      guard let victim = destinations.firstIndex(where: { !$0.isOwn }) ?? (isOwn ? 0 : nil) else { return nil }
      dropped = destinations.remove(at: victim).packets.count
    }
    destinations.append(Destination(address: address, isOwn: isOwn, began: now))
    return dropped
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
