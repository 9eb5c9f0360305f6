import PacketSamples
import Testing

@testable import OverlayCore

@Suite("A dead circuit")
struct NodeLivenessTests {
  private let world = FakeWorld()
  private let alice: OnionName
  private let bob: OnionName

  init() throws {
    alice = try .sample(1)
    bob = try .sample(2)
  }

  private func host(_ name: OnionName, permanent: OnionName? = nil, circuits: Int = 1) -> FakeHost {
    FakeHost(name, peers: permanent.map { [ConfiguredPeer(name: $0)] } ?? [], circuitsPerPeer: circuits)
  }

  /// Two hosts that have spoken to each other.
  private func pair() -> (FakeHost, FakeHost) {
    let second = world.add(host(bob, permanent: alice))
    let first = world.start(host(alice, permanent: bob))
    second.start(at: world.now)
    world.settle()
    talk(first, second)
    world.pass(.seconds(100))
    talk(first, second)
    return (first, second)
  }

  private func talk(_ first: FakeHost, _ second: FakeHost) {
    world.send(first.packet(to: second.address), from: first)
    world.send(second.packet(to: first.address), from: second)
    _ = (first.takeDelivered(), second.takeDelivered())
  }

  /// How many seconds pass until a packet that is sent every second arrives; 100 if none does.
  private func secondsUntilTraffic(from first: FakeHost, to second: FakeHost) -> Int {
    for second_ in 0..<100 {
      world.send(first.packet(to: second.address, 77), from: first)
      if second.takeDelivered().contains(first.packet(to: second.address, 77)) { return second_ }
      world.pass(.seconds(1))
    }
    return 100
  }

  @Test("is replaced when its peer is back, whether it calls or not", arguments: [0, 3, 15, 40, 100], [true, false])
  func comesBack(_ away: Int, _ calls: Bool) throws {
    let (first, old) = pair()
    #expect(first.node.peer(bob).map { first.node.peers.peers[$0].liveness.hasAnswered } == true)
    world.vanish(old)
    world.outcomes["\(bob)"] = .refused(0x5b)
    for _ in 0..<away {
      world.send(first.packet(to: bob.address), from: first)
      world.pass(.seconds(1))
    }
    world.outcomes = [:]
    let new = world.start(calls ? host(bob, permanent: alice) : host(bob), knowing: [alice])
    #expect(secondsUntilTraffic(from: first, to: new) <= 35)
    #expect(first.count(.replaced) == 1)
    #expect(first.log.allSatisfy { !$0.text.contains("lost") })
  }

  @Test("is replaced at the host, too, that its peer always asks first, so that it never asked itself")
  func neverAsked() throws {
    let names = [alice, bob].sorted { ($0.address.high, $0.address.low) < ($1.address.high, $1.address.low) }
    let asked = world.add(host(names[1], permanent: names[0]))
    let asking = world.start(host(names[0], permanent: names[1]))
    asked.start(at: world.now)
    world.pass(.seconds(600))
    #expect(asked.count(.asked) == 0)
    #expect(asking.count(.answered) >= 9)
    for circuit in world.circuits { circuit.isSwallowing = true }
    #expect(secondsUntilTraffic(from: asked, to: asking) <= 35)
  }

  @Test("is told from one that is alive by the peer's answer: then nothing is dialled")
  func alive() throws {
    let (first, second) = pair()
    let dials = first.dials.count
    for _ in 0..<600 {
      world.send(first.packet(to: bob.address), from: first)
      world.pass(.seconds(1))
    }
    #expect(first.dials.count == dials)
    #expect((25...35).contains(first.count(.asked)))
    #expect(first.count(.answered) == first.count(.asked))
    #expect(second.takeDelivered().count == 600)
    #expect(first.node.peer(bob).flatMap { first.node.peers.peers[$0].roundTrip } == .zero)
  }

  @Test("two idle peers send two packets a minute to find out")
  func idlePair() throws {
    _ = pair()
    world.pass(.seconds(60))
    func packets() -> Int { world.circuits.reduce(0) { $0 + $1.packets.whole.count } }
    let before = packets()
    world.pass(.seconds(3_600))
    #expect((100...120).contains(packets() - before))
    #expect(world.circuits.count { !$0.isClosed } == 2)
  }

