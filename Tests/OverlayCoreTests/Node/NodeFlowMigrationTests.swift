import PacketSamples
import Testing

@testable import OverlayCore

/// A segment that overtakes others is taken for a sign of loss, and its flow is slow for many seconds.
@Suite("A TCP flow that migrates to another circuit")
struct NodeLaneMovesTests: LaneTesting {
  private static let size = 1_200

  let stage: LaneStage
  let host: FakeHost

  init() throws {
    stage = try LaneStage()
    host = try stage.connected(circuits: 2)
  }

  /// The segment of a flow with this number.
  private func segment(_ number: Int, flow: UInt16 = 1, from first: UInt32 = 1_000_000) -> [UInt8] {
    let payload = SamplePacket.payload(Self.size, seed: number)
    return stage.tcp(payload, flow) { $0.sequence = first &+ UInt32(number * Self.size) }
  }

  /// What Bob says when he has all segments before the one with this number.
  private func answer(before number: Int, flow: UInt16 = 1, from first: UInt32 = 1_000_000) -> [UInt8] {
    stage.tcpAnswer(flow) { $0.acknowledgement = first &+ UInt32(number * Self.size) }
  }

  private func send(_ numbers: Range<Int>, flow: UInt16 = 1, from first: UInt32 = 1_000_000) {
    for number in numbers { world.send(segment(number, flow: flow, from: first), from: host) }
  }

  private func segments(_ circuit: FakeCircuit) -> [[UInt8]] { stage.arrived(circuit).filter { $0[6] == 6 } }

  /// Sends 100 segments; how many of them left on the first circuit. The others wait for the second.
  private func beginMigration(from first: UInt32 = 1_000_000) throws -> Int {
    send(0..<100, from: first)
    try #require(world.circuits.count == 2)
    let left = segments(world.circuits[0]).count
    #expect((52...54).contains(left))
    #expect(segments(world.circuits[0]) == (0..<left).map { segment($0, from: first) })
    #expect(segments(world.circuits[1]) == [])
    return left
  }

  @Test("it waits until all that left before is acknowledged", arguments: [1_000_000, UInt32.max - 30_000])
  func waits(_ first: UInt32) throws {
    let left = try beginMigration(from: first)
    for number in [0, 1, left - 1] {
      world.answer(answer(before: number, from: first), on: world.circuits[0])
      #expect(segments(world.circuits[1]) == [], "before \(number)")
    }
    world.answer(answer(before: left, from: first), on: world.circuits[0])
    #expect(segments(world.circuits[1]) == (left..<100).map { segment($0, from: first) })
    #expect(segments(world.circuits[0]).count == left)
    send(100..<110, from: first)
    #expect(segments(world.circuits[1]).count == 110 - left)
    #expect(host.count(.queueFull) == 0)
  }

  @Test("an answer that came by any of the peer's circuits counts")
  func anyCircuit() throws {
    let left = try beginMigration()
    let circuit = try #require(world.call(host))
    world.say(Keepalive(name: bob).packet(to: alice.address, flowLabel: 1), on: circuit)
    world.say(answer(before: left), on: circuit)
    #expect(segments(world.circuits[1]).count == 100 - left)
  }

  @Test("what is of another flow, or acknowledges nothing, does not count")
  func others() throws {
    let left = try beginMigration()
    world.answer(answer(before: 100, flow: 2), on: world.circuits[0])
    world.answer(stage.tcpAnswer(1) { ($0.acknowledgement, $0.flags) = (2_000_000, 0x04) }, on: world.circuits[0])
    world.answer(stage.ping(9), on: world.circuits[0])
    // Its own direction, as a peer that lies would send it.
    world.answer(segment(99), on: world.circuits[0])
    #expect(segments(world.circuits[1]) == [])
    #expect(segments(world.circuits[0]).count == left)
  }

  @Test("others do not wait with it")
  func alone() throws {
    _ = try beginMigration()
    stage.sendBulk(1, 0..<100, from: host)
    #expect(!stage.arrived(1, on: world.circuits[1]).isEmpty)
    world.send(stage.ping(1), from: host)
    #expect(stage.arrived(world.circuits[0]).last == stage.ping(1))
    #expect(segments(world.circuits[1]) == [])
  }

  @Test("what is sent again was lost on its way: nobody waits for its arrival")
  func repetition() throws {
    let left = try beginMigration()
    world.send(segment(left - 1), from: host)
    #expect(segments(world.circuits[1]) == (left..<100).map { segment($0) } + [segment(left - 1)])
  }

  @Test("it waits for a second at the most")
  func limit() throws {
    let left = try beginMigration()
    world.pass(.milliseconds(990))
    #expect(segments(world.circuits[1]) == [])
    world.pass(.milliseconds(20))
    #expect(segments(world.circuits[1]) == (left..<100).map { segment($0) })
  }

  @Test("two flows wait each for its own answer")
  func two() throws {
    for number in 0..<100 { for flow in [1, 2] as [UInt16] { send(number..<number + 1, flow: flow) } }
    let left = segments(world.circuits[0]).count
    #expect((104...108).contains(left))
    #expect(segments(world.circuits[1]) == [])
    world.answer(answer(before: 100, flow: 2), on: world.circuits[0])
    #expect(segments(world.circuits[1]) == (left / 2..<100).map { segment($0, flow: 2) })
    world.answer(answer(before: 100, flow: 1), on: world.circuits[0])
    #expect(segments(world.circuits[1]).count == 200 - left)
  }

