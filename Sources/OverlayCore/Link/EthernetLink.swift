/// The daemon's end of an Ethernet with the hosts of a LAN: it answers for the addresses behind peers, learns where the
/// hosts on this side are, and carries IP between both. Frames come in, frames go out; Ethernet ends here.
///
/// It holds 128 hosts (`NeighbourTable`), packets for 32 hosts that are still to be found (`WaitingPackets`), and 256
/// events, of which the newest is dropped (`linkEventLimit`). It sends at most 1,000 answers and as many solicitations
/// a second (`neighbourLimited`), so that a storm of others does not become one of ours.
public struct EthernetLink: ~Copyable {
  /// What became of a frame.
  enum Inbound: Equatable {
    /// An IP packet, this range of the frame, for a node; a checksum that is still to be made begins where the header
    /// says, counted from the packet's start.
    case packet(Range<Int>, OffloadHeader)
    /// A router solicitation, or UDP to port 547 of a group or of the link's own address (DHCPv6), this range of the
    /// frame, from this station: for the address service, if there is one. An IPv6 packet with its checksum complete; a
    /// router solicitation's was checked.
    case request(Range<Int>, from: MACAddress)
    /// It was answered, learned from, or dropped and counted.
    case consumed
  }

  /// What others are to do.
  enum Event: Equatable {
    /// The host `source` asked where this peer is: whoever dials it now has a circuit when the first packet comes.
    case wanted(IPv6Address, source: IPv6Address)
    /// A whole IP packet for a host on this side that did not tell where it is. What its sender left to the device to
    /// do was not done.
    case undeliverable([UInt8])
    /// A host on this side has this address, a prefix of all its bits, which lies behind a peer by a route: it gets
    /// nothing, and who looks for it here is answered by the link. Only the first one is told.
    case misplaced(IPPrefix)
  }

  /// How many events wait at the most.
  static let eventLimit = 256

  /// What the link was told.
  public private(set) var settings: LinkSettings
  /// The link's own IPv6 address, from which it asks.
  let linkLocalAddress: IPv6Address
  /// What happened.
  var counters = Counters()

  var table = NeighbourTable()
  var waiting = WaitingPackets()
  var answers = TokenBucket(rate: messageRate, burst: messageBurst)
  var solicitations = TokenBucket(rate: messageRate, burst: messageBurst)
  private var events: [Event] = []
  let runs = FrameRuns()

  private static let messageRate = 1_000.0
  private static let messageBurst = 1_000.0

  /// A link that knows no hosts yet.
  public init(_ settings: LinkSettings) {
    self.settings = settings
    linkLocalAddress = settings.macAddress.linkLocalAddress
  }

  /// The interface carries packets of so many bytes from now on.
  mutating func mtuChanged(to bytes: Int) {
    settings.mtu = bytes
  }

  /// The identities of this host have these addresses from now on.
  mutating func identitiesChanged(to addresses: [IPv6Address]) {
    settings.ownAddresses = addresses
  }

  /// When `advance` has something to do; `nil` while nothing waits.
  var nextDeadline: Instant? { waiting.nextDeadline }

  /// Takes the oldest event.
  mutating func nextEvent() -> Event? {
    events.isEmpty ? nil : events.removeFirst()
  }

  /// Asks again where hosts are, and gives up those that said nothing for three seconds.
  mutating func advance<Wire: PacketSink & ~Copyable>(to now: Instant, wire: inout Wire) {
    while let step = waiting.nextStep(at: now) {
      switch step {
      case .ask(let address): solicit(address, at: nil, now, wire: &wire)
      case .giveUp(let destination):
        counters[.neighbourUnreachable] += UInt64(destination.packets.count)
        for packet in destination.packets { note(.undeliverable(packet.bytes)) }
      }
    }
  }

  /// Notes that a host on this side says that it has an address behind a peer.
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

  /// Sends the frame to a station whose bytes behind the Ethernet header `packet` are.
  mutating func transmit<Wire: PacketSink & ~Copyable>(
    _ packet: UnsafeRawBufferPointer, _ type: UInt16, to station: MACAddress, wire: inout Wire
  ) -> Bool {
    withUnsafePointer(to: packet) {
      transmit(UnsafeBufferPointer(start: $0, count: 1), .none, type, to: station, wire: &wire)
    }
  }

  /// Sends the frame to a station whose bytes behind the Ethernet header `packet` are, in runs.
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
  /// This header for a packet that begins so many bytes later, or earlier if that is negative; `nil` if the checksum
  /// would begin where none can.
  func moved(by count: Int) -> OffloadHeader? {
    guard let checksum else { return self }
    guard let start = UInt16(exactly: Int(checksum.start) + count) else { return nil }
    return OffloadHeader(segmentation: segmentation, checksum: Checksum(start: start, offset: checksum.offset))
  }
}
