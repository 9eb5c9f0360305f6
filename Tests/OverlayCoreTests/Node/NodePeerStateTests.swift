import Testing

@testable import OverlayCore

@Suite("What the peer table knows of a peer")
struct NodePeerStateTests {
  private let world = FakeWorld()
  private let alice: OnionName
  private let bob: FakeHost

  init() throws {
    alice = try .sample(1)
    bob = FakeHost(try .sample(2))
  }

  private func state(_ host: FakeHost) -> Peer.State? {
    host.node.peer(bob.name).map { host.node.peers.peers[$0].state }
  }

  private func incoming(_ host: FakeHost) -> Int? {
    host.node.peer(bob.name).map { host.node.peers.peers[$0].incoming.count }
  }

  @Test("it is connecting, up, and idle again when nobody needs it")
  func life() throws {
    world.outcomes["\(bob.name)"] = .silence
    let host = world.start(FakeHost(alice), knowing: [bob.name])
    #expect(state(host) == nil)
    world.send(host.packet(to: bob.address), from: host)
    #expect(state(host) == .connecting)
    world.grant(try #require(world.circuits.first))
    #expect(state(host) == .up)
    world.pass(.seconds(181))
    #expect(state(host) == .idle)
  }

  @Test("who could not be reached is left alone until a time, for a reason, and a sign of life ends that")
  func backoff() throws {
    world.outcomes["\(bob.name)"] = .refused(0x5b)
    let host = world.start(FakeHost(alice), knowing: [bob.name])
    world.send(host.packet(to: bob.address), from: host)
    guard case .backoff(let until, .notReached(let why, let next)) = state(host) else {
      Issue.record("the peer is not backed off, but \(String(describing: state(host)))")
      return
    }
    #expect((world.now..<world.now + .seconds(3)).contains(until))
    #expect(next == .ifWanted(after: until - world.now))
    #expect(why == .refused(code: 0x5b))
    let call = try #require(world.call(host))
    world.say(bob.keepalive(to: alice.address), on: call)
    #expect(state(host) == .idle)
  }

  @Test("a configured peer is dialled when its pause is over, whatever was awaited of it before (a second was lost)")
  func punctual() throws {
    world.outcomes["\(bob.name)"] = .silence
    let host = world.start(FakeHost(alice, peers: [ConfiguredPeer(name: bob.name)]))
    world.send(host.packet(to: bob.address), from: host)
    world.pass(.milliseconds(500))
    world.answer([0, 0x5b, 0, 0, 0, 0, 0, 0], on: try #require(world.circuits.first))
    let refused = world.now
    world.pass(.seconds(15))
    #expect(host.dials.dropFirst().first == refused + .seconds(10))
  }

  @Test("a caller is a peer as long as its circuits are there, and no longer: strangers leave nothing behind")
  func caller() throws {
    let host = world.start(FakeHost(alice))
    let calls = try (0..<3).map { _ in try #require(world.call(host)) }
    for call in calls { world.say(bob.keepalive(to: alice.address), on: call) }
    #expect(incoming(host) == 3)
    world.cut(calls[0])
    #expect(incoming(host) == 2)
    world.cut(calls[1])
    world.cut(calls[2])
    #expect(incoming(host) == nil)
    #expect(host.node.peers.count == 0)
  }

  @Test("a caller whom nobody ever dialled is in no report")
  func report() throws {
    let host = world.start(FakeHost(alice))
    let call = try #require(world.call(host))
    world.say(bob.keepalive(to: alice.address), on: call)
    #expect(host.node.status(at: world.now).peers.isEmpty)
    #expect(host.node.status(at: world.now).otherPeers == 0)
    world.send(host.packet(to: bob.address), from: host)
    #expect(host.node.status(at: world.now).peers.map(\.name) == [bob.name])
  }

  @Test("who was dialled in vain is in no report any more after a while, though it calls (it stayed there for ever)")
  func caughtUp() throws {
    world.outcomes["\(bob.name)"] = .refused(0x5b)
    let host = world.start(FakeHost(alice), knowing: [bob.name])
    let call = try #require(world.call(host))
    world.say(bob.keepalive(to: alice.address), on: call)
    world.send(host.packet(to: bob.address), from: host)
    #expect(host.node.status(at: world.now).peers.map(\.name) == [bob.name])
    world.pass(.seconds(101))
    #expect(!call.isClosed)
    #expect(host.node.status(at: world.now).peers.isEmpty)
    #expect(incoming(host) == 1)
    world.cut(call)
    #expect(host.node.peers.count == 0)
  }

  @Test("a call that ended before its sender was ever dialled is not in the report's traffic")
  func trafficBefore() throws {
    world.outcomes["\(bob.name)"] = .silence
    let host = world.start(FakeHost(alice))
    let calls = try (0..<2).map { _ in try #require(world.call(host)) }
    for call in calls { world.say(bob.keepalive(to: alice.address), on: call) }
    world.cut(calls[0])
    world.send(host.packet(to: bob.address), from: host)
    let traffic = try #require(host.node.status(at: world.now).peers.first?.traffic)
    #expect(traffic.received == UInt64(bob.keepalive(to: alice.address).count))
  }

  @Test("what goes over this host's own call is counted at both ends, while it lasts and afterwards")
  func ownCall() throws {
    let host = world.start(FakeHost(alice))
    world.send(
      Sample.echoRequest(from: alice.address, to: OverlayNetwork.tor.circuitResponder, sequence: 1), from: host)
    let running = try #require(host.node.status(at: world.now).peers.first?.traffic)
    #expect(running.sent == running.received)
    #expect(running.received > 104)
    world.cut(try #require(world.circuits.first))
    #expect(host.node.status(at: world.now).peers.first?.traffic == running)
  }

  @Test("ten thousand callers, each of another address, are as many peers as there may be circuits")
  func crowd() throws {
    let host = world.start(FakeHost(alice, circuitLimit: 100))
    for number in 0..<UInt64(10_000) {
      guard let circuit = host.accepted(at: world.now) else {
        world.now = world.now + .milliseconds(10)
        continue
      }
      let name = try OnionName.sample(1_000 + number)
      let packet = Sample.packet(from: name.address, to: alice.address, payload: [1])
      host.receive(packet, on: circuit, at: world.now)
      while host.node.nextAction() != nil {}
      #expect(host.node.peers.count <= 100)
    }
  }
}
