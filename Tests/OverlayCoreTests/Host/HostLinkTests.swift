import PacketSamples
import Testing

@testable import OverlayCore

@Suite("A host on an Ethernet")
struct HostLinkTests {
  private let peer: OnionName
  private let world = HostWorld(isEthernet: true)

  init() throws {
    peer = try .sample(50)
  }

  private func solicitation(from source: IPv6Address) -> [UInt8] {
    EthernetFrame.solicitation {
      $0.source = source
      $0.target = peer.address
    }
  }

  private func dials(_ identity: Host.Identity) -> Int {
    world.actions(of: identity).count { if case .dial = $0 { true } else { false } }
  }

  @Test("a peer that a host of the LAN asks for is dialled by the identity that asks, and by none that is not known")
  func wanted() throws {
    let identities = try world.addTwo()
    for identity in identities { world.learn(peer, at: identity) }
    world.receive(solicitation(from: LinkWorld.hostA.linkLocalAddress))
    _ = world.touched()
    world.host.handleLinkEvents(turn: &world.turn)
    #expect(world.touched() == [])
    #expect(identities.map(dials) == [0, 0])
    world.receive(solicitation(from: try OnionName.sample(2).address))
    world.host.handleLinkEvents(turn: &world.turn)
    #expect(world.touched() == [identities[1]])
    #expect(identities.map(dials) == [0, 1])
  }

  @Test("a packet that no host of the LAN takes is refused by the identity that it was for")
  func undeliverable() throws {
    let identities = try world.addTwo()
    let circuit = try #require(world.host.with(identities[1]) { $0.accepted(turn: &world.turn) } ?? nil)
    let own = try OnionName.sample(2).address
    var bytes = Keepalive(name: peer).packet(to: own, flowLabel: 1)
    bytes += Sample.packet(from: peer.address, to: own, payload: [1])
    bytes.withUnsafeMutableBytes { bytes in
      _ = world.host.with(identities[1]) { $0.receive(bytes, on: circuit, turn: &world.turn) }
    }
    _ = identities.map { world.actions(of: $0) }
    // The link asks where that address is, and nobody answers.
    for _ in 0..<10 {
      world.turn.now = world.turn.now + .seconds(1)
      world.host.advance(turn: &world.turn)
      world.host.handleLinkEvents(turn: &world.turn)
    }
    #expect(world.counters(identities[1])?[.peerError] == 1)
    #expect(world.counters(identities[0])?[.peerError] == 0)
  }

  @Test("a host of the LAN that has an address behind a peer is told of")
  func misplaced() throws {
    _ = try world.addTwo()
    world.receive(solicitation(from: LinkWorld.routed))
    world.host.handleLinkEvents(turn: &world.turn)
    #expect(world.host.nextEvent() == .misplaced(.ipv6(IPv6Prefix(LinkWorld.routed))))
    #expect(world.host.nextEvent() == nil)
  }

  /// A host of the LAN asks where the responder is, as it does before it sends anything there.
  private func show(_ client: FakeResolver) {
    world.receive(
      EthernetFrame.solicitation {
        ($0.source, $0.station, $0.target) = (client.address, client.station, FakeResolver.server)
      })
  }

  /// It answers who asks for its address.
  private func advertise(_ client: FakeResolver) {
    world.receive(EthernetFrame.advertisement { ($0.station, $0.target) = (client.station, client.address) })
  }

  /// The answer to a question of a host of the LAN, over UDP; `nil` for none.
  private func reply(_ question: [UInt8], _ client: FakeResolver) throws -> ReadAnswer? {
    _ = world.sent()
    let frame = EthernetFrame.ip(client.datagram(question), from: client.station)
    guard case .request(let range, let station) = world.receive(frame) else { return nil }
    #expect(station == client.station)
    frame[range].withUnsafeBytes { world.host.answer($0, from: station, wallClock: 0, turn: &world.turn) }
    let sent = world.sent()
    world.solicited = sent.filter { $0[20] == NextHeader.icmp && $0[54] == 135 }.map { Array($0[62..<78]) }
    let answers = sent.filter { $0[20] == NextHeader.udp }
    #expect(answers.count <= 1 && answers.count + world.solicited.count == sent.count)
    #expect(answers.allSatisfy { $0.prefix(6).elementsEqual(client.station.bytes) })
    return try answers.first.map { try ReadAnswer(Array($0[62...]), to: question) }
  }