  /// A host and its peer, whom the test plays; it answers echo requests by the circuit it called by.
  private func withEchoPeer() throws -> (FakeHost, FakeHost, FakeCircuit) {
    let first = world.start(host(alice), knowing: [bob])
    let player = FakeHost(bob)
    let call = try #require(world.call(first))
    world.say(player.keepalive(to: alice.address), on: call)
    world.send(first.packet(to: bob.address), from: first)
    return (first, player, call)
  }

  /// What the peer's kernel answers to all requests that have come since `count` packets.
  private func answerEchos(_ circuit: FakeCircuit, after count: inout Int, on call: FakeCircuit) {
    let whole = circuit.packets.whole
    for packet in whole.dropFirst(count) where packet[6] == 58 && packet[40] == 128 {
      var reply = Sample.echoReply(to: packet)
      reply.replaceSubrange(44..<46, with: packet[44..<46])
      world.say(reply, on: call)
    }
    count = whole.count
  }

  @Test("to a peer without extensions is found by an echo request, whose reply nobody sees")
  func echo() throws {
    let (first, player, call) = try withEchoPeer()
    let old = world.circuits[1]
    var seen = 0
    for _ in 0..<30 {
      world.pass(.seconds(1))
      answerEchos(old, after: &seen, on: call)
    }
    #expect(first.count(.answered) == 1)
    #expect(first.takeDelivered() == [])
    // Another's reply is the kernel's.
    let other = Sample.echoReply(
      to: Sample.echoRequest(from: alice.address, to: bob.address, data: [UInt8](repeating: 1, count: 16)))
    world.say(other, on: call)
    #expect(first.takeDelivered() == [other])

    old.isSwallowing = true
    var seconds = 0
    var seenByNew = 0
    while world.circuits.count < 3 || !world.circuits[2].packets.whole.contains(first.packet(to: bob.address, 77)) {
      world.send(first.packet(to: bob.address, 77), from: first)
      if world.circuits.count > 2 {
        #expect(old.isClosed == (first.count(.replaced) == 1))
        answerEchos(world.circuits[2], after: &seenByNew, on: call)
      }
      world.pass(.seconds(1))
      seconds += 1
      guard seconds < 60 else { break }
    }
    #expect(seconds <= 25)
    #expect(first.count(.replaced) == 1)
    #expect(old.isClosed)
    #expect(first.takeDelivered() == [])
    #expect(player.name == bob)
  }

