import PacketSamples
import Testing

@testable import OverlayCore

@Suite("A host of several identities")
struct HostTests {
  private let peer: OnionName
  private let world: HostWorld

  init() throws {
    peer = try .sample(50)
    world = HostWorld()
  }

  @Test("a packet is sent by the identity whose address is its source")
  func sender() throws {
    let identities = try world.addTwo()
    for (number, identity) in identities.enumerated() {
      world.learn(peer, at: identity)
      let packet = Sample.packet(from: try OnionName.sample(UInt64(number + 1)).address, to: peer.address, payload: [1])
      #expect(world.receive(packet) == .packet(identity))
      #expect(world.counters(identity)?[.sent] == 1)
      #expect(world.actions(of: identity).count { if case .dial = $0 { true } else { false } } == 1)
      #expect(world.actions(of: identities[1 - number]).isEmpty)
    }
  }

  @Test("what is of no identity goes to the first: a packet of a host behind this one, IPv4, and what is no packet")
  func first() throws {
    let identities = try world.addTwo()
    let foreign = Sample.packet(from: try .sample("2001:db8::1"), to: peer.address, payload: [1])
    let version4 = EthernetFrame.version4(from: 0x0a01_0001, to: 0x0a02_0001)
    for packet in [foreign, version4, [0x50], []] { #expect(world.receive(packet) == .packet(identities[0])) }
    #expect(world.counters(identities[0])?[.foreignSource] == 1)
    #expect(world.counters(identities[1])?.summary == "none")
  }

  @Test("a host without identities takes packets and does nothing")
  func nobody() {
    #expect(world.receive(Sample.packet(from: peer.address, to: peer.address, payload: [1])) == .consumed)
    #expect(world.host.nextDeadline(turn: world.turn) == .distantFuture)
  }

  @Test("identities that are added together know each other, in their order, and an address is one's among them, too")
  func together() throws {
    let settings = try [1, 2, 1].map { NodeSettings(name: try .sample($0), peers: []) }
    let added = world.host.add(settings, turn: &world.turn)
    #expect(world.host.all == added)
    let addresses = try [1, 2].map { try OnionName.sample($0).address }
    #expect(addresses.map { world.host.identity(at: $0) } == added)
    for identity in added { #expect(world.host.with(identity) { $0.settings.siblings } == Set(addresses)) }
  }

  @Test("an address is one identity's")
  func twice() throws {
    #expect(try world.add(1) != nil)
    #expect(try world.add(1) == nil)
    #expect(world.host.all.count == 1)
  }

  @Test("an identity that is removed takes nothing more, and its events find nobody; the other goes on")
  func removed() throws {
    let identities = try world.addTwo()
    let call = try #require(world.host.with(identities[1]) { $0.accepted(turn: &world.turn) } ?? nil)
    #expect(world.host.remove(identities[1], turn: &world.turn))
    #expect(!world.host.remove(identities[1], turn: &world.turn))
    #expect(world.host.with(identities[1]) { $0.ended(call, .closed, turn: &world.turn) } == nil)
    #expect(world.host.nextAction(of: identities[1]) == nil)
    let packet = Sample.packet(from: try OnionName.sample(2).address, to: peer.address, payload: [1])
    #expect(world.receive(packet) == .packet(identities[0]))
    #expect(world.counters(identities[0])?[.foreignSource] == 1)
  }

  @Test("one that comes in place of another is another, and the address service gives out its address")
  func added() throws {
    let world = HostWorld(isEthernet: true)
    let identities = try world.addTwo()
    #expect(world.host.remove(identities[1], turn: &world.turn))
    let third = try #require(try world.add(3))
    #expect(!identities.contains(third))
    #expect(world.host.all == [identities[0], third])
    var client = FakeDHCPv6Client(7)
    #expect(try world.join(&client) == OnionName.sample(3).address)
  }

  @Test("leases that were kept over a restart are there, of however many identities: none was forgotten on the way")
  func keptLeases() throws {
    let world = HostWorld(isEthernet: true)
    _ = try (1...3).map { try #require(try world.add($0)) }
    let addresses = try (1...3).map { try OnionName.sample($0).address }
    var client = FakeDHCPv6Client(7)
    #expect(try world.join(&client) == addresses[1])
    let leases = world.host.leases
    #expect(leases.map(\.address) == [addresses[1]])
    let later = HostWorld(isEthernet: true)
    _ = try (1...3).map { try #require(try later.add($0)) }
    later.serve(addresses, leases: leases)
    #expect(later.host.leases == leases)
  }

  @Test("a name of an identity that is added later is dialled no more: a packet for it is one for a host on this side")
  func sibling() throws {
    let first = try #require(try world.add(1))
    let second = try OnionName.sample(2)
    world.learn(second, at: first)
    #expect(world.host.with(first) { $0.names.name(of: second.address) } == second)
    _ = try world.add(2)
    #expect(world.host.with(first) { $0.names.name(of: second.address) } == .some(nil))
    _ = world.receive(Sample.packet(from: try OnionName.sample(1).address, to: second.address, payload: [1]))
    #expect(world.actions(of: first).allSatisfy { if case .dial = $0 { false } else { true } })
  }

  @Test("a configured peer that is added as an identity is left, and dialled again when that is removed")
  func configuredSibling() throws {
    let second = try OnionName.sample(2)
    let settings = NodeSettings(name: try .sample(1), peers: [ConfiguredPeer(name: second)])
    let first = try #require(world.host.add(settings, random: SeededGenerator(seed: 1), turn: &world.turn))
    world.host.with(first) { $0.start(turn: &world.turn) }
    world.host.with(first) { $0.torProbed(isReachable: true, turn: &world.turn) }
    let dialled = world.actions(of: first)
    let circuit = try #require(dialled.compactMap { if case .dial(let circuit) = $0 { circuit } else { nil } }.first)
    let call = try #require(world.host.with(first) { $0.accepted(turn: &world.turn) } ?? nil)
    var keepalive = Keepalive(name: second).packet(to: settings.name.address, flowLabel: 1)
    keepalive.withUnsafeMutableBytes { bytes in
      world.host.with(first) { $0.receive(bytes, on: call, turn: &world.turn) }
    }
    let sibling = try #require(try world.add(2))
    let closed = world.actions(of: first)
    #expect(closed.contains(.close(circuit)))
    #expect(closed.contains(.close(call)))
    for _ in 0..<10 {
      world.turn.now = world.turn.now + .seconds(60)
      world.host.with(first) { $0.advance(turn: &world.turn) }
      #expect(world.actions(of: first).allSatisfy { if case .dial = $0 { false } else { true } })
    }
    #expect(world.host.remove(sibling, turn: &world.turn))
    #expect(world.touched() == [first])
    #expect(world.actions(of: first).contains { if case .dial = $0 { true } else { false } })
  }

  @Test("each identity is looked at when it asks for it, and says so")
  func time() throws {
    let identities = try world.addTwo()
    for identity in identities {
      world.host.with(identity) { $0.start(turn: &world.turn) }
      world.finish(identity)
    }
    let first = world.host.nextDeadline(turn: world.turn)
    #expect(first > world.turn.now)
    world.turn.now = first
    world.host.advance(turn: &world.turn)
    #expect(Set(world.touched()) == Set(identities))
    for identity in identities { world.finish(identity) }
    #expect(world.host.nextDeadline(turn: world.turn) > first)
  }

  @Test("what a host is like is told of every identity, of the link and of the address service")
  func status() throws {
    _ = try world.addTwo()
    let plain = world.host.status(turn: world.turn)
    #expect(try plain.nodes.map(\.name) == [.sample(1), .sample(2)])
    #expect(plain.link == nil)
    #expect(plain.addressService == nil)
    let world = HostWorld(isEthernet: true)
    _ = try world.add(1)
    let status = world.host.status(turn: world.turn)
    #expect(status.link?.summary == "none")
    #expect(status.addressService?.leases == 0)
  }
}