  /// The answers to a question of a host of the LAN, over UDP.
  private func ask(_ question: [UInt8], _ client: FakeResolver) throws -> [String] {
    try reply(question, client)?.answers ?? []
  }

  /// The host of the LAN with the identity of this number.
  private func client(_ number: UInt64, at station: MACAddress = LinkWorld.hostA) throws -> FakeResolver {
    var client = FakeResolver()
    (client.address, client.station) = (try OnionName.sample(number).address, station)
    return client
  }

  /// Names are answered for two identities, the second of which knows the peer.
  private func serveNames() throws -> [Host.Identity] {
    let identities = try world.addTwo()
    world.host.serve(NameService(try #require(LocalNameServer())))
    world.turn.device.changeLink { $0.answersNames = true }
    world.learn(peer, at: identities[1])
    return identities
  }

  @Test("a host of the LAN is told names, by what its own identity knows, and a name that it asks for is known there")
  func names() throws {
    let identities = try serveNames()
    let pointer = DNSName(of: peer.address).dotted
    let (first, second) = (try client(1), try client(2, at: LinkWorld.hostB))
    show(first)
    show(second)
    let question = try SampleMessage.question(pointer, 12)
    #expect(try ask(question, second) == ["\(pointer) 60 PTR \(peer)"])
    #expect(try ask(question, first).isEmpty)
    for (number, client) in [(1, first), (2, second)] {
      let own = try OnionName.sample(UInt64(number))
      #expect(try ask(SampleMessage.question("\(own)"), client) == ["\(own) 60 AAAA \(own.address)"])
      let name = DNSName(of: own.address).dotted
      #expect(try ask(SampleMessage.question(name, 12), client) == ["\(name) 60 PTR \(own)"])
      let other = DNSName(of: try OnionName.sample(UInt64(3 - number)).address).dotted
      #expect(try ask(SampleMessage.question(other, 12), client).isEmpty)
    }
    let stranger = try OnionName.sample(60)
    #expect(try ask(SampleMessage.question("\(stranger)"), second) == ["\(stranger) 60 AAAA \(stranger.address)"])
    let known = identities.map { identity in world.host.with(identity) { $0.name(of: stranger.address) } ?? nil }
    #expect(known == [nil, stranger])
    #expect(world.host.status(turn: world.turn).link?.seen.contains { $0 == ("lanNameAnswered", 9) } == true)
  }

  private var forged: UInt64 { world.host.status(turn: world.turn).link?[.lanNameForged] ?? 0 }

  @Test("who writes the address of another host of the LAN is not told what that one's identity knows")
  func forgedName() throws {
    _ = try serveNames()
    let pointer = DNSName(of: peer.address).dotted
    let question = try SampleMessage.question(pointer, 12)
    let answer = ["\(pointer) 60 PTR \(peer)"]
    let (second, forger) = (try client(2, at: LinkWorld.hostB), try client(2, at: LinkWorld.hostA))
    show(second)
    #expect(try ask(question, second) == answer)
    #expect(try ask(question, forger).isEmpty && forged == 1)
    #expect(try ask(question, second) == answer)
    // Nor is he when he says first that the address is his: who has it says so, too.
    show(forger)
    for seconds in 1...3 {
      #expect(try ask(question, forger).isEmpty)
      #expect(world.solicited == [second.address.bytes])
      advertise(second)
      world.turn.now = world.turn.now + .seconds(Int64(seconds))
      #expect(try ask(question, forger).isEmpty)
      advertise(second)
    }
    #expect(try ask(question, second).isEmpty)
    world.turn.now = world.turn.now + .seconds(1)
    #expect(try ask(question, second) == answer)
  }

  @Test("a host that moved to another station is told names as soon as nobody else has its address")
  func movedName() throws {
    _ = try serveNames()
    let question = try SampleMessage.question(DNSName(of: peer.address).dotted, 12)
    show(try client(2, at: LinkWorld.hostB))
    let moved = try client(2)
    show(moved)
    #expect(try ask(question, moved).isEmpty && world.solicited.count == 1)
    world.turn.now = world.turn.now + .milliseconds(999)
    #expect(try ask(question, moved).isEmpty && world.solicited.isEmpty)
    world.turn.now = world.turn.now + .milliseconds(1)
    #expect(try ask(question, moved).count == 1)
  }

  @Test("a host that the link does not know is looked for, and told names from then on")
  func unknownName() throws {
    _ = try serveNames()
    let question = try SampleMessage.question(DNSName(of: peer.address).dotted, 12)
    let host = try client(2)
    #expect(try ask(question, host).isEmpty && world.solicited.count == 1)
    advertise(host)
    #expect(try ask(question, host).count == 1)
    // However many ask, no storm comes of it.
    var asked = 0
    for _ in 0..<100 {
      _ = try ask(question, client(1, at: LinkWorld.hostB))
      asked += world.solicited.count
    }
    #expect(asked == 9 && forged == 101)
  }

  @Test("a leased address is that of the station that has the lease, whatever others say of themselves")
  func leasedName() throws {
    let identities = try serveNames()
    var guest = FakeDHCPv6Client(7)
    let address = try #require(try world.join(&guest))
    #expect(identities.last == world.host.identity(at: address))
    let question = try SampleMessage.question(DNSName(of: peer.address).dotted, 12)
    let forger = try client(2)
    for _ in 0..<3 {
      show(forger)
      #expect(try ask(question, forger).isEmpty)
      world.turn.now = world.turn.now + .seconds(2)
    }
    #expect(forged == 3)
    #expect(try ask(question, client(2, at: guest.macAddress)).count == 1)
  }

  @Test("a station without an address that is any identity's, or behind one, is refused, so that it asks elsewhere")
  func strangersName() throws {
    let identities = try serveNames()
    let question = try SampleMessage.question(DNSName(of: peer.address).dotted, 12)
    world.learn(peer, at: identities[0])
    for address in [LinkWorld.hostA.linkLocalAddress, LinkWorld.own, peer.address, LinkWorld.routed] {
      var stranger = FakeResolver()
      stranger.address = address
      show(stranger)
      #expect(try reply(question, stranger) == ReadAnswer(code: 5))
    }
    var served = FakeResolver()
    served.address = LinkWorld.served
    show(served)
    #expect(try ask(question, served).count == 1, "its packets are the first identity's")
  }

  @Test("without the option, to a group or from nobody, nothing is a question for names")
  func noNames() throws {
    _ = try world.addTwo()
    world.host.serve(NameService(try #require(LocalNameServer())))
    var client = FakeResolver()
    let packet = client.datagram(try SampleMessage.question("onion"))
    func isQuestion(_ frame: [UInt8], _ offload: OffloadHeader = .none) -> Bool {
      if case .request = world.receive(frame, offload) { true } else { false }
    }
    #expect(!isQuestion(EthernetFrame.ip(packet)))
    world.turn.device.changeLink { $0.answersNames = true }
    #expect(isQuestion(EthernetFrame.ip(packet)))
    #expect(isQuestion(EthernetFrame.ip(client.segment(FakeResolver.syn))))
    #expect(!isQuestion(EthernetFrame.ip(packet, to: MACAddress(group: .allNodes))))
    var elsewhere = packet
    elsewhere[39] = 0xee
    #expect(!isQuestion(EthernetFrame.ip(elsewhere)))
    for address in [IPv6Address.unspecified, .allNodes] {
      client.address = address
      #expect(!isQuestion(EthernetFrame.ip(client.datagram([]))))
    }
    client.address = LinkWorld.hostA.linkLocalAddress
    #expect(isQuestion(EthernetFrame.ip(client.datagram([]))))
  }

  @Test("an address is given out, and that is told of so that it is kept")
  func lease() throws {
    _ = try world.addTwo()
    var client = FakeDHCPv6Client(7)
    #expect(try world.join(&client) == OnionName.sample(2).address)
    #expect(world.host.nextEvent() == .leasesChanged)
    #expect(world.host.leases.count == 1)
  }

  @Test("routers are advertised in time")
  func advertisement() throws {
    _ = try world.add(1)
    _ = world.sent()
    world.turn.now = world.host.nextDeadline(turn: world.turn)
    world.host.advance(turn: &world.turn)
    #expect(world.sent().count { $0[20] == 58 && $0[54] == 134 } == 1)
  }

  @Test("the end is told to the LAN where that knows of the service for names, and nowhere else")
  func end() throws {
    _ = try world.add(1)
    world.host.end(turn: &world.turn)
    #expect(world.sent().isEmpty)
    world.serve(names: LocalNameServer())
    world.host.end(turn: &world.turn)
    #expect(world.sent().count { $0[54] == 134 && $0[110...117].elementsEqual([25, 3, 0, 0, 0, 0, 0, 0]) } == 1)
  }

  @Test("the MTU is told to all: a packet that is longer is refused by the identity that it came to")
  func mtu() throws {
    let identities = try world.addTwo()
    world.host.mtuChanged(to: 1_280, turn: &world.turn)
    let circuit = try #require(world.host.with(identities[0]) { $0.accepted(turn: &world.turn) } ?? nil)
    let own = try OnionName.sample(1).address
    var bytes = Keepalive(name: peer).packet(to: own, flowLabel: 1)
    bytes += Sample.packet(from: peer.address, to: own, payload: [UInt8](repeating: 0, count: 1_300))
    bytes.withUnsafeMutableBytes { bytes in
      _ = world.host.with(identities[0]) { $0.receive(bytes, on: circuit, turn: &world.turn) }
    }
    #expect(world.counters(identities[0])?[.tooLong] == 1)
  }

  @Test("whatever frames come, of random bytes or spoiled ones, each is taken and bounded", arguments: 0..<4)
  func hostile(_ seed: UInt64) throws {
    let identities = try world.addTwo()
    var random = SeededGenerator(seed: 700 + seed)
    let sound = try [
      solicitation(from: OnionName.sample(1).address), EthernetFrame.advertisement(),
      EthernetFrame.ip(Sample.packet(from: OnionName.sample(2).address, to: peer.address, payload: [1, 2, 3])),
      EthernetFrame.ip(EthernetFrame.version4(from: 0x0a01_0001, to: 0x0a02_0001)),
      EthernetFrame.ip(FakeDHCPv6Client(7).packet(FakeDHCPv6Client.Kind.solicit, FakeDHCPv6Client.association())),
    ]
    for _ in 0..<5_000 {
      var frame = sound[Int.random(in: sound.indices, using: &random)]
      if Int.random(in: 0..<4, using: &random) == 0 {
        frame = (0..<Int.random(in: 0..<200, using: &random)).map { _ in random.next() }
      }
      for _ in 0..<Int.random(in: 0..<4, using: &random) where !frame.isEmpty {
        frame[Int.random(in: frame.indices, using: &random)] = random.next()
      }
      frame = Array(frame.prefix(Int.random(in: 0...frame.count, using: &random)))
      if case .request(let range, let station) = world.receive(frame) {
        #expect(frame.indices.contains(range.lowerBound) && range.upperBound <= frame.count)
        frame[range].withUnsafeBytes {
          world.host.answer($0, from: station, wallClock: 1_800_000_000, turn: &world.turn)
        }
      }
      if Int.random(in: 0..<50, using: &random) == 0 {
        world.turn.now = world.turn.now + .milliseconds(Int64.random(in: 0..<5_000, using: &random))
        world.host.advance(turn: &world.turn)
      }
      world.host.handleLinkEvents(turn: &world.turn)
      while world.host.nextEvent() != nil {}
      for identity in identities { world.finish(identity) }
    }
    let mostPeers = try identities.map { try #require(world.host.with($0) { $0.peers.count }) }.max() ?? 0
    #expect(mostPeers <= 20)
  }
}
