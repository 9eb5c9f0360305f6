import PacketSamples
import Testing

@testable import OverlayCore

@Suite("Ethernet frames that come in")
struct FrameTests {
  private typealias Frame = EthernetFrame
  private static let packet = Sample.packet(from: LinkWorld.own, to: LinkWorld.peer, payload: [1, 2, 3, 4])

  @Test("an IP packet to our MAC address goes up without its header and without padding")
  func padding() {
    var world = LinkWorld()
    let frame = Frame.ip(Self.packet) + [0, 0, 0, 0, 0]
    #expect(world.receive(frame) == .packet(14..<58, .none))
    #expect(world.sent().isEmpty)
  }

  private static func partial(_ packet: SamplePacket) -> [UInt8] {
    var packet = packet
    (packet.source, packet.destination, packet.checksum) = (LinkWorld.own, LinkWorld.peer, .partial)
    return Frame.ip(packet.bytes)
  }

  @Test("a checksum that is left to us is made before the packet is judged, and nothing is left to be done")
  func offload() {
    var world = LinkWorld()
    #expect(world.receive(Self.partial(.udp([1, 2, 3])), .checksum(at: 54, 6)) == .packet(14..<65, .none))
    #expect(world.count(.badFrame) == 0)
  }

  @Test(
    "a checksum anywhere but in its own field is refused: in the Ethernet header, the packet's length, its source",
    arguments: [(13, 6), (14, 0), (14, 2), (14, 4), (16, 2), (20, 0), (22, 6), (22, 16), (38, 0), (54, 0), (54, 16)])
  func misplaced(start: UInt16, offset: UInt16) {
    var world = LinkWorld()
    #expect(world.receive(Self.partial(.udp([1, 2, 3])), .checksum(at: start, offset)) == .consumed)
    #expect(world.count(.badFrame) == 1)
  }

  @Test("a checksum that would lie beyond 65,535 is refused on its way out")
  func offloadOut() {
    var world = LinkWorld()
    _ = world.receive(Frame.solicitation())
    let packet = Sample.packet(from: LinkWorld.peer, to: LinkWorld.own)
    let isDelivered = world.deliver(packet, .checksum(at: 65_530, 6))
    #expect(!isDelivered)
    #expect(world.count(.deviceRefused) == 1)
  }

  private static func big(_ count: Int) -> [UInt8] {
    Frame.ip(Sample.packet(from: LinkWorld.own, to: LinkWorld.peer, payload: [UInt8](repeating: 0, count: count - 40)))
  }

  @Test("a jumbo frame is dropped and counted, one that is still to be cut is not")
  func jumbo() {
    var world = LinkWorld()
    #expect(world.receive(Self.big(1_500)) == .packet(14..<1_514, .none))
    #expect(world.receive(Self.big(1_501)) == .consumed)
    #expect(world.receive(Self.big(9_000)) == .consumed)
    #expect(world.count(.jumboFrame) == 2)
    let isCut = OffloadHeader(segmentation: .tcp(size: 1_400, hasECN: false), checksum: .init(start: 54, offset: 16))
    let expected = OffloadHeader(segmentation: isCut.segmentation, checksum: .init(start: 40, offset: 16))
    let cut = Self.partial(.tcp(SamplePacket.payload(60_000)))
    #expect(world.receive(cut, isCut) == .packet(14..<cut.count, expected))
    #expect(world.receive(Self.big(60_000), isCut) == .consumed)
  }

