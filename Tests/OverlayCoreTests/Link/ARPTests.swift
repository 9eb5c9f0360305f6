import Testing

@testable import OverlayCore

@Suite("ARP and IPv4 on the link")
struct ARPTests {
  private typealias Frame = EthernetFrame
  private static let nobody = MACAddress(value: 0)
  private static let local: UInt32 = 0x0a01_0005
  private static let far: UInt32 = 0x0a02_0007

  @Test("a request for a routed address is answered to the asker with our MAC address, byte by byte")
  func answered() throws {
    var world = LinkWorld.withIPv4()
    let request = try hexadecimal(
      "ffffffffffff 02aa00000001 0806 0001 0800 06 04 0001 02aa00000001 0a010005 000000000000 0a020007")
    #expect(request == Frame.arp(1, sender: (LinkWorld.hostA, Self.local), target: (Self.nobody, Self.far)))
    let reply = try hexadecimal(
      "02aa00000001 021122334455 0806 0001 0800 06 04 0002 021122334455 0a020007 02aa00000001 0a010005")
    #expect(world.answers(to: request + [UInt8](repeating: 0, count: 18)) == [reply])
    #expect(world.count(.neighbourAnswered) == 1)
  }

  @Test(
    "no answer for what is on this side or nowhere, for a reply, for a probe, or for an announcement",
    arguments: [
      (1, local, 0x0a01_0006), (1, local, 0x0a03_0001), (2, local, far), (1, 0, far), (1, local, 0), (1, local, .max),
      (1, far, far),
    ] as [(UInt8, UInt32, UInt32)])
  func silence(_ operation: UInt8, _ sender: UInt32, _ target: UInt32) {
    var world = LinkWorld.withIPv4()
    let frame = Frame.arp(operation, sender: (LinkWorld.hostA, sender), target: (Self.nobody, target))
    #expect(world.answers(to: frame).isEmpty)
  }

  @Test("a route's part that is served here is not answered for")
  func longestMatch() {
    var world = LinkWorld {
      $0.carriesIPv4 = true
      $0.servedIPv4 = [IPv4Prefix(IPv4Address(value: 0x0a02_0000), length: 24)].compactMap { $0 }
      $0.ipv4Routes = [IPv4Prefix(IPv4Address(value: 0), length: 0)].compactMap { $0 }
    }
    for (target, count) in [(0x0a02_0007, 0), (0x0a02_0107, 1), (0xa9fe_0001, 0), (0x7f00_0001, 0)] as [(UInt32, Int)] {
      let answers = world.answers(
        to: Frame.arp(1, sender: (LinkWorld.hostA, Self.local), target: (Self.nobody, target)))
      #expect(answers.count == count)
    }
  }

  @Test("the first LAN host whose address is behind a peer by a route is told, all are counted, and none is learned")
  func misplaced() throws {
    var world = LinkWorld.withIPv4()
    let served = IPv4Prefix(IPv4Address(value: Self.far), length: 32)
    for sender in [Self.local, 0, 0xa9fe_0001] {
      _ = world.receive(Frame.arp(1, sender: (LinkWorld.hostA, sender), target: (Self.nobody, Self.far)))
    }
    #expect(world.events().isEmpty)
    let count = world.link.table.count
    for operation in [1, 2, 1] as [UInt8] {
      _ = world.receive(Frame.arp(operation, sender: (LinkWorld.hostB, Self.far), target: (Self.nobody, Self.local)))
    }
    #expect(world.events() == [.misplaced(.ipv4(try #require(served)))])
    #expect(world.count(.misplacedNeighbour) == 3)
    #expect(world.link.table.count == count)
  }

