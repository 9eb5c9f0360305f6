import Testing

@testable import OverlayCore

@Suite("Neighbour solicitations that come in")
struct SolicitationTests {
  private typealias Frame = EthernetFrame
  private static let responders = [OverlayNetwork.tor.localResponder, OverlayNetwork.tor.circuitResponder]

  /// The advertisement that the link sends to host A.
  private static func advertisement(
    of target: IPv6Address, to destination: IPv6Address, flags: UInt8, at receiver: MACAddress = LinkWorld.hostA
  ) -> [UInt8] {
    Frame.advertisement {
      $0.source = LinkWorld.mac.linkLocalAddress
      $0.station = LinkWorld.mac
      $0.receiver = receiver
      $0.destination = destination
      $0.target = target
      $0.flags = flags
    }
  }

  @Test("the answer for a peer is unicast to the asker, solicited, gives way to a host, and the peer is wanted")
  func peer() {
    var world = LinkWorld()
    let answers = world.answers(to: Frame.solicitation())
    #expect(answers == [Self.advertisement(of: LinkWorld.peer, to: LinkWorld.own, flags: 0x40)])
    #expect(world.events() == [.wanted(LinkWorld.peer, source: LinkWorld.own)])
    #expect(world.count(.neighbourAnswered) == 1)
  }

  @Test("a LAN host whose address is behind a peer by a route is told; one that looks whether its own is free is not")
  func misplaced() throws {
    var world = LinkWorld()
    for source in [LinkWorld.own, LinkWorld.served, LinkWorld.peer, LinkWorld.hostA.linkLocalAddress] {
      _ = world.receive(Frame.solicitation { $0.source = source })
    }
    let probe = Frame.solicitation {
      $0.source = .unspecified
      $0.target = LinkWorld.routed
      $0.options = []
    }
    #expect(world.answers(to: probe).isEmpty)
    #expect(world.count(.misplacedNeighbour) == 0)
    _ = world.events()
    for _ in 0..<2 {
      _ = world.receive(
        Frame.solicitation {
          $0.source = LinkWorld.routed
          $0.target = LinkWorld.served
        })
    }
    let routed = try #require(IPv6Prefix(LinkWorld.routed, length: 128))
    #expect(world.events() == [.misplaced(.ipv6(routed))])
    #expect(world.count(.misplacedNeighbour) == 2)
  }

  @Test("a prefix that is routed no more is not answered for, and a new one is")
  func changed() throws {
    var world = LinkWorld()
    let question = Frame.solicitation { $0.target = LinkWorld.routed }
    #expect(world.answers(to: question).count == 1)
    world.link.change { $0.routes = [] }
    #expect(world.answers(to: question).isEmpty)
    let prefix = try #require(IPv6Prefix(LinkWorld.routed, length: 64))
    world.link.change { $0.routes = [prefix] }
    #expect(world.answers(to: question).count == 1)
    world.link.change { $0.servedPrefixes = [prefix] }
    #expect(world.answers(to: question).isEmpty)
  }

  @Test("the exact bytes of a solicitation and its answer")
  func bytes() throws {
    var world = LinkWorld()
    let solicitation = try hexadecimal(
      """
      3333ff123456 02aa00000001 86dd
      60000000 00203aff fd87d87eeb4300011111000000000001 ff0200000000000000000001ff123456
      8700 4747 00000000 fd87d87eeb4300013333000000123456 0101 02aa00000001
      """)
    #expect(solicitation == Frame.solicitation())
    let expected = try hexadecimal(
      """
      02aa00000001 021122334455 86dd
      60000000 00203aff fe80000000000000001122fffe334455 fd87d87eeb4300011111000000000001
      8800 6dab 40000000 fd87d87eeb4300013333000000123456 0201 021122334455
      """)
    #expect(world.answers(to: solicitation) == [expected])
  }

  @Test("the responders and routed addresses are answered for, and nobody is wanted", arguments: [0, 1, 2])
  func responders(_ index: Int) {
    var world = LinkWorld()
    let target = (Self.responders + [LinkWorld.routed])[index]
    let answers = world.answers(to: Frame.solicitation { $0.target = target })
    #expect(answers == [Self.advertisement(of: target, to: LinkWorld.own, flags: 0x40)])
    #expect(world.events().isEmpty)
  }

  @Test(
    "no answer for what is on this side, or nowhere",
    arguments: [
      "fd87:d87e:eb43:1:1111::1", "fd87:d87e:eb43:1:2222::2", "2001:db8:1::42", "2001:db8:2:ff::1", "2001:db8:9::1",
      "fe80::1", "::", "::1", "::ffff:10.2.0.1",
    ])
  func silence(_ target: String) throws {
    var world = LinkWorld()
    let target = try IPv6Address.sample(target)
    #expect(world.answers(to: Frame.solicitation { $0.target = target }).isEmpty)
    #expect(world.events().isEmpty)
  }