  /// Frames that are dropped, and what counts them.
  private static let dropped: [(String, [UInt8], Counter)] = [
    ("nothing", [], .badFrame),
    ("a runt", Array(Frame.ip(packet).prefix(13)), .badFrame),
    ("no packet", Array(Frame.ip(packet).prefix(14)), .badFrame),
    ("half a header", Array(Frame.ip(packet).prefix(53)), .badFrame),
    ("a packet cut off", Frame.ip(packet).dropLast(), .badFrame),
    (
      "version 4 as version 6",
      Frame.of(0x86dd, Frame.version4(from: 1, to: 2, payload: 40), from: LinkWorld.hostA, to: LinkWorld.mac), .badFrame
    ),
    ("a jumbogram", Frame.ip([0x60, 0, 0, 0, 0, 0, 0, 64] + packet[8...]), .badFrame),
    ("from a group", Frame.ip(packet, from: .broadcast), .badFrame),
    ("for another station", Frame.ip(packet, to: LinkWorld.hostB), .foreignFrame),
    ("for the kernel", Frame.ip(packet, to: LinkWorld.kernel), .foreignFrame),
    ("from ourselves", Frame.ip(packet, from: LinkWorld.mac), .frameLoop),
    ("from ourselves to all", Frame.ip(packet, from: LinkWorld.mac, to: .broadcast), .frameLoop),
    ("our own question", Frame.solicitation { $0.station = LinkWorld.mac }, .frameLoop),
    (
      "a VLAN's", Frame.of(0x8100, [0, 7, 0x86, 0xdd] + packet, from: LinkWorld.hostA, to: LinkWorld.mac), .taggedFrame
    ),
    ("a service VLAN's", Frame.of(0x88a8, [0, 7, 0x81, 0], from: LinkWorld.hostA, to: LinkWorld.mac), .taggedFrame),
    (
      "a spanning tree's",
      Frame.of(
        38, [0x42, 0x42, 3] + [UInt8](repeating: 0, count: 35), from: LinkWorld.hostA,
        to: MACAddress(value: 0x0180_c200_0000)), .otherFrame
    ),
    ("LLDP", Frame.of(0x88cc, [2, 7, 4], from: LinkWorld.hostA, to: MACAddress(value: 0x0180_c200_000e)), .otherFrame),
    ("IPv4 while it is off", Frame.ip(Frame.version4(from: 0x0a01_0001, to: 0x0a02_0001)), .ipv4),
    (
      "ARP while IPv4 is off",
      Frame.arp(1, sender: (LinkWorld.hostA, 0x0a01_0001), target: (MACAddress(value: 0), 0x0a02_0001)), .otherFrame
    ),
    ("a broadcast", Frame.ip(packet, to: .broadcast), .multicast),
    ("a group's frame", Frame.ip(packet, to: MACAddress(value: 0x3333_0000_0001)), .multicast),
    ("to a group", Frame.ip(Sample.packet(from: LinkWorld.own, to: .allNodes, payload: [1])), .multicast),
    ("from a group", Frame.ip(Sample.packet(from: .allNodes, to: LinkWorld.peer, payload: [1])), .multicast),
    (
      "to a link-local address", Frame.ip(Sample.packet(from: LinkWorld.own, to: LinkWorld.mac.linkLocalAddress)),
      .multicast
    ),
    (
      "from a link-local address", Frame.ip(Sample.packet(from: LinkWorld.mac.linkLocalAddress, to: LinkWorld.peer)),
      .multicast
    ),
    (
      "to the loopback address", Frame.ip(Sample.packet(from: LinkWorld.own, to: IPv6Address(high: 0, low: 1))),
      .multicast
    ),
    ("from nobody", Frame.ip(Sample.packet(from: .unspecified, to: LinkWorld.peer)), .multicast),
    (
      "a listener report",
      Frame.ip(
        Sample.packet(
          from: LinkWorld.own, to: .allNodes, nextHeader: 0,
          payload: [58, 0, 5, 2, 0, 0, 1, 0, 143, 0, 0, 0, 0, 0, 0, 0]), to: MACAddress(value: 0x3333_0000_0016)),
      .multicast
    ),
  ]

  @Test("what is not for us is dropped, counted by its kind, and answered by nothing", arguments: dropped.indices)
  func drops(_ index: Int) {
    var world = LinkWorld()
    let (name, frame, counter) = Self.dropped[index]
    #expect(world.receive(frame) == .consumed, "\(name)")
    #expect(world.count(counter) == 1, "\(name)")
    #expect(world.link.counters.summary == "\(counter)=1", "\(name)")
    #expect(world.sent().isEmpty, "\(name)")
    #expect(world.link.table.count == 0, "\(name)")
  }

  @Test("neighbour discovery in a packet for a peer never goes up", arguments: [133, 134, 135, 136, 137] as [UInt8])
  func noDiscoveryGoesUp(_ type: UInt8) {
    var world = LinkWorld()
    let packet = Sample.packet(
      from: LinkWorld.own, to: LinkWorld.peer, nextHeader: 58, payload: [type] + [UInt8](repeating: 0, count: 31))
    #expect(world.receive(Frame.ip(packet)) == .consumed)
    #expect(world.count(.badNeighbour) == 1)
  }

  @Test("a ping goes up, also behind an extension header")
  func ping() {
    var world = LinkWorld()
    let ping = Sample.echoRequest(from: LinkWorld.own, to: LinkWorld.peer)
    #expect(world.receive(Frame.ip(ping)) == .packet(14..<14 + ping.count, .none))
    let behind = Sample.packet(
      from: LinkWorld.own, to: LinkWorld.peer, nextHeader: 60, payload: [58, 0, 1, 4, 0, 0, 0, 0] + ping[40...])
    #expect(world.receive(Frame.ip(behind)) == .packet(14..<14 + behind.count, .none))
  }

