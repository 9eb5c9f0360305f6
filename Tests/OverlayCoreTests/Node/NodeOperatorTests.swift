import PacketSamples
import Testing

@testable import OverlayCore

@Suite("What the operator does to a peer")
struct NodeOperatorTests {
  private let world = FakeWorld()
  private let alice: OnionName
  private let bob: OnionName
  private let carol: OnionName

  init() throws {
    alice = try .sample(1)
    bob = try .sample(2)
    carol = try .sample(3)
  }

  private func act<Result>(
    on host: FakeHost, _ body: (inout Node, inout Turn<CollectingDevice>) -> Result
  ) -> Result {
    host.turn.now = world.now
    let result = body(&host.node, &host.turn)
    world.settle()
    return result
  }

  private func state(of name: OnionName, at host: FakeHost) -> PeerStatus.State? {
    host.node.status(of: name.address, at: world.now)?.state
  }

  @Test("a blocked peer has no circuit, is never dialled, not even for packets, and comes back when the block ends")
  func block() throws {
    let host = world.start(FakeHost(alice, peers: [ConfiguredPeer(name: bob)]))
    let circuit = try #require(host.dialledCircuits.first)
    #expect(act(on: host) { $0.block(bob.address, turn: &$1) })
    #expect(circuit.isClosed && state(of: bob, at: host) == .blocked)
    let dials = host.dials.count
    world.pass(.seconds(600))
    _ = host.takeDelivered()
    world.send(host.packet(to: bob.address), from: host)
    #expect(host.takeErrorCodes() == [3], "the sender is told that nobody is there")
    #expect(host.dials.count == dials)
    #expect(act(on: host) { $0.connect(bob, turn: &$1) } == .blocked)
    #expect(act(on: host) { $0.unblock(bob.address, turn: &$1) })
    #expect(!act(on: host) { $0.unblock(bob.address, turn: &$1) })
    #expect(host.dials.count == dials + 1)
    if case .up = state(of: bob, at: host) {} else { Issue.record("bob is not connected again") }
  }

  @Test("a peer whose key Tor has now is dialled at once, however long its pause is, and nobody else is")
  func obstacle() throws {
    world.outcomes["\(bob)"] = .refused(0x5b)
    world.reasons["\(bob)"] = 0xf4
    let host = world.start(FakeHost(alice, peers: [ConfiguredPeer(name: bob)]))
    world.pass(.seconds(400))
    let dials = host.dials.count
    world.outcomes["\(bob)"] = .granted
    act(on: host) { $0.obstacleIsGone(to: alice, turn: &$1) }
    #expect(host.dials.count == dials)
    act(on: host) { $0.obstacleIsGone(to: bob, turn: &$1) }
    #expect(host.dials.count == dials + 1)
    act(on: host) { _ = $0.disconnect(bob.address, turn: &$1) }
    act(on: host) { $0.obstacleIsGone(to: bob, turn: &$1) }
    #expect(host.dials.count == dials + 1, "one that is left alone stays so")
  }

  @Test("what a blocked peer sends is refused, on the circuit that it had and on a new one")
  func refused() throws {
    let host = world.start(FakeHost(alice), knowing: [bob])
    let before = try #require(world.call(host))
    let hello = Sample.packet(from: bob.address, to: alice.address, payload: [1, 2, 3])
    world.say(hello, on: before)
    #expect(host.takeDelivered().count == 1)
    #expect(act(on: host) { $0.block(bob.address, turn: &$1) })
    let after = try #require(world.call(host))
    world.say(hello, on: after)
    #expect(host.takeDelivered().isEmpty)
    #expect(host.count(.blocked) == 1 && host.count(.forgedSource) == 0, "nobody forged anything")
    #expect(host.node.peers.circuits(from: bob.address).isEmpty)
  }

  @Test("there is a bound to blocks, and a peer that is blocked already stays so beyond it")
  func bound() {
    let host = world.start(FakeHost(alice))
    for number in 0..<PeerTable.blockedLimit {
      let address = IPv6Address(high: alice.address.high, low: UInt64(number + 1))
      #expect(act(on: host) { $0.block(address, turn: &$1) })
    }
    #expect(!act(on: host) { $0.block(bob.address, turn: &$1) })
    #expect(act(on: host) { $0.block(IPv6Address(high: alice.address.high, low: 1), turn: &$1) })
  }

