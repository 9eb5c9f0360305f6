import Testing

@testable import OverlayCore

@Suite("Several circuits to a peer")
struct NodeLanesTests: LaneTesting {
  let stage: LaneStage

  init() throws {
    stage = try LaneStage()
  }

  @Test("bulk gets a circuit of its own, with another user identifier, and what is sparse stays on the first")
  func bulk() throws {
    let host = try stage.connected(circuits: 2)
    stage.sendBulk(1, 0..<900, from: host)
    #expect(circuits.count == 2)
    let requests = circuits.compactMap(\.request)
    #expect(requests.map(\.name) == ["\(bob)", "\(bob)"])
    #expect(Set(requests.map(\.user)).count == 2)
    #expect(requests.map(\.user.count) == [16, 16])
    let keepalives = circuits.compactMap(\.packets.whole.first)
    #expect(keepalives.map { $0[6] } == [59, 59])
    // The flow has moved once, when it had sent a megabyte, and nothing else has.
    let first = stage.arrived(circuits[0])
    let second = stage.arrived(circuits[1])
    #expect(first.first == stage.ping(0))
    let isSame = Array(first.dropFirst()) + second == (0..<900).map { stage.packet(1, $0) }
    #expect(isSame)
    #expect((800...850).contains(first.count))
    world.send(stage.ping(1), from: host)
    world.send(stage.packet(2, 0), from: host)
    world.send(stage.packet(1, 900), from: host)
    #expect(stage.arrived(circuits[0]).suffix(2) == [stage.ping(1), stage.packet(2, 0)])
    #expect(stage.arrived(circuits[1]).last == stage.packet(1, 900))
    #expect(host.count(.dialled) == 2)
    #expect(host.count(.granted) == 2)
  }

  @Test("a transfer of less than a megabyte causes no further circuit")
  func short() throws {
    let host = try stage.connected(circuits: 2)
    for transfer in 0..<5 {
      stage.sendBulk(1, 0..<780, from: host)
      #expect(circuits.count == 1, "transfer \(transfer)")
      world.pass(.milliseconds(1_100))
    }
  }

  @Test("bulk that fills a slow circuit gets no other before it has moved a megabyte, however long that takes")
  func standing() throws {
    let host = try stage.connected(circuits: 2)
    for step in 0..<1_000 {
      circuits[0].room = 500
      if step % 2 == 0 { world.queue(stage.packet(1, step), from: host) }
      world.pass(.milliseconds(10))
    }
    #expect(circuits.count == 1)
    #expect(circuits[0].arrived.count > 400_000)
  }

  @Test("until the second circuit stands nothing waits for it, and no other is built")
  func dialling() throws {
    let host = try stage.connected(circuits: 4)
    world.outcomes["\(bob)"] = .silence
    stage.sendBulk(1, 0..<1_000, from: host)
    stage.sendBulk(2, 0..<1_000, from: host)
    #expect(circuits.count == 2)
    #expect(stage.arrived(1, on: circuits[0]).count == 1_000)
    world.grant(circuits[1])
    #expect(circuits[1].packets.whole.count == 1)
    stage.sendBulk(2, 1_000..<1_010, from: host)
    #expect(stage.arrived(2, on: circuits[0]).count == 1_000)
    #expect(stage.arrived(circuits[1]) == (1_000..<1_010).map { stage.packet(2, $0) })
    #expect(host.count(.dialled) == 2)
  }

  @Test("one circuit a peer: nothing of that")
  func single() throws {
    let host = try stage.connected(circuits: 1)
    stage.sendBulk(1, 0..<1_000, from: host)
    #expect(circuits.count == 1)
    let isSame = stage.arrived(1, on: circuits[0]) == (0..<1_000).map { stage.packet(1, $0) }
    #expect(isSame)
  }

  @Test("a flow that keeps below the rate of bulk stays on the first circuit for ever")
  func sparse() throws {
    let host = try stage.connected(circuits: 2)
    for number in 0..<1_000 {
      world.send(stage.packet(1, number), from: host)
      world.pass(.milliseconds(50))
    }
    #expect(circuits.count == 1)
  }

  @Test("a flow that becomes bulk takes along what waits, and nothing of the flows that share its place")
  func takesAlong() throws {
    let host = try stage.connected(circuits: 2)
    stage.sendBulk(99, 0..<900, from: host)
    // One flow that shares the queue of the first, and one that does not.
    let queue = { (flow: Int) in
      stage.packet(flow, 0).withUnsafeBytes { PacketView(reading: $0)?.flow ?? 0 } % UInt32(FlowQueue.flowCount)
    }
    let others = try [true, false].map { isShared in
      try #require((2...1_000).first { $0 != 99 && (queue($0) == queue(1)) == isShared })
    }
    for number in 0..<25 {
      for flow in [1] + others { world.queue(stage.packet(flow, number), from: host) }
    }
    for number in 25..<40 { world.queue(stage.packet(1, number), from: host) }
    circuits[0].room = 0
    world.settle()
    let isSame = stage.arrived(1, on: circuits[1]) == (0..<40).map { stage.packet(1, $0) }
    #expect(isSame)
    circuits[0].room = .max
    world.settle()
    for flow in others {
      let isSame = stage.arrived(flow, on: circuits[0]) == (0..<25).map { stage.packet(flow, $0) }
      #expect(isSame, "flow \(flow)")
    }
  }

  @Test("between two hosts no flow is reordered and nothing is lost", arguments: 0..<3 as Range<UInt64>)
  func twoHosts(_ seed: UInt64) throws {
    let world = FakeWorld(seed: seed)
    var random = SeededGenerator(seed: 800 + seed)
    let host = world.start(FakeHost(alice, circuitsPerPeer: 3), knowing: [bob])
    let other = world.start(FakeHost(bob, circuitsPerPeer: 3))
    var sent: [Int: [[UInt8]]] = [:]
    for number in 0..<2_000 {
      let flow = Int.random(in: 0..<8, using: &random)
      let packet = stage.packet(flow, number)
      sent[flow, default: []].append(packet)
      world.send(packet, from: host)
      if number % 100 == 0 { world.pass(.milliseconds(Int.random(in: 0...100, using: &random))) }
    }
    var received: [Int: [[UInt8]]] = [:]
    for packet in other.takeDelivered() {
      received[Int(packet[40]) << 8 + Int(packet[41]) - 1_000, default: []].append(packet)
    }
    let isSame = received == sent
    #expect(isSame)
    #expect(world.circuits.count == 2)
    #expect(other.count(.accepted) == 2)
    #expect(other.count(.nameConflict) == 0)
  }
}
