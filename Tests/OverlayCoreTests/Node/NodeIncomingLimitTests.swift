import Testing

@testable import OverlayCore

@Suite("How many calls there are")
struct NodeIncomingLimitTests {
  private let world = FakeWorld()
  private let alice: OnionName
  private let bob: FakeHost

  init() throws {
    alice = try .sample(1)
    bob = FakeHost(try .sample(2))
  }

  private func host(
    _ bounds: NodeBounds, peers: [OnionName] = [], authentication: Authentication = .strict
  ) -> FakeHost {
    let policy = NodePolicy.trusting(
      peers: peers.map { ConfiguredPeer(name: $0) }, authentication: authentication)
    return world.start(FakeHost(NodeSettings(name: alice, policy: policy, bounds: bounds)))
  }

  /// Bob's circuit, which has proven to be his.
  private func prove(_ other: FakeHost, to host: FakeHost) throws -> FakeCircuit {
    world.replaceHosts(of: other, with: [alice])
    world.send(other.packet(to: alice.address), from: other)
    world.pass(.seconds(1))
    #expect(host.count(.proven) >= 1)
    return try #require(world.circuits.last { $0.acceptor === host && $0.dialler === other && !$0.isClosed })
  }

  @Test("callers who have shown nothing take as many places as they may, whatever they say; who is proven stays")
  func unproven() throws {
    let other = world.start(FakeHost(bob.name, authentication: .strict))
    let host = host(NodeBounds(circuits: 200, unproven: 20), peers: [bob.name])
    let proven = try prove(other, to: host)
    var calls: [FakeCircuit] = []
    for number in 0..<300 as Range<UInt64> {
      world.pass(.milliseconds(20))
      let stranger = FakeHost(try .sample(1_000 + number))
      guard let call = world.call(host) else { continue }
      calls.append(call)
      if number % 3 > 0 { world.say(stranger.keepalive(to: alice.address), on: call) }
      if number % 3 > 1 { world.say(stranger.packet(to: alice.address), on: call) }
      world.settle()
      let open = calls.count { !$0.isClosed }
      #expect(open <= 20)
    }
    #expect(calls.count { !$0.isClosed } == 20)
    #expect(!proven.isClosed)
    #expect(host.count(.crowdedOut) > 100)
    #expect(host.node.peers.calls.unprovenCount == 20)
  }

  @Test("a circuit that has proven whose it is keeps its place beside any number that claim the same")
  func claims() throws {
    let other = world.start(FakeHost(bob.name, authentication: .strict))
    let host = host(NodeBounds(circuits: 200), peers: [bob.name])
    let proven = try prove(other, to: host)
    world.pass(.seconds(5))
    var claims: [FakeCircuit] = []
    for _ in 0..<60 {
      let call = try #require(world.call(host))
      world.say(bob.keepalive(to: alice.address) + bob.packet(to: alice.address), on: call)
      claims.append(call)
      world.pass(.milliseconds(50))
    }
    #expect(!proven.isClosed)
    // Those that the peer may have, and newcomers, of whom there is room for more.
    #expect(claims.count { !$0.isClosed } >= AcceptedCircuits.mostOfPeer - 1)
  }

  @Test("all together have a bound of their own")
  func all() {
    let host = host(NodeBounds(circuits: 1_000, accepted: 50), authentication: .off)
    var calls: [FakeCircuit] = []
    for _ in 0..<70 {
      if let call = world.call(host) { calls.append(call) }
      world.pass(.milliseconds(100))
    }
    #expect(calls.count { !$0.isClosed } == 50)
  }

  @Test("so many are accepted in a second, and the rest is closed at once and counted")
  func rate() {
    let host = host(NodeBounds(circuits: 1_000, acceptsPerSecond: 10))
    #expect((0..<30).count { _ in world.call(host) != nil } == 10)
    #expect(host.count(.acceptLimit) == 20)
    world.pass(.seconds(1))
    #expect(host.log.count { $0.level == .notice && $0.text.contains("accept-rate") } == 1)
    #expect((0..<30).count { _ in world.call(host) != nil } == 10)
  }

  @Test("identities have their parts of each, and never too little to work")
  func shares() {
    let bounds = NodeBounds(identities: 4, circuits: 10_000, accepted: 400, unproven: 100, acceptsPerSecond: 256)
    #expect((bounds.accepted, bounds.unproven, bounds.acceptsPerSecond) == (100, 25, 64))
    let small = NodeBounds(identities: 128, circuits: 10_000, accepted: 16, unproven: 8, acceptsPerSecond: 8)
    #expect((small.accepted, small.unproven, small.acceptsPerSecond) == (4, 4, 8))
  }
}
