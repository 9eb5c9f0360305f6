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