  @Test("cannot be told of a peer that never answers: it is not dialled again, until it calls")
  func neverAnswers() throws {
    let (first, player, call) = try withEchoPeer()
    for _ in 0..<300 {
      world.send(first.packet(to: bob.address), from: first)
      world.pass(.seconds(1))
    }
    #expect(first.dials.count == 1)
    #expect((10...16).contains(first.count(.asked)))
    world.cut(call)
    for _ in 0..<20 {
      world.say(player.keepalive(to: alice.address), on: try #require(world.call(first)))
      world.pass(.seconds(5))
    }
    #expect((2...5).contains(first.dials.count))
    #expect(zip(first.dials, first.dials.dropFirst()).allSatisfy { $1 - $0 >= .seconds(30) })
  }

  @Test("and lost while a second one is built leaves that as long as a first one has to stand (it had half of it)")
  func onlyOneLeft() throws {
    let (first, old) = pair()
    let dead = try #require(first.dialledCircuits.first)
    world.vanish(old)
    world.outcomes["\(bob)"] = .silence
    let dials = first.dials.count
    for _ in 0..<100 where first.dials.count == dials {
      world.send(first.packet(to: bob.address), from: first)
      world.pass(.seconds(1))
    }
    let second = try #require(world.circuits.last)
    #expect(second !== dead)
    world.cut(dead)
    world.pass(.seconds(45))
    #expect(!second.isClosed)
    world.pass(.seconds(16))
    #expect(second.isClosed)
  }

  @Test("that was asked along just before its time is closed when that is sent, not only after as long again")
  func idleAfterQuestion() throws {
    let first = world.start(host(alice), knowing: [bob])
    world.send(first.packet(to: bob.address), from: first)
    let circuit = try #require(first.dialledCircuits.first)
    world.pass(.seconds(175))
    world.outcomes["\(bob)"] = .silence
    circuit.room = 0
    let call = try #require(world.call(first))
    world.say(FakeHost(bob).keepalive(to: alice.address), on: call)
    world.pass(.seconds(6))
    #expect(!circuit.isClosed)
    circuit.room = .max
    world.pass(.seconds(60))
    #expect(circuit.isClosed)
    #expect(first.count(.idleClosed) == 1)
    #expect(first.count(.stalled) == 0)
  }

  @Test("with its lanes hands all that waits to its successor, in order")
  func lanes() throws {
    let stage = try LaneStage()
    let world = stage.world
    let host = try stage.grown(to: 3)
    for flow in 1...2 { stage.sendBulk(flow, 0..<60, from: host) }
    #expect(stage.circuits.allSatisfy { !$0.isClosed })
    for circuit in stage.circuits { circuit.room = 0 }
    for flow in 1...2 { stage.sendBulk(flow, 60..<100, from: host) }
    world.send(stage.ping(9), from: host)
    world.say(FakeHost(bob).keepalive(to: alice.address), on: try #require(world.call(host)))
    for _ in 0..<15 where host.dials.count == 3 { world.pass(.seconds(1)) }
    #expect(host.dials.count == 4)
    let successor = try #require(stage.circuits.last)
    #expect(stage.circuits[0].isClosed == false)
    world.pass(.seconds(15))
    #expect(stage.circuits.map(\.isClosed) == [true, true, true, false])
    for flow in 1...2 {
      let isSame = stage.arrived(flow, on: successor) == (60..<100).map { stage.packet(flow, $0) }
      #expect(isSame)
    }
    #expect(stage.arrived(successor).contains(stage.ping(9)))
    #expect(host.count(.lostWithCircuit) == 0)
    #expect(host.takeErrorCodes() == [])
    world.pass(.seconds(300))
    #expect(host.node.circuits.count <= 1)
  }

  @Test("questions are answered once a second, and only on a circuit that we dialled")
  func answers() throws {
    let first = world.start(host(alice))
    let player = FakeHost(bob)
    let call = try #require(world.call(first))
    for number in 0..<50 {
      let token = [UInt8](repeating: UInt8(number), count: 16)
      world.say(player.keepalive(to: alice.address, extensions: [.init(type: 8, value: token)]), on: call)
      world.pass(.milliseconds(100))
    }
    #expect(first.dials.count == 1)
    let found = try world.circuits[1].packets.whole.compactMap { packet -> [UInt8]? in
      return try packet.withUnsafeBytes { try Keepalive(#require(PacketView(reading: $0))) }.value(of: 9)
    }
    #expect(found == [0, 10, 20, 30, 40].map { [UInt8](repeating: $0, count: 16) })
    #expect(first.count(.answerLimited) == 45)
    // One of another length is none.
    world.pass(.seconds(1))
    world.say(player.keepalive(to: alice.address, extensions: [.init(type: 8, value: [1])]), on: call)
    #expect(world.circuits[1].packets.whole.count == 6)
  }

  @Test("a stranger's answers, and those to what was not asked, count for nothing")
  func forgedAnswers() throws {
    let (first, second) = pair()
    world.vanish(second)
    world.send(first.packet(to: bob.address), from: first)
    world.pass(.seconds(11))
    let answered = first.count(.answered)
    let call = try #require(world.call(first))
    let token = [UInt8](repeating: 1, count: 16)
    world.say(FakeHost(bob).keepalive(to: alice.address, extensions: [.init(type: 9, value: token)]), on: call)
    #expect(first.count(.answered) == answered)
  }

  @Test(
    "a peer from which an answer is awaited is asked though a circuit for bulk took the first one's place meanwhile")
  func promoted() throws {
    let stage = try LaneStage()
    let host = try stage.connected(circuits: 2)
    stage.world.pass(.seconds(31))
    stage.sendBulk(1, 0..<900, from: host)
    #expect(stage.world.circuits.count == 2)
    stage.world.pass(.seconds(8))
    let asked = host.count(.asked)
    stage.world.cut(stage.world.circuits[0])
    stage.world.pass(.seconds(11))
    #expect(host.count(.asked) > asked)
  }

  @Test("what is to be looked at is bounded by circuits and peers, however often somebody calls in a peer's name")
  func deadlines() throws {
    let (first, second) = pair()
    for _ in 0..<4_000 {
      guard let call = world.call(first) else { continue }
      world.say(second.keepalive(to: first.address), on: call)
      world.cut(call)
      world.pass(.milliseconds(5))
    }
    #expect(first.node.deadlineCount < 200)
  }
}
