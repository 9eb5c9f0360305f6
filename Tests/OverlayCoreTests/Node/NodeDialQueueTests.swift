import Testing

@testable import OverlayCore

@Suite("Many peers to dial")
struct NodeDialQueueTests {
  private let world = FakeWorld()
  private let alice: OnionName

  init() throws {
    alice = try .sample(1)
  }

  private func names(_ count: Int) throws -> [OnionName] {
    try (0..<count).map { try OnionName.sample(UInt64(10_000 + $0)) }
  }

  /// The most dials in any second.
  private func mostASecond(_ host: FakeHost) -> Int {
    host.dials.map { start in host.dials.count { $0 >= start && $0 - start < .seconds(1) } }.max() ?? 0
  }

  @Test("400 permanent peers are not dialled all at once, and none is forgotten")
  func permanent() throws {
    let names = try names(400)
    let host = world.start(FakeHost(alice, peers: names.map { ConfiguredPeer(name: $0) }))
    #expect(host.dials.count == 64)
    world.pass(.seconds(10))
    #expect(host.dials.count == 400)
    #expect(host.dialledCircuits.count == 400)
    #expect(mostASecond(host) <= 129)
    #expect(host.count(.dialLimit) >= 336)
    #expect(host.node.dials.inFlight == 0)
  }

  @Test("while Tor builds nothing 64 are being dialled, and others wait for their turn")
  func silence() throws {
    let names = try names(100)
    for name in names { world.outcomes["\(name)"] = .silence }
    let host = world.start(FakeHost(alice, peers: names.map { ConfiguredPeer(name: $0) }))
    world.pass(.seconds(30))
    #expect(host.node.dials.inFlight == 64)
    #expect(host.dials.count == 64)
    world.pass(.seconds(31))
    #expect(host.dials.count == 100)
    #expect(host.node.dials.inFlight == 36)
  }

  @Test("a burst to thousands of names is answered as unreachable, and leaves room for configured peers")
  func burst() throws {
    let names = try names(2_680)
    let bob = try OnionName.sample(2)
    for name in names { world.outcomes["\(name)"] = .silence }
    let host = world.start(FakeHost(alice, peers: [ConfiguredPeer(name: bob)]))
    world.replaceHosts(of: host, with: names)
    world.cut(try #require(world.circuits.first))
    var refused = 0
    for (number, name) in names.enumerated() {
      world.send(host.packet(to: name.address), from: host)
      if number % 10 == 9 { world.pass(.milliseconds(9)) }
      refused += host.takeErrorCodes().count
    }
    #expect(host.node.dials.inFlight == 32)
    #expect(host.count(.dialLimit) == 2_680 - 32)
    #expect(refused > 20)
    #expect(host.node.store.lentBytes <= 32 * PacketStore.smallSize)
    world.send(host.packet(to: bob.address), from: host)
    #expect(world.circuits.last?.request?.name == "\(bob)" || host.node.peers.hasCircuit(to: bob.address))
  }

  @Test("at a second identity there is room for configured peers, too, though it dials none of them unasked")
  func burstAtSecond() throws {
    let names = try names(100)
    let bob = try OnionName.sample(2)
    for name in names { world.outcomes["\(name)"] = .silence }
    let host = world.start(
      FakeHost(NodeSettings(name: alice, peers: [ConfiguredPeer(name: bob)], dialsPeers: false)))
    world.replaceHosts(of: host, with: names)
    for name in names { world.send(host.packet(to: name.address), from: host) }
    #expect(host.node.dials.inFlight == 32)
    let before = host.dials.count
    world.send(host.packet(to: bob.address), from: host)
    #expect(host.dials.count == before + 1)
  }
}