  @Test(
    "a default route is no reason to answer for addresses of the link", arguments: ["fe80::1", "::1", "2001:db8:1::42"])
  func defaultRoute(_ target: String) throws {
    var world = LinkWorld { $0.routes = [IPv6Prefix(.unspecified, length: 0)].compactMap { $0 } }
    let target = try IPv6Address.sample(target)
    #expect(world.answers(to: Frame.solicitation { $0.target = target }).isEmpty)
    #expect(world.answers(to: Frame.solicitation { $0.target = LinkWorld.routed }).count == 1)
  }

  @Test("the kernel's end of the link is answered as any host, and its own address left to it")
  func kernel() {
    var world = LinkWorld()
    let answers = world.answers(to: Frame.solicitation { $0.station = LinkWorld.kernel })
    #expect(
      answers == [Self.advertisement(of: LinkWorld.peer, to: LinkWorld.own, flags: 0x40, at: LinkWorld.kernel)])
    #expect(world.answers(to: Frame.solicitation { $0.target = LinkWorld.own }).isEmpty)
  }

  @Test("a probe by unicast, whether the peer still is there, is answered")
  func unicast() {
    var world = LinkWorld()
    let answers = world.answers(
      to: Frame.solicitation {
        $0.destination = LinkWorld.peer
        $0.options = []
      })
    #expect(answers == [Self.advertisement(of: LinkWorld.peer, to: LinkWorld.own, flags: 0x40)])
  }

  @Test("the answer goes to the station that the option names")
  func option() {
    var world = LinkWorld()
    let answers = world.answers(to: Frame.solicitation { $0.options = [1, 1] + Frame.mac(LinkWorld.hostB) })
    #expect(
      answers == [Self.advertisement(of: LinkWorld.peer, to: LinkWorld.own, flags: 0x40, at: LinkWorld.hostB)])
  }

  @Test("the link's own address is answered for, and overrides")
  func linkLocal() {
    var world = LinkWorld()
    let target = world.link.linkLocalAddress
    #expect(target.description == "fe80::11:22ff:fe33:4455")
    let answers = world.answers(to: Frame.solicitation { $0.target = target })
    #expect(answers == [Self.advertisement(of: target, to: LinkWorld.own, flags: 0x60)])
  }

  /// A probe for a duplicate address.
  private static func probe(_ target: IPv6Address, _ change: (inout Frame.Discovery) -> Void = { _ in }) -> [UInt8] {
    Frame.solicitation {
      $0.source = .unspecified
      $0.options = []
      $0.target = target
      change(&$0)
    }
  }

  @Test("who is about to take the address of a live peer hears an objection that goes to all nodes, unsolicited")
  func duplicateOfLivePeer() {
    var world = LinkWorld()
    world.live = [LinkWorld.peer]
    let answers = world.answers(to: Self.probe(LinkWorld.peer))
    let allNodes = IPv6Address(high: 0xff02 << 48, low: 1)
    let group = MACAddress(value: 0x3333_0000_0001)
    #expect(answers == [Self.advertisement(of: LinkWorld.peer, to: allNodes, flags: 0, at: group)])
    #expect(world.events().isEmpty)
  }

  @Test("who is about to take any other address is left alone", arguments: 0..<6)
  func duplicate(_ index: Int) {
    var world = LinkWorld()
    // Even if somebody says that they were live.
    world.live = [LinkWorld.own, LinkWorld.second, LinkWorld.served]
    let targets =
      [LinkWorld.own, LinkWorld.second, LinkWorld.served, LinkWorld.peer, LinkWorld.routed] + Self.responders
    #expect(world.answers(to: Self.probe(targets[index])).isEmpty)
  }

  @Test("who is about to take the link's own address hears an objection")
  func duplicateOfLink() {
    var world = LinkWorld()
    #expect(world.answers(to: Self.probe(world.link.linkLocalAddress)).count == 1)
  }

  /// Every rule of RFC 4861 section 7.1.1, broken.
  private static let broken: [(String, [UInt8])] = [
    ("hop limit 254", Frame.solicitation { $0.hopLimit = 254 }),
    ("hop limit 0", Frame.solicitation { $0.hopLimit = 0 }),
    ("checksum", Frame.solicitation { $0.checksumError = 0x0100 }),
    ("code", Frame.solicitation { $0.code = 1 }),
    ("length 23", Frame.solicitation { ($0.options, $0.cut) = ([], 1) }),
    ("length 8", Frame.solicitation { ($0.options, $0.cut) = ([], 16) }),
    ("target a group", Frame.solicitation { $0.target = IPv6Address(high: 0xff02 << 48, low: 5) }),
    ("option of no length", Frame.solicitation { $0.options = [1, 0] + Frame.mac(LinkWorld.hostA) }),
    (
      "later option of no length",
      Frame.solicitation { $0.options = [14, 1, 0, 0, 0, 0, 0, 0, 14, 0, 0, 0, 0, 0, 0, 0] }
    ),
    ("option cut off", Frame.solicitation { $0.cut = 1 }),
    ("option of one byte", Frame.solicitation { $0.options = [1] }),
    ("option of 16 bytes", Frame.solicitation { $0.options = [1, 2] + [UInt8](repeating: 2, count: 14) }),
    ("option with a group", Frame.solicitation { $0.options = [1, 1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff] }),
    ("option with nothing", Frame.solicitation { $0.options = [1, 1, 0, 0, 0, 0, 0, 0] }),
    ("source a group", Frame.solicitation { $0.source = .allNodes }),
    ("unspecified with option", probe(LinkWorld.peer) { $0.options = nil }),
    ("unspecified to all nodes", probe(LinkWorld.peer) { $0.destination = .allNodes }),
    ("unspecified to the target", probe(LinkWorld.peer) { $0.destination = LinkWorld.peer }),
  ]

  @Test("what breaks a rule is discarded in silence, counted, and teaches nothing", arguments: broken.indices)
  func rules(_ index: Int) {
    var world = LinkWorld()
    world.live = [LinkWorld.peer]
    let (name, frame) = Self.broken[index]
    #expect(world.answers(to: frame).isEmpty, "\(name)")
    #expect(world.count(.badNeighbour) == 1, "\(name)")
    #expect(world.link.table.count == 0, "\(name)")
    #expect(world.events().isEmpty, "\(name)")
  }

  @Test("unknown options are passed over")
  func options() {
    var world = LinkWorld()
    let unknown: [UInt8] = [14, 2] + [UInt8](repeating: 9, count: 14)
    let answers = world.answers(to: Frame.solicitation { $0.options = unknown + [1, 1] + Frame.mac(LinkWorld.hostA) })
    #expect(answers.count == 1)
  }

  @Test("a solicitation behind an extension header, or in a fragment, is discarded", arguments: [0, 44, 60] as [UInt8])
  func extensions(_ number: UInt8) {
    var world = LinkWorld()
    let plain = Array(Frame.solicitation().dropFirst(14))
    var packet = plain[..<40] + [58, 0, 0, 0, 0, 0, 0, 0] + plain[40...]
    packet[5] += 8
    packet[6] = number
    #expect(world.answers(to: Frame.ip(Array(packet), to: .broadcast)).isEmpty)
    #expect(world.count(.badNeighbour) == 1)
  }

  @Test("a checksum that was left to the device is completed before it is checked")
  func partialChecksum() {
    var world = LinkWorld()
    var frame = Frame.solicitation()
    let sum = ~NaiveChecksum.field(
      source: LinkWorld.own, destination: LinkWorld.peer.solicitedNode, nextHeader: 58, [])
    // The pseudo-header's length is the message's.
    let partial = UInt32(sum) + 32
    let folded = UInt16(partial & 0xffff) + UInt16(partial >> 16)
    (frame[56], frame[57]) = (UInt8(folded >> 8), UInt8(folded & 0xff))
    _ = world.receive(frame, .checksum(at: 54, 2))
    #expect(world.sent().count == 1)
  }

  @Test("a storm of solicitations gets a thousand answers at once, and a thousand a second")
  func storm() {
    var world = LinkWorld()
    for _ in 0..<5_000 { _ = world.receive(Frame.solicitation()) }
    #expect(world.sent().count == 1_000)
    #expect(world.count(.neighbourLimited) == 4_000)
    #expect(world.events().count == EthernetLink.eventLimit)
    #expect(world.count(.linkEventLimit) == 1_000 - UInt64(EthernetLink.eventLimit))
    world.pass(1)
    for _ in 0..<5_000 { _ = world.receive(Frame.solicitation()) }
    #expect(world.sent().count == 1_000)
  }

  @Test("a storm of probes for duplicates asks a thousand times a second whether the peer is live")
  func stormOfProbes() {
    var world = LinkWorld()
    let probe = Self.probe(LinkWorld.peer)
    var looks = 0
    for _ in 0..<5_000 {
      var frame = probe
      let inbound = frame.withUnsafeMutableBytes {
        world.link.receive($0, .none, at: world.now, wire: &world.wire) { _ in
          looks += 1
          return false
        }
      }
      #expect(inbound == .consumed)
    }
    #expect(looks == 1_000)
    #expect(world.count(.neighbourLimited) == 4_000)
  }
}