  /// A request of DHCPv6 from a host's link-local address, its checksum left to the device.
  private static func request(to destination: IPv6Address, _ receiver: MACAddress, port: UInt8 = 0x23) -> [UInt8] {
    let source = LinkWorld.hostA.linkLocalAddress
    var message: [UInt8] = [0x02, 0x22, 0x02, port, 0, 12, 0, 0, 1, 2, 3, 4]
    let sum = ~NaiveChecksum.field(
      source: source, destination: destination, nextHeader: 17, [UInt8](repeating: 0, count: 12))
    (message[6], message[7]) = (UInt8(sum >> 8), UInt8(sum & 0xff))
    return Frame.ip(
      Sample.packet(from: source, to: destination, nextHeader: 17, payload: message), to: receiver)
  }

  private static let servers = IPv6Address(high: 0xff02 << 48, low: 0x1_0002)

  @Test("a request to the DHCPv6 servers is handed to the address service, its checksum complete")
  func addressRequest() {
    var world = LinkWorld()
    var frame = Self.request(to: Self.servers, MACAddress(group: Self.servers))
    let inbound = frame.withUnsafeMutableBytes {
      world.link.receive($0, .checksum(at: 54, 6), at: world.now, wire: &world.wire, isLive: { _ in false })
    }
    #expect(inbound == .request(14..<66, from: LinkWorld.hostA))
    let sum = NaiveChecksum.field(
      source: LinkWorld.hostA.linkLocalAddress, destination: Self.servers, nextHeader: 17, Array(frame[54...]))
    #expect(sum == 0)
  }

  @Test("so is one to the link's own address; one for a peer is the peer's, another port's is nobody's")
  func otherRequests() {
    var world = LinkWorld()
    let own = world.link.linkLocalAddress
    #expect(world.receive(Self.request(to: own, LinkWorld.mac)) == .request(14..<66, from: LinkWorld.hostA))
    let packet = Sample.packet(
      from: LinkWorld.own, to: LinkWorld.peer, nextHeader: 17, payload: [2, 0x22, 2, 0x23, 0, 8, 0, 0])
    #expect(world.receive(Frame.ip(packet)) == .packet(14..<62, .none))
    #expect(world.receive(Self.request(to: Self.servers, MACAddress(group: Self.servers), port: 0x22)) == .consumed)
    #expect(world.count(.multicast) == 1)
  }

  private static func routerSolicitation(_ change: (inout Frame.Discovery) -> Void = { _ in }) -> [UInt8] {
    Frame.solicitation {
      $0.type = 133
      $0.source = LinkWorld.hostA.linkLocalAddress
      $0.destination = IPv6Address(high: 0xff02 << 48, low: 2)
      // Eight bytes and an option, which here begins where a target would.
      $0.target = IPv6Address(high: 0x0101_02aa_0000_0001, low: 0x0e01_0000_0000_0000)
      $0.options = []
      change(&$0)
    }
  }

  @Test("a router solicitation is handed to the address service if it is sound")
  func routerSolicitations() {
    var world = LinkWorld()
    #expect(world.receive(Self.routerSolicitation()) == .request(14..<78, from: LinkWorld.hostA))
    #expect(world.receive(Self.routerSolicitation { $0.hopLimit = 64 }) == .consumed)
    #expect(world.receive(Self.routerSolicitation { $0.checksumError = 1 }) == .consumed)
    #expect(world.receive(Self.routerSolicitation { $0.source = .unspecified }) == .consumed)
    #expect(world.receive(Self.routerSolicitation { $0.cut = 1 }) == .consumed)
    #expect(world.count(.badNeighbour) == 4)
  }

  @Test("a storm of requests hands on a thousand")
  func requestStorm() {
    var world = LinkWorld()
    var handed = 0
    for _ in 0..<3_000 where world.receive(Self.routerSolicitation()) != .consumed { handed += 1 }
    #expect(handed == 1_000)
    #expect(world.count(.neighbourLimited) == 2_000)
  }

  @Test("what the address service says goes out to the station or group that it names, from our MAC address")
  func addressService() {
    var world = LinkWorld()
    let packet = Self.packet
    let isSent = packet.withUnsafeBytes { world.link.send($0, to: LinkWorld.hostB, wire: &world.wire) }
    #expect(isSent)
    #expect(world.sent() == [Frame.ip(packet, from: LinkWorld.mac, to: LinkWorld.hostB)])
  }

  @Test("a device that refuses is counted")
  func refused() {
    var world = LinkWorld()
    world.wire.isRefusing = true
    _ = world.receive(Frame.solicitation())
    let isDelivered = world.deliver(Sample.packet(from: LinkWorld.peer, to: LinkWorld.own))
    #expect(!isDelivered)
    #expect(world.count(.deviceRefused) == 2)
    #expect(world.count(.neighbourAnswered) == 0)
  }
}
