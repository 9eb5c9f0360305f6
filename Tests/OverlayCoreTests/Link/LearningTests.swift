import Testing

@testable import OverlayCore

@Suite("Hosts on this side that the link learns")
struct LearningTests {
  private typealias Frame = EthernetFrame

  private static func packet(to destination: IPv6Address, from source: IPv6Address = LinkWorld.peer) -> [UInt8] {
    Sample.packet(from: source, to: destination, payload: [1, 2, 3, 4])
  }

  /// The frame of such a packet.
  private static func frame(to destination: IPv6Address, at station: MACAddress) -> [UInt8] {
    Frame.ip(packet(to: destination), from: LinkWorld.mac, to: station)
  }

  @Test(
    "a packet goes to the host that a solicitation, an advertisement or a packet showed", arguments: 0..<6)
  func taught(_ index: Int) {
    var world = LinkWorld()
    let lessons = [
      Frame.solicitation(),
      Frame.advertisement(),
      // Unsolicited, to all nodes.
      Frame.advertisement { ($0.destination, $0.flags) = (.allNodes, 0x20) },
      Frame.advertisement { ($0.destination, $0.flags) = (.allNodes, 0) },
      Frame.ip(Self.packet(to: LinkWorld.peer, from: LinkWorld.own)),
      // A solicitation among the hosts, which is no business of ours.
      Frame.solicitation { $0.target = LinkWorld.second },
    ]
    _ = world.receive(lessons[index])
    _ = world.sent()
    let isDelivered = world.deliver(Self.packet(to: LinkWorld.own))
    #expect(isDelivered)
    #expect(world.sent() == [Self.frame(to: LinkWorld.own, at: LinkWorld.hostA)])
  }

  @Test("the Ethernet header is one further first run, and a checksum's place moves with it")
  func runs() {
    var world = LinkWorld()
    _ = world.receive(Frame.solicitation())
    world.wire.frames = []
    let isDelivered = world.deliver(Self.packet(to: LinkWorld.own), .checksum(at: 40, 6))
    #expect(isDelivered)
    #expect(world.wire.frames.map(\.runCount) == [2])
    #expect(world.wire.frames.map(\.header) == [.checksum(at: 54, 6)])
  }

  @Test("these teach nothing", arguments: 0..<9)
  func untaught(_ index: Int) {
    var world = LinkWorld()
    let frames = [
      Frame.solicitation { ($0.source, $0.options) = (.unspecified, []) },
      Frame.solicitation { $0.options = [] },
      Frame.solicitation { $0.source = LinkWorld.routed },
      Frame.solicitation { $0.source = IPv6Address(high: 0xfe80 << 48, low: 7) },
      Frame.solicitation { $0.source = OverlayNetwork.tor.localResponder },
      Frame.solicitation { $0.options = [1, 1] + Frame.mac(LinkWorld.mac) },
      Frame.advertisement { $0.options = [] },
      Frame.advertisement { ($0.destination, $0.flags) = (.allNodes, 0x40) },
      Frame.ip(Self.packet(to: .allNodes, from: LinkWorld.own)),
    ]
    _ = world.receive(frames[index])
    #expect(world.link.table.count == 0)
  }

  /// Every rule of RFC 4861 section 7.1.2, broken.
  private static let broken: [(String, [UInt8])] = [
    ("hop limit", Frame.advertisement { $0.hopLimit = 64 }),
    ("checksum", Frame.advertisement { $0.checksumError = 1 }),
    ("code", Frame.advertisement { $0.code = 7 }),
    ("length", Frame.advertisement { ($0.options, $0.cut) = ([], 1) }),
    ("target a group", Frame.advertisement { $0.target = .allNodes }),
    ("solicited by a group", Frame.advertisement { $0.destination = .allNodes }),
    ("option of no length", Frame.advertisement { $0.options = [2, 0, 0, 0, 0, 0, 0, 0] }),
    ("router advertisement", Frame.advertisement { $0.type = 134 }),
    ("redirect", Frame.advertisement { $0.type = 137 }),
  ]

  @Test("an advertisement that breaks a rule is discarded and counted", arguments: broken.indices)
  func rules(_ index: Int) {
    var world = LinkWorld()
    let (name, frame) = Self.broken[index]
    #expect(world.receive(frame) == .consumed, "\(name)")
    #expect(world.count(.badNeighbour) == 1, "\(name)")
    #expect(world.link.table.count == 0, "\(name)")
  }

  @Test("a host that moved to another MAC address is followed", arguments: 0..<3)
  func moved(_ index: Int) {
    var world = LinkWorld()
    _ = world.receive(Frame.solicitation())
    let moves = [
      Frame.solicitation { $0.station = LinkWorld.hostB },
      Frame.advertisement { $0.station = LinkWorld.hostB },
      Frame.ip(Self.packet(to: LinkWorld.peer, from: LinkWorld.own), from: LinkWorld.hostB),
    ]
    _ = world.receive(moves[index])
    _ = world.sent()
    _ = world.deliver(Self.packet(to: LinkWorld.own))
    #expect(world.sent() == [Self.frame(to: LinkWorld.own, at: LinkWorld.hostB)])
  }

  @Test("an advertisement that does not override only makes the link ask")
  func doubted() {
    var world = LinkWorld()
    _ = world.receive(Frame.solicitation())
    _ = world.receive(
      Frame.advertisement { ($0.station, $0.flags, $0.destination) = (LinkWorld.hostB, 0, .allNodes) })
    _ = world.sent()
    _ = world.deliver(Self.packet(to: LinkWorld.own))
    let sent = world.sent()
    #expect(sent.count == 2)
    #expect(sent.last == Self.frame(to: LinkWorld.own, at: LinkWorld.hostA))
    #expect(sent.first?.prefix(6) == Frame.mac(LinkWorld.hostA)[...])
    #expect(sent.first?[54] == 135)
  }