  @Test("what waits for the first circuit is taken along but for its first segment", arguments: [false, true])
  func takesAlong(_ isFirstEmpty: Bool) throws {
    world.outcomes["\(bob)"] = .silence
    send(0..<60)
    // What waits may begin with a segment that carries nothing.
    let waiting = (isFirstEmpty ? [stage.tcp([], 1) { $0.sequence = 1_072_000 }] : []) + (60..<100).map { segment($0) }
    for packet in waiting { world.queue(packet, from: host) }
    let circuit = try #require(world.circuits[1].diallerIdentifier)
    host.receive([0, 0x5a, 0, 0, 0, 0, 0, 0], on: circuit, at: world.now)
    world.circuits[1].isGranted = true
    world.circuits[0].room = 0
    send(100..<120)
    #expect(segments(world.circuits[1]) == [])
    world.circuits[0].room = .max
    world.settle()
    #expect(segments(world.circuits[0]) == (0..<60).map { segment($0) } + [waiting[0]])
    world.answer(answer(before: 61), on: world.circuits[0])
    #expect(segments(world.circuits[1]) == waiting.dropFirst() + (100..<120).map { segment($0) })
  }

  @Test("an acknowledgement that proves its flow to be bulk lets the data behind it wait, too")
  func emptyFirst() throws {
    let left = try beginMigration()
    world.answer(answer(before: left), on: world.circuits[0])
    for number in 0..<51 { world.send(segment(number, flow: 7), from: host) }
    for _ in 0..<40 { world.send(stage.tcp([], 7) { $0.sequence = 1_061_200 }, from: host) }
    send(51..<60, flow: 7)
    #expect(segments(world.circuits[1]).count == 100 - left)
    world.answer(answer(before: 51, flow: 7), on: world.circuits[0])
    #expect(segments(world.circuits[1]).suffix(9) == (51..<60).map { segment($0, flow: 7) })
  }

  @Test("a flow of acknowledgements waits for what they answer")
  func acknowledgements() {
    for number in 0..<1_000 { world.send(stage.tcp([], 1) { $0.acknowledgement = UInt32(number) }, from: host) }
    #expect(world.circuits.count == 2)
    #expect(segments(world.circuits[1]) == [])
    world.answer(answer(before: 0), on: world.circuits[0])
    #expect(segments(world.circuits[0]).count + segments(world.circuits[1]).count == 1_000)
    #expect(!segments(world.circuits[1]).isEmpty)
  }

  @Test("no more waits than a quarter of a megabyte: then all goes on, and nothing is lost")
  func bound() throws {
    let left = try beginMigration()
    send(100..<400)
    let arrived = segments(world.circuits[1])
    #expect(arrived == (left..<400).map { segment($0) })
    #expect(host.count(.queueFull) == 0)
  }

  @Test("two flows that share a queue wait until both may go on")
  func shared() throws {
    let place = { (flow: UInt16) in
      FlowQueue.place(of: segment(0, flow: flow).withUnsafeBytes { PacketView(reading: $0)?.flow ?? 0 })
    }
    let other = try #require((2...2_000 as ClosedRange<UInt16>).first { place($0) == place(1) })
    _ = try beginMigration()
    send(0..<100, flow: other)
    let left = segments(world.circuits[0]).count
    #expect(segments(world.circuits[1]) == [])
    world.answer(answer(before: 100), on: world.circuits[0])
    #expect(segments(world.circuits[1]) == [])
    world.answer(answer(before: 100, flow: other), on: world.circuits[0])
    #expect(segments(world.circuits[1]).count == 200 - left)
  }

  @Test("more than so many flows at once do not wait")
  func many() {
    for number in 0..<54 { for flow in 1...100 as ClosedRange<UInt16> { send(number..<number + 1, flow: flow) } }
    for flow in 1...100 as ClosedRange<UInt16> { send(54..<55, flow: flow) }
    #expect(host.node.migrations.count <= FlowMigrations.limit)
    world.pass(.seconds(2))
    #expect(host.node.migrations.isEmpty)
    #expect(segments(world.circuits[0]).count + segments(world.circuits[1]).count == 5_500)
  }

  @Test("where the new circuit is lost, what waited goes on along the first, in order")
  func lost() throws {
    _ = try beginMigration()
    world.outcomes["\(bob)"] = .silence
    world.cut(world.circuits[1])
    #expect(segments(world.circuits[0]) == (0..<100).map { segment($0) })
    send(100..<110)
    #expect(segments(world.circuits[0]) == (0..<110).map { segment($0) })
    world.pass(.seconds(2))
    #expect(host.count(.queueFull) == 0)
  }

  @Test("where the first circuit is lost, the flow goes on along the other")
  func firstLost() throws {
    let left = try beginMigration()
    world.cut(world.circuits[0])
    #expect(segments(world.circuits[1]) == (left..<100).map { segment($0) })
    send(100..<110)
    #expect(world.circuits.dropFirst().flatMap { segments($0) } == (left..<110).map { segment($0) })
  }
}

extension LaneStage {
  /// A TCP segment from Alice to Bob, of one of many flows.
  func tcp(_ payload: [UInt8], _ flow: UInt16, _ change: (inout SamplePacket.TCP) -> Void) -> [UInt8] {
    var packet = SamplePacket.tcp(payload) {
      $0.sourcePort = 1_000 + flow
      change(&$0)
    }
    (packet.source, packet.destination) = (alice.address, bob.address)
    return packet.bytes
  }

  /// A segment without data from Bob to Alice, of the flow's other direction.
  func tcpAnswer(_ flow: UInt16, _ change: (inout SamplePacket.TCP) -> Void) -> [UInt8] {
    var packet = SamplePacket.tcp([]) {
      ($0.sourcePort, $0.destinationPort) = ($0.destinationPort, 1_000 + flow)
      change(&$0)
    }
    (packet.source, packet.destination) = (bob.address, alice.address)
    return packet.bytes
  }
}
