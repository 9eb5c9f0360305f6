import PacketSamples
import Testing

@testable import OverlayCore

@Suite("A policy that is applied while the node runs")
struct NodePolicyTests {
  private let world = FakeWorld()
  private let alice: OnionName
  private let bob: OnionName
  private let carol: OnionName

  init() throws {
    alice = try .sample(1)
    bob = try .sample(2)
    carol = try .sample(3)
  }

  private func policy(_ peers: [OnionName], _ routes: [(String, OnionName)] = []) throws -> NodePolicy {
    let table = try RouteTable(
      routes: routes.map { Route(prefix: try .sample($0.0), via: $0.1) }, served: [])
    return NodePolicy.trusting(peers: peers.map { ConfiguredPeer(name: $0) }, table: table)
  }

  private func apply(_ policy: NodePolicy, to host: FakeHost) -> [PolicyChange] {
    host.turn.now = world.now
    let changes = host.node.apply(policy, turn: &host.turn)
    world.settle()
    return changes
  }

  @Test("a peer that is added is dialled, one that is removed is left, and both are said")
  func peers() throws {
    let host = world.start(FakeHost(alice, peers: [ConfiguredPeer(name: bob)]))
    let toBob = try #require(host.dialledCircuits.first)
    let changes = apply(try policy([carol]), to: host)
    #expect(changes == [.peerRemoved(ConfiguredPeer(name: bob)), .peerAdded(ConfiguredPeer(name: carol))])
    #expect(toBob.isClosed)
    #expect(host.dialledCircuits.map(\.request?.name) == ["\(carol)"])
    world.pass(.seconds(600))
    #expect(host.dialledCircuits.count == 1)
    #expect(host.node.status(at: world.now).peers.filter(\.isConfigured).map(\.name) == [carol])
  }

  @Test("the same policy changes nothing, and closes nothing")
  func same() throws {
    let host = world.start(FakeHost(alice, peers: [ConfiguredPeer(name: bob)]))
    let dials = host.dials.count
    #expect(apply(try policy([bob]), to: host) == [])
    world.pass(.seconds(10))
    #expect(host.dials.count == dials)
  }

  @Test("a peer that was dialled already, and is configured now, keeps its circuit for ever")
  func configured() throws {
    let host = world.start(FakeHost(alice), knowing: [bob])
    world.send(host.packet(to: bob.address), from: host)
    let circuit = try #require(host.dialledCircuits.first)
    _ = apply(try policy([bob]), to: host)
    world.pass(.seconds(1_000))
    #expect(!circuit.isClosed)
    _ = apply(try policy([]), to: host)
    world.pass(.seconds(1_000))
    #expect(circuit.isClosed)
  }

  @Test("a peer that is configured while its circuit stands is dialled at a configured peer's pace after that")
  func pace() throws {
    let host = world.start(FakeHost(alice), knowing: [bob])
    world.send(host.packet(to: bob.address), from: host)
    let circuit = try #require(host.dialledCircuits.first)
    _ = apply(try policy([bob]), to: host)
    world.pass(.seconds(40))
    world.outcomes["\(bob)"] = .refused(0x5b)
    world.cut(circuit)
    world.pass(.seconds(60))
    #expect(host.dials.count > 3)
    #expect(zip(host.dials.dropFirst(2), host.dials.dropFirst(1)).allSatisfy { $0.0 - $0.1 >= .seconds(10) })
  }

  @Test("a name that the hosts file has stays known when it is configured no more, and its circuit stays")
  func hosts() throws {
    let host = world.start(FakeHost(alice, peers: [ConfiguredPeer(name: bob)]), knowing: [bob])
    let circuit = try #require(host.dialledCircuits.first)
    #expect(apply(try policy([]), to: host) == [.peerRemoved(ConfiguredPeer(name: bob))])
    #expect(!circuit.isClosed)
    #expect(host.node.names.name(of: bob.address) == bob)
  }