  /// The question that the link asks host A, whether it still has `own`.
  private static let probe = Frame.solicitation {
    $0.source = LinkWorld.mac.linkLocalAddress
    $0.station = LinkWorld.mac
    $0.receiver = LinkWorld.hostA
    $0.target = LinkWorld.own
    $0.destination = LinkWorld.own
  }

  @Test("a host that has been silent for 30 seconds is asked by unicast when it is used, and nothing is held back")
  func reachability() {
    var world = LinkWorld()
    _ = world.receive(Frame.solicitation())
    world.pass(29.9)
    _ = world.sent()
    _ = world.deliver(Self.packet(to: LinkWorld.own))
    #expect(world.sent() == [Self.frame(to: LinkWorld.own, at: LinkWorld.hostA)])
    world.pass(0.2)
    _ = world.deliver(Self.packet(to: LinkWorld.own))
    _ = world.deliver(Self.packet(to: LinkWorld.own))
    let frame = Self.frame(to: LinkWorld.own, at: LinkWorld.hostA)
    #expect(world.sent() == [Self.probe, frame, frame])
    // The answer to a unicast question may leave the option out.
    _ = world.receive(Frame.advertisement { $0.options = [] })
    world.pass(29)
    _ = world.deliver(Self.packet(to: LinkWorld.own))
    #expect(world.sent() == [frame])
  }

  @Test("a host that does not answer three questions is looked for anew")
  func lost() {
    var world = LinkWorld()
    _ = world.receive(Frame.solicitation())
    world.pass(31)
    _ = world.sent()
    for _ in 0..<3 {
      _ = world.deliver(Self.packet(to: LinkWorld.own))
      #expect(world.sent() == [Self.probe, Self.frame(to: LinkWorld.own, at: LinkWorld.hostA)])
      world.pass(1)
    }
    _ = world.deliver(Self.packet(to: LinkWorld.own))
    let sent = world.sent()
    #expect(sent.count == 1)
    #expect(sent.first?.prefix(6) == [0x33, 0x33, 0xff, 0, 0, 1])
  }

  @Test("a host is forgotten after 120 seconds without a word")
  func aged() {
    var world = LinkWorld()
    _ = world.receive(Frame.solicitation())
    world.pass(121)
    _ = world.sent()
    _ = world.deliver(Self.packet(to: LinkWorld.own))
    let sent = world.sent()
    #expect(sent.count == 1)
    #expect(sent.first?.prefix(6) == [0x33, 0x33, 0xff, 0, 0, 1])
  }

  @Test("a host that sends packets is neither asked nor forgotten")
  func kept() {
    var world = LinkWorld()
    let frame = Frame.ip(Self.packet(to: LinkWorld.peer, from: LinkWorld.own))
    for _ in 0..<20 {
      _ = world.receive(frame)
      world.pass(20)
      _ = world.deliver(Self.packet(to: LinkWorld.own))
    }
    #expect(world.sent() == Array(repeating: Self.frame(to: LinkWorld.own, at: LinkWorld.hostA), count: 20))
  }

  @Test("a flood of strangers leaves 128 hosts, the youngest, and displaces no identity")
  func flood() {
    var world = LinkWorld()
    _ = world.receive(Frame.solicitation())
    for number in 0..<1_000 {
      world.pass(0.01)
      let stranger = IPv6Address(high: 0x2001_0db8_0001_0000, low: UInt64(number) + 0x1_0000)
      _ = world.receive(Frame.ip(Self.packet(to: LinkWorld.peer, from: stranger), from: LinkWorld.hostB))
    }
    #expect(world.link.table.count == 128)
    #expect(world.count(.neighbourTableFull) == 1_000 - 127)
    _ = world.sent()
    _ = world.deliver(Self.packet(to: LinkWorld.own))
    #expect(world.sent() == [Self.frame(to: LinkWorld.own, at: LinkWorld.hostA)])
    let youngest = IPv6Address(high: 0x2001_0db8_0001_0000, low: 999 + 0x1_0000)
    _ = world.deliver(Self.packet(to: youngest))
    #expect(world.sent() == [Self.frame(to: youngest, at: LinkWorld.hostB)])
    let gone = IPv6Address(high: 0x2001_0db8_0001_0000, low: 0x1_0000)
    _ = world.deliver(Self.packet(to: gone))
    #expect(world.sent().first?.prefix(3) == [0x33, 0x33, 0xff])
  }

  @Test("an identity finds room among identities, a stranger does not")
  func crowd() {
    let identities = (0..<130).map { LinkWorld.overlay(0x7000 + UInt64($0)) }
    var world = LinkWorld { $0.ownAddresses = identities }
    for identity in identities {
      world.pass(0.01)
      _ = world.receive(Frame.solicitation { $0.source = identity })
    }
    #expect(world.count(.neighbourTableFull) == 2)
    _ = world.receive(Frame.solicitation { $0.source = LinkWorld.served })
    #expect(world.count(.neighbourTableFull) == 3)
    _ = world.sent()
    for identity in identities.dropFirst(2) { _ = world.deliver(Self.packet(to: identity)) }
    #expect(world.sent() == identities.dropFirst(2).map { Self.frame(to: $0, at: LinkWorld.hostA) })
    // Those that nobody has heard of for too long are in nobody's way.
    world.pass(121)
    _ = world.receive(Frame.solicitation { $0.source = LinkWorld.served })
    #expect(world.count(.neighbourTableFull) == 3)
  }
}