  @Test("a peer that was disconnected is left alone, configured or not, until a packet wants it")
  func disconnect() throws {
    let host = world.start(FakeHost(alice, peers: [ConfiguredPeer(name: bob)]))
    let circuit = try #require(host.dialledCircuits.first)
    #expect(act(on: host) { $0.disconnect(bob.address, turn: &$1) } == 1)
    #expect(circuit.isClosed && state(of: bob, at: host) == .held)
    let dials = host.dials.count
    world.pass(.seconds(600))
    #expect(host.dials.count == dials)
    world.send(host.packet(to: bob.address), from: host)
    #expect(host.dials.count == dials + 1 && state(of: bob, at: host) != .held)
  }

  @Test("connect dials at once, in the middle of a pause and beyond the pace")
  func connect() throws {
    world.outcomes["\(bob)"] = .refused(0x5b)
    let host = world.start(FakeHost(alice, peers: [ConfiguredPeer(name: bob)]))
    world.pass(.seconds(600))
    let dials = host.dials.count
    for count in 1...5 {
      #expect(act(on: host) { $0.connect(bob, turn: &$1) } == .isDialled)
      #expect(host.dials.count == dials + count)
    }
    world.outcomes["\(bob)"] = nil
    #expect(act(on: host) { $0.connect(bob, turn: &$1) } == .isDialled)
    #expect(act(on: host) { $0.connect(bob, turn: &$1) } == .isUp)
  }

  @Test("a peer that nobody named before can be dialled by its whole name")
  func stranger() {
    let host = world.start(FakeHost(alice))
    #expect(act(on: host) { $0.connect(carol, turn: &$1) } == .isDialled)
    #expect(host.dialledCircuits.map(\.request?.name) == ["\(carol)"])
  }

  @Test("a ping is answered once, by the peer that was asked and with what was asked, and never reaches the device")
  func ping() throws {
    let host = world.add(FakeHost(alice, peers: [ConfiguredPeer(name: bob)]))
    #expect(act(on: host) { $0.ping(carol.address, number: 6, turn: &$1) } == .unknownName)
    host.start(at: world.now)
    world.settle()
    #expect(act(on: host) { $0.ping(bob.address, number: 7, turn: &$1) } == .sent)
    let request = try #require(
      host.dialledCircuits.first?.packets.whole.last { $0.count == EchoProbe.size && $0[40] == 128 })
    let circuit = try #require(world.call(host))
    let hello = Sample.packet(from: bob.address, to: alice.address, payload: [1, 2, 3])
    world.say(hello, on: circuit)
    _ = host.takeDelivered()
    var reply = request
    reply.replaceSubrange(8..<24, with: request[24..<40])
    reply.replaceSubrange(24..<40, with: request[8..<24])
    reply[40] = 129
    var forged = reply
    forged[60] ^= 1
    world.pass(.milliseconds(300))
    for packet in [forged, reply, reply] { world.say(packet, on: circuit) }
    let answers = host.events.compactMap {
      if case .pingAnswered(let number, let time) = $0 { (number, time) } else { nil }
    }
    #expect(answers.map(\.0) == [7] && answers.first?.1 == .milliseconds(300))
    #expect(host.takeDelivered() == [forged, reply], "what answers no question is the kernel's")
  }

  @Test("the smoothed round trip follows the answers slowly, and the rate of bytes follows the last seconds")
  func figures() {
    var liveness = Liveness()
    for (number, time) in [100, 200, 100].enumerated() {
      let token = [UInt8](repeating: UInt8(number), count: Liveness.Question.tokenSize)
      liveness.asked(.init(token: token, identifier: 1, time: Instant(nanoseconds: 0), isOnSuccessor: false))
      _ = liveness.answered(token, at: Instant(nanoseconds: 0) + .milliseconds(time))
    }
    #expect(liveness.roundTrip == .milliseconds(100))
    #expect(liveness.smoothedRoundTrip == .nanoseconds(110_937_500))
    var meter = TrafficMeter()
    let start = Instant(nanoseconds: 0) + .seconds(1_000)
    for tenth in 0..<100 { meter.sent(1_000, at: start + .milliseconds(tenth * 100)) }
    let end = start + .seconds(10)
    #expect((9_000...11_000).contains(meter.rate(at: end).sent) && meter.rate(at: end).received == 0)
    #expect(meter.rate(at: end + .seconds(7)) == Traffic() && meter.total.sent == 100_000)
  }
}