  @Test("an address leads to one peer: of two names for it the first counts, and none for this host's own")
  func refused() throws {
    let host = world.start(FakeHost(alice))
    let twin = try bob.twin
    let changes = apply(try policy([bob, twin, alice]), to: host)
    #expect(
      changes == [
        .peerAdded(ConfiguredPeer(name: bob)), .peerRefused(ConfiguredPeer(name: twin)),
        .peerRefused(ConfiguredPeer(name: alice)),
      ])
    #expect(host.dialledCircuits.map(\.request?.name) == ["\(bob)"])
  }

  @Test("of two names for an address the other one takes the place when it alone is configured")
  func twin() throws {
    let host = world.start(FakeHost(alice, peers: [ConfiguredPeer(name: bob)]))
    let old = try #require(host.dialledCircuits.first)
    let twin = try bob.twin
    _ = apply(try policy([twin]), to: host)
    #expect(old.isClosed)
    #expect(host.dialledCircuits.map(\.request?.name) == ["\(twin)"])
  }

  @Test("a route counts from its being applied on, both ways, and no longer")
  func routes() throws {
    let host = world.start(FakeHost(alice))
    let behindBob = try IPv6Address.sample("2001:db8::1")
    let packet = Sample.packet(from: alice.address, to: behindBob, payload: [1])
    world.send(packet, from: host)
    #expect(host.count(.outsideOverlay) == 1)
    let route = Route(prefix: try .sample("2001:db8::/32"), via: bob)
    #expect(apply(try policy([], [("2001:db8::/32", bob)]), to: host) == [.routeAdded(route)])
    world.send(packet, from: host)
    let circuit = try #require(host.dialledCircuits.first)
    #expect(circuit.packets.whole.last == packet)
    let call = try #require(world.call(host))
    let answer = Sample.packet(from: behindBob, to: alice.address, payload: [2])
    world.say(Keepalive(name: bob).packet(to: alice.address, flowLabel: 1) + answer, on: call)
    #expect(host.takeDelivered().last == answer)
    #expect(apply(try policy([]), to: host) == [.routeRemoved(route)])
    world.say(answer, on: call)
    #expect(host.count(.forgedSource) == 1)
    world.send(packet, from: host)
    #expect(host.count(.outsideOverlay) == 2)
  }

  @Test("circuits stay as long as is said now, be it shorter or longer than before")
  func idle() throws {
    for (before, after) in [(600, 60), (60, 600)] {
      let world = FakeWorld()
      let host = world.start(FakeHost(alice, idle: .seconds(before)), knowing: [bob])
      world.send(host.packet(to: bob.address), from: host)
      let circuit = try #require(host.dialledCircuits.first)
      var policy = NodePolicy.trusting()
      policy.idle = .seconds(after)
      host.turn.now = world.now
      #expect(host.node.apply(policy, turn: &host.turn) == [.idle(.seconds(after))])
      world.pass(.seconds(after - 1))
      #expect(!circuit.isClosed)
      world.pass(.seconds(1))
      #expect(circuit.isClosed)
    }
  }

  @Test("circuits for bulk beyond the number that is said now are closed, and what waits on them goes on")
  func circuits() throws {
    let stage = try LaneStage()
    let host = try stage.grown(to: 3)
    stage.sendBulk(1, 0..<200, from: host)
    for circuit in stage.circuits { circuit.room = 0 }
    stage.sendBulk(1, 200..<203, from: host)
    host.turn.now = stage.world.now
    #expect(host.node.apply(NodePolicy.trusting(circuitsPerPeer: 1), turn: &host.turn) == [.circuitsPerPeer(1)])
    for circuit in stage.circuits { circuit.room = .max }
    stage.world.settle()
    #expect(stage.circuits.map(\.isClosed) == [false, true, true])
    #expect(stage.arrived(1, on: stage.circuits[0]).suffix(3) == (200..<203).map { stage.packet(1, $0) }[...])
    stage.sendBulk(1, 203..<1_100, from: host)
    #expect(host.dialledCircuits.count == 1)
  }

  @Test("a peer has one circuit at the least and eight at the most, whatever is asked for")
  func noCircuit() throws {
    #expect(NodePolicy.trusting(circuitsPerPeer: 0).circuitsPerPeer == 1)
    #expect(NodePolicy.trusting(circuitsPerPeer: 9).circuitsPerPeer == 8)
    let host = world.start(FakeHost(alice, peers: [ConfiguredPeer(name: bob)]))
    var policy = try policy([bob])
    policy.circuitsPerPeer = -1
    #expect(apply(policy, to: host) == [])
    #expect(host.dialledCircuits.count == 1)
  }
}
