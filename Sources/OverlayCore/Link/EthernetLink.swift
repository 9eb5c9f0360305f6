/// The Ethernet link is the daemon's end of an Ethernet with the hosts of a LAN. It answers for the addresses behind
/// peers, learns where the hosts on this side are, and carries IP packets between the two. Ethernet ends here.
///
/// It holds 128 hosts (`NeighbourTable`), packets for 32 hosts that are still to be found (`WaitingPackets`), and 256
/// events, of which the newest is dropped (`linkEventLimit`). It sends at most 1,000 answers and 1,000 solicitations a
/// second (`neighbourLimited`), 10 of those to find out whether a station has the address that it writes, so that a
/// storm of other messages does not cause a storm of its own.
public struct EthernetLink: ~Copyable {
  /// The result of a frame.
  enum Inbound: Equatable {
    /// The frame holds an IP packet in this range, which is for a node. The offsets of the offload header count from
    /// the packet's start.
    case packet(Range<Int>, OffloadHeader)
    /// The frame holds in this range a request of this station for the address service: a router solicitation, which
    /// was checked, UDP to port 547 (DHCPv6) of a group or of the link's own address, or UDP or TCP to port 53 of the
    /// local responder, which is the service's for names. It is an IPv6 packet with a complete checksum.
    case request(Range<Int>, from: MACAddress)
    /// The link answered the frame, learned from it, or dropped and counted it.
    case consumed
  }

  /// Something that others have to act on.
  enum Event: Equatable {
    /// The host `source` asked where this peer is. A dial now gives its first packet a circuit.
    case wanted(IPv6Address, source: IPv6Address)
    /// A whole IP packet could not be delivered, because its host on this side did not tell where it is. The work that
    /// the sender left to the device was not done.
    case undeliverable([UInt8])
    /// A host on this side claims this address, a prefix of all its bits, which a route leads to a peer. The host gets
    /// no packets, and the link answers for the address. Only the first one is told.
    case misplaced(IPPrefix)
  }

  /// The greatest number of events that wait.
  static let eventLimit = 256

  /// The settings of the link.
  public private(set) var settings: LinkSettings
  /// The link's own IPv6 address, the source of its messages.
  let linkLocalAddress: IPv6Address
  /// The number of times that each thing has happened.
  var counters = Counters()

  var table = NeighbourTable()
  var waiting = WaitingPackets()
  var answers = TokenBucket(rate: messageRate, burst: messageBurst)
  var solicitations = TokenBucket(rate: messageRate, burst: messageBurst)
  var claimSolicitations = TokenBucket(rate: claimRate, burst: claimRate)
  private var events: [Event] = []
  let runs = FrameRuns()

  private static let messageRate = 1_000.0
  private static let messageBurst = 1_000.0
  private static let claimRate = 10.0

  /// Makes a link that knows no hosts yet.
  public init(_ settings: LinkSettings) {
    self.settings = settings
    linkLocalAddress = settings.macAddress.linkLocalAddress
  }

  /// Sets the MTU of the interface in bytes.
  mutating func mtuChanged(to bytes: Int) {
    settings.mtu = bytes
  }

  /// Changes which prefixes are on which side of the link.
  mutating func change(_ body: (inout LinkSettings) -> Void) { body(&settings) }

  /// Sets the addresses of the identities of this host.
  mutating func identitiesChanged(to addresses: [IPv6Address]) {
    settings.ownAddresses = addresses
  }

  /// The time at which `advance` has to be called next; `nil` while nothing waits.
  var nextDeadline: Instant? { waiting.nextDeadline }

  /// Removes the oldest event and returns it; `nil` if there is none.
  mutating func nextEvent() -> Event? {
    events.isEmpty ? nil : events.removeFirst()
  }

  /// Asks again where hosts are, and gives up those that have said nothing for three seconds.
  mutating func advance<Wire: PacketSink & ~Copyable>(to now: Instant, wire: inout Wire) {
    while let step = waiting.nextStep(at: now) {
      switch step {
      case .ask(let address): _ = solicit(address, at: nil, now, wire: &wire)
      case .giveUp(let destination):
        counters[.neighbourUnreachable] += UInt64(destination.packets.count)
        for packet in destination.packets { note(.undeliverable(packet.bytes)) }
      }
    }
  }

  /// Notes that a host on this side claims an address behind a peer.
  mutating func noteMisplaced(_ address: IPPrefix) {
    counters[.misplacedNeighbour] += 1
    if counters[.misplacedNeighbour] == 1 { note(.misplaced(address)) }
  }

  mutating func note(_ event: Event) {
    guard events.count < EthernetLink.eventLimit else {
      counters[.linkEventLimit] += 1
      return
    }
    events.append(event)
  }

  /// Sends `packet` to a station in a frame.
  mutating func transmit<Wire: PacketSink & ~Copyable>(
    _ packet: UnsafeRawBufferPointer, _ type: UInt16, to station: MACAddress, wire: inout Wire
  ) -> Bool {
    withUnsafePointer(to: packet) {
      transmit(UnsafeBufferPointer(start: $0, count: 1), .none, type, to: station, wire: &wire)
    }
  }

  /// Sends `packet`, which is in runs, to a station in a frame.
  mutating func transmit<Wire: PacketSink & ~Copyable>(
    _ packet: UnsafeBufferPointer<UnsafeRawBufferPointer>, _ offload: OffloadHeader, _ type: UInt16,
    to station: MACAddress, wire: inout Wire
  ) -> Bool {
    let header = EthernetHeader(destination: station, source: settings.macAddress, type: type)
    guard let offload = offload.moved(by: EthernetHeader.size), let frame = runs.frame(header, packet),
      wire.deliver(frame, offload)
    else {
      counters[.deviceRefused] += 1
      return false
    }
    return true
  }
}

extension OffloadHeader {
  /// Returns this header for a packet that begins `count` bytes later, or earlier if `count` is negative; `nil` if the
  /// checksum would begin where none can.
  func moved(by count: Int) -> OffloadHeader? {
    guard let checksum else { return self }
    guard let start = UInt16(exactly: Int(checksum.start) + count) else { return nil }
    return OffloadHeader(segmentation: segmentation, checksum: Checksum(start: start, offset: checksum.offset))
  }
}
