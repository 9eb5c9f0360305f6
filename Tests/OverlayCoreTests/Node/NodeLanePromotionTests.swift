import Testing

@testable import OverlayCore
@testable import OverlayIO

@Suite("The first circuit to a peer is lost")
struct NodeLaneHeirTests: LaneTesting {
  let stage: LaneStage

  init() throws {
    stage = try LaneStage()
  }

  @Test("when the first circuit is lost one for bulk takes its place: no other is closed, nothing is dropped")
  func firstLost() throws {
    let host = try stage.connected(circuits: 3)
    for flow in [1, 2] { stage.sendBulk(flow, 0..<60, from: host) }
    #expect(world.circuits.count == 3)
    // The heir is the one with less to send.
    world.circuits[1].room = 3_000
    stage.sendBulk(1, 60..<100, from: host)
    world.circuits[0].room = 0
    // More than waits for a circuit that is built: 200 packets, 250 KB.
    for number in 0..<40 {
      for flow in 11...15 { world.send(stage.packet(flow, number), from: host) }
    }
    world.send(stage.ping(1), from: host)
    world.cut(world.circuits[0])
    #expect(world.circuits.map(\.isClosed) == [true, false, false])
    for flow in 11...15 {
      let isSame = stage.arrived(flow, on: world.circuits[2]) == (0..<40).map { stage.packet(flow, $0) }
      #expect(isSame, "flow \(flow)")
    }
    #expect(stage.arrived(world.circuits[2]).contains(stage.ping(1)))
    world.send(stage.ping(2), from: host)
    stage.sendBulk(11, 40..<50, from: host)
    #expect(stage.arrived(world.circuits[2]).suffix(11) == [stage.ping(2)] + (40..<50).map { stage.packet(11, $0) })
    // The other one goes on as it was.
    world.circuits[1].room = .max
    stage.sendBulk(1, 100..<101, from: host)
    let parts = [0, 1].flatMap { stage.arrived(1, on: world.circuits[$0]) }
    #expect(parts == (0..<101).map { stage.packet(1, $0) })
    #expect([.queueFull, .lostWithCircuit, .dialFailed].map { host.count($0) } == [0, 0, 0])
    #expect(host.count(.dialled) == 3)
    #expect(host.takeErrorCodes() == [])
  }

  @Test("the bulk flow of a circuit that takes the first one's place gets another, which is no one's twin for Tor")
  func heirsFlow() throws {
    let host = try stage.connected(circuits: 2)
    world.pass(.seconds(31))
    stage.sendBulk(1, 0..<60, from: host)
    world.circuits[1].room = 1_000
    stage.sendBulk(1, 60..<120, from: host)
    world.cut(world.circuits[0])
    stage.sendBulk(1, 120..<180, from: host)
    #expect(world.circuits.map(\.isClosed) == [true, false, false])
    world.circuits[1].room = .max
    stage.sendBulk(1, 180..<190, from: host)
    world.send(stage.ping(1), from: host)
    #expect(stage.arrived(world.circuits[1]).last == stage.ping(1))
    // What waited went along to the new circuit, but for the write batch.
    let parts = world.circuits.map { stage.arrived(1, on: $0) }
    let isSame = Array(parts.joined()) == (0..<190).map { stage.packet(1, $0) }
    #expect(isSame)
    #expect(parts[2].count > 130 - 2 * Circuit.batchSizes.lowerBound / 1_248)
    #expect(Set(world.circuits.compactMap { $0.request?.user }).count == 3)
  }

  @Test("one circuit after the other takes the first one's place, until none is left and another is dialled")
  func heirsInTurn() throws {
    let host = try stage.connected(circuits: 3)
    for flow in [1, 2] { stage.sendBulk(flow, 0..<60, from: host) }
    world.outcomes["\(bob)"] = .refused(0x5b)
    for (lost, count) in [(0, 3), (1, 3), (2, 4)] {
      world.send(stage.ping(UInt16(lost)), from: host)
      #expect(stage.arrived(world.circuits[lost]).last == stage.ping(UInt16(lost)))
      world.circuits[lost].room = 0
      world.send(stage.ping(9), from: host)
      world.cut(world.circuits[lost])
      #expect(world.circuits.count == count)
    }
    #expect(host.node.circuits.count == 0)
    #expect(host.takeErrorCodes() == [3])
    #expect(host.node.store.byteCount == host.node.store.keptBytes)
  }

  @Test("a permanent peer's circuit that took the first one's place is kept like that, and nobody is told of a loss")
  func permanent() throws {
    let host = world.start(FakeHost(alice, peers: [ConfiguredPeer(name: bob)], circuitsPerPeer: 2))
    stage.sendBulk(1, 0..<100, from: host)
    #expect(world.circuits.count == 2)
    world.cut(world.circuits[0])
    world.pass(.seconds(600))
    #expect(world.circuits.map(\.isClosed) == [true, false])
    #expect(world.circuits[1].packets.whole.count { $0[6] == 58 } >= 10)
    #expect(host.log.filter { $0.level == .notice && $0.text.contains("lost") }.isEmpty)
    let report = host.node.status(at: world.now).lines.joined()
    #expect(report.contains("circuit open for 600 s, 0 more for bulk"))
  }

  @Test("when the first circuit is lost before another stands, all are closed, and what waited goes over the next")
  func firstLostAlone() throws {
    let host = try stage.connected(circuits: 2)
    world.outcomes["\(bob)"] = .silence
    stage.sendBulk(1, 0..<60, from: host)
    world.circuits[0].room = 0
    world.send(stage.ping(1), from: host)
    stage.sendBulk(1, 60..<80, from: host)
    world.outcomes = [:]
    world.cut(world.circuits[0])
    #expect(world.circuits.map(\.isClosed) == [true, true, false])
    let third = stage.arrived(world.circuits[2])
    #expect(third.filter { $0 != stage.ping(1) } == (60..<80).map { stage.packet(1, $0) })
    #expect(third.count == 21)
    #expect(host.count(.lostWithCircuit) == 0)
    stage.sendBulk(1, 80..<180, from: host)
    #expect(world.circuits.count == 4)
    #expect(stage.arrived(1, on: world.circuits[3]).last == stage.packet(1, 179))
    #expect(host.takeErrorCodes() == [])
  }
}