  @Test("a packet for a LAN host is kept while it is probed for, and goes out when it answers", arguments: 0..<4)
  func delivery(_ index: Int) throws {
    var world = LinkWorld.withIPv4()
    let packet = Frame.version4(from: Self.far, to: Self.local)
    let isKept = world.deliver(packet)
    #expect(isKept)
    let probe = try hexadecimal(
      "ffffffffffff 021122334455 0806 0001 0800 06 04 0001 021122334455 00000000 000000000000 0a010005")
    #expect(world.sent() == [probe])
    let lessons = [
      Frame.arp(2, sender: (LinkWorld.hostA, Self.local), target: (LinkWorld.mac, 0), to: LinkWorld.mac),
      // Gratuitous.
      Frame.arp(1, sender: (LinkWorld.hostA, Self.local), target: (Self.nobody, Self.local)),
      Frame.arp(1, sender: (LinkWorld.hostA, Self.local), target: (Self.nobody, 0x0a01_0009)),
      Frame.ip(Frame.version4(from: Self.local, to: Self.far)),
    ]
    #expect(world.answers(to: lessons[index]) == [Frame.ip(packet, from: LinkWorld.mac, to: LinkWorld.hostA)])
    // A host that was silent is probed where it was.
    world.pass(31)
    _ = world.deliver(packet)
    let sent = world.sent()
    #expect(sent.count == 2)
    #expect(sent.first == Frame.mac(LinkWorld.hostA) + probe[6...])
  }

  @Test("a host that does not answer is given up after three probes")
  func givenUp() {
    var world = LinkWorld.withIPv4()
    let packet = Frame.version4(from: Self.far, to: Self.local)
    _ = world.deliver(packet)
    world.pass(3)
    #expect(world.sent().count == 3)
    #expect(world.events() == [.undeliverable(packet)])
  }

  @Test("an IPv4 packet to our MAC address goes up without padding, options and all")
  func packets() {
    var world = LinkWorld.withIPv4()
    var packet = Frame.version4(from: Self.local, to: Self.far)
    #expect(world.receive(Frame.ip(packet) + [0, 0, 0]) == .packet(14..<42, .none))
    packet[0] = 0x46
    #expect(world.receive(Frame.ip(packet)) == .packet(14..<42, .none))
  }

  @Test(
    "an IPv4 packet with a wrong header is dropped and counted",
    arguments: [(0, 0x44), (0, 0x65), (0, 0x4f), (3, 29), (3, 19)])
  func malformed(_ offset: Int, _ value: UInt8) {
    var world = LinkWorld.withIPv4()
    var packet = Frame.version4(from: Self.local, to: Self.far)
    packet[offset] = value
    #expect(world.receive(Frame.of(0x0800, packet, from: LinkWorld.hostA, to: LinkWorld.mac)) == .consumed)
    #expect(world.count(.badFrame) == 1)
  }

  @Test(
    "IPv4 to or from a group, the broadcast, a link or nobody never goes up",
    arguments: [
      (local, 0xe000_0001), (local, .max), (0, far), (0xe000_0001, far), (0xa9fe_0001, far), (local, 0xa9fe_0001),
    ]
      as [(UInt32, UInt32)])
  func groups(_ source: UInt32, _ destination: UInt32) {
    var world = LinkWorld.withIPv4()
    #expect(world.receive(Frame.ip(Frame.version4(from: source, to: destination))) == .consumed)
    #expect(world.count(.multicast) == 1)
  }

  @Test(
    "an ARP packet of another kind, or from no station, is counted and teaches nothing",
    arguments: [(1, 6), (2, 0x86), (4, 8), (5, 16), (7, 3), (6, 1), (8, 0x03)] as [(Int, UInt8)])
  func badARP(_ offset: Int, _ value: UInt8) {
    var world = LinkWorld.withIPv4()
    var frame = Frame.arp(1, sender: (LinkWorld.hostA, Self.local), target: (Self.nobody, Self.far))
    frame[14 + offset] = value
    #expect(world.answers(to: frame).isEmpty)
    #expect(world.count(.badNeighbour) == 1)
    #expect(world.link.table.count == 0)
  }

  @Test("a storm of requests is answered a thousand times at once")
  func storm() {
    var world = LinkWorld.withIPv4()
    let frame = Frame.arp(1, sender: (LinkWorld.hostA, Self.local), target: (Self.nobody, Self.far))
    for _ in 0..<2_500 { _ = world.receive(frame) }
    #expect(world.sent().count == 1_000)
    #expect(world.count(.neighbourLimited) == 1_500)
  }
}
