import Testing

@testable import OverlayCore

@Suite("Several circuits to a peer")
struct NodeLanesTests: LaneTesting {
  let stage: LaneStage

  init() throws {
    stage = try LaneStage()
  }

  @Test("a bulk flow gets a circuit of its own, with another user identifier, and ping stays on the first")
  func bulk() throws {
    let host = try stage.connected(circuits: 2)
    stage.sendBulk(1, 0..<100, from: host)
    #expect(world.circuits.count == 2)
    let requests = world.circuits.compactMap(\.request)
    #expect(requests.map(\.name) == ["\(bob)", "\(bob)"])
    #expect(Set(requests.map(\.user)).count == 2)
    #expect(requests.map(\.user.count) == [16, 16])
    let keepalives = world.circuits.compactMap(\.packets.whole.first)
    #expect(keepalives.map { $0[6] } == [59, 59])
    // The flow has moved once, when it had sent 64 KiB, and nothing else has.
    let first = stage.arrived(world.circuits[0])
    let second = stage.arrived(world.circuits[1])
    #expect(first.first == stage.ping(0))
    #expect(Array(first.dropFirst()) + second == (0..<100).map { stage.packet(1, $0) })
    #expect((52...54).contains(first.count))
    world.send(stage.ping(1), from: host)
    world.send(stage.packet(2, 0), from: host)
    world.send(stage.packet(1, 100), from: host)
    #expect(stage.arrived(world.circuits[0]).suffix(2) == [stage.ping(1), stage.packet(2, 0)])
    #expect(stage.arrived(world.circuits[1]).last == stage.packet(1, 100))
    #expect(host.count(.dialled) == 2)
    #expect(host.count(.granted) == 2)
  }

  @Test("until the second circuit stands nothing waits for it; a packet waits behind none that went before")
  func dialling() throws {
    let host = try stage.connected(circuits: 2)
    world.outcomes["\(bob)"] = .silence
    stage.sendBulk(1, 0..<200, from: host)
    #expect(world.circuits.count == 2)
    #expect(stage.arrived(1, on: world.circuits[0]).count == 200)
    world.grant(world.circuits[1])
    #expect(world.circuits[1].packets.whole.count == 1)
    stage.sendBulk(1, 200..<210, from: host)
    #expect(stage.arrived(1, on: world.circuits[0]).count == 200)
    #expect(stage.arrived(world.circuits[1]) == (200..<210).map { stage.packet(1, $0) })
    #expect(host.count(.dialled) == 2)
  }

  @Test("one circuit a peer: nothing of that")
  func single() throws {
    let host = try stage.connected(circuits: 1)
    stage.sendBulk(1, 0..<300, from: host)
    #expect(world.circuits.count == 1)
    #expect(stage.arrived(1, on: world.circuits[0]) == (0..<300).map { stage.packet(1, $0) })
  }

  @Test("a flow that keeps below the rate of bulk stays on the first circuit for ever")
  func sparse() throws {
    let host = try stage.connected(circuits: 2)
    for number in 0..<1_000 {
      world.send(stage.packet(1, number), from: host)
      world.pass(.milliseconds(50))
    }
    #expect(world.circuits.count == 1)
  }

  @Test("four bulk flows spread over three circuits, however late those stand", arguments: [false, true])
  func spread(_ isSlow: Bool) throws {
    let host = try stage.connected(circuits: 4)
    if isSlow { world.outcomes["\(bob)"] = .silence }
    let flows = 1...4
    for number in 0..<300 {
      for flow in flows { world.send(stage.packet(flow, number), from: host) }
      // One circuit after the other comes to stand.
      if isSlow, number % 70 == 69, let next = world.circuits.first(where: { !$0.isGranted }) { world.grant(next) }
    }
    #expect(world.circuits.count == 4)
    let pinned = world.circuits.dropFirst().map { circuit in flows.count { !stage.arrived($0, on: circuit).isEmpty } }
    #expect(pinned.sorted() == [1, 1, 2])
    for flow in flows {
      let parts = world.circuits.map { stage.arrived(flow, on: $0) }
      // On the first circuit until it moved, then on one other.
      #expect(parts.count { !$0.isEmpty } == 2, "flow \(flow)")
      let isSame = Array(parts.joined()) == (0..<300).map { stage.packet(flow, $0) }
      #expect(isSame, "flow \(flow)")
    }
    #expect(Set(world.circuits.compactMap(\.request?.user)).count == 4)
  }

  @Test("flows that start together get circuits that are built together")
  func together() throws {
    let host = try stage.connected(circuits: 4)
    world.outcomes["\(bob)"] = .silence
    for number in 0..<60 {
      for flow in 1...4 { world.send(stage.packet(flow, number), from: host) }
    }
    #expect(world.circuits.count == 4)
    for circuit in world.circuits.dropFirst() { world.grant(circuit) }
    for flow in 1...4 { world.send(stage.packet(flow, 60), from: host) }
    let pinned = world.circuits.dropFirst().map { circuit in
      (1...4).count { !stage.arrived($0, on: circuit).isEmpty }
    }
    #expect(pinned.sorted() == [1, 1, 2])
  }

  @Test("no more circuits are built than there are flows that want one: flows that are over want none")
  func noMore() throws {
    let host = try stage.connected(circuits: 4)
    world.outcomes["\(bob)"] = .silence
    stage.sendBulk(1, 0..<60, from: host)
    world.pass(.milliseconds(1_500))
    stage.sendBulk(2, 0..<60, from: host)
    world.pass(.milliseconds(100))
    stage.sendBulk(2, 60..<200, from: host)
    #expect(world.circuits.count == 2)
    stage.sendBulk(3, 0..<60, from: host)
    #expect(world.circuits.count == 3)
  }

  @Test("a flow that moves takes along what waits: its next packets do not overtake it on the new circuit")
  func takesAlong() throws {
    let host = try stage.connected(circuits: 2)
    world.outcomes["\(bob)"] = .silence
    stage.sendBulk(1, 0..<60, from: host)
    // One flow that shares the queue of the first, and one that does not.
    let queue = { (flow: Int) in
      stage.packet(flow, 0).withUnsafeBytes { PacketView(reading: $0)?.flow ?? 0 } % UInt32(FlowQueue.flowCount)
    }
    let others = try [true, false].map { isShared in
      try #require((2...1_000).first { (queue($0) == queue(1)) == isShared })
    }
    for number in 60..<100 {
      for flow in [1] + others { world.queue(stage.packet(flow, number), from: host) }
    }
    host.receive([0, 0x5a, 0, 0, 0, 0, 0, 0], on: try #require(world.circuits[1].diallerIdentifier), at: world.now)
    world.circuits[1].isGranted = true
    world.circuits[0].room = 0
    for number in 100..<120 { world.queue(stage.packet(1, number), from: host) }
    world.settle()
    let isSame = stage.arrived(1, on: world.circuits[1]) == (60..<120).map { stage.packet(1, $0) }
    #expect(isSame)
    world.circuits[0].room = .max
    world.settle()
    for flow in others {
      let isSame = stage.arrived(flow, on: world.circuits[0]) == (60..<100).map { stage.packet(flow, $0) }
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
    #expect(world.circuits.count == 3)
    #expect(other.count(.accepted) == 3)
    #expect(other.count(.nameConflict) == 0)
  }
}
