import Testing

@testable import OverlayCore
@testable import OverlayIO

@Suite("The first circuit to a peer is lost")
struct NodeLanePromotionTests: LaneTesting {
  let stage: LaneStage

  init() throws {
    stage = try LaneStage()
  }

  @Test("when the first circuit is lost the last one for bulk takes its place: nothing else is closed or dropped")
  func firstLost() throws {
    let host = try stage.grown(to: 3)
    for flow in [1, 2] { stage.sendBulk(flow, 0..<60, from: host) }
    let dropped = host.count(.queueFull)
    for circuit in circuits { circuit.room = 0 }
    // More than waits for a circuit that is built: 200 packets, 250 KB.
    for number in 0..<20 {
      for flow in 11...20 { world.send(stage.packet(flow, number), from: host) }
    }
    for flow in [1, 2] { stage.sendBulk(flow, 60..<100, from: host) }
    world.send(stage.ping(1), from: host)
    world.cut(circuits[0])
    #expect(circuits.map(\.isClosed) == [true, false, false])
    for circuit in circuits { circuit.room = .max }
    world.settle()
    for flow in 11...20 {
      let isSame = stage.arrived(flow, on: circuits[2]) == (0..<20).map { stage.packet(flow, $0) }
      #expect(isSame, "flow \(flow)")
    }
    #expect(stage.arrived(circuits[2]).contains(stage.ping(1)))
    for flow in [1, 2] {
      let parts = circuits.flatMap { stage.arrived(flow, on: $0) }
      #expect(Set(parts) == Set((0..<100).map { stage.packet(flow, $0) }))
      #expect(parts.count == 100)
    }
    world.send(stage.ping(2), from: host)
    stage.sendBulk(1, 100..<110, from: host)
    #expect(stage.arrived(circuits[2]).last == stage.ping(2))
    #expect(stage.arrived(circuits[1]).suffix(10) == (100..<110).map { stage.packet(1, $0) }[...])
    #expect([.lostWithCircuit, .dialFailed].map { host.count($0) } == [0, 0])
    #expect(host.count(.queueFull) == dropped)
    #expect(host.count(.dialled) == 3)
    #expect(host.takeErrorCodes() == [])
  }

  @Test("bulk goes over the circuit that took the first one's place, and then gets another, which is no one's twin")
  func another() throws {
    let host = try stage.connected(circuits: 2)
    world.pass(.seconds(31))
    stage.sendBulk(1, 0..<900, from: host)
    circuits[1].room = 1_000
    stage.sendBulk(1, 900..<960, from: host)
    world.cut(circuits[0])
    #expect(circuits.map(\.isClosed) == [true, false])
    circuits[1].room = .max
    stage.sendBulk(1, 960..<1_020, from: host)
    #expect(circuits.map(\.isClosed) == [true, false, false])
    world.send(stage.ping(1), from: host)
    #expect(stage.arrived(circuits[1]).last == stage.ping(1))
    let isSame = circuits.flatMap { stage.arrived(1, on: $0) } == (0..<1_020).map { stage.packet(1, $0) }
    #expect(isSame)
    #expect(stage.arrived(1, on: circuits[2]).count >= 50)
    #expect(Set(circuits.compactMap { $0.request?.user }).count == 3)
  }

  @Test("one circuit after the other takes the first one's place, until none is left and another is dialled")
  func inTurn() throws {
    let host = try stage.grown(to: 3)
    world.outcomes["\(bob)"] = .refused(0x5b)
    for (lost, count) in [(0, 3), (2, 3), (1, 4)] {
      world.send(stage.ping(UInt16(lost)), from: host)
      #expect(stage.arrived(circuits[lost]).last == stage.ping(UInt16(lost)))
      circuits[lost].room = 0
      world.send(stage.ping(9), from: host)
      world.cut(circuits[lost])
      #expect(circuits.count == count)
    }
    #expect(host.node.circuits.identifiers.allSatisfy { host.node.dialledPeer(of: $0) == nil })
    #expect(host.takeErrorCodes() == [3])
    #expect(host.node.store.byteCount == host.node.store.keptBytes)
  }

  @Test("a permanent peer's circuit that took the first one's place is kept like that, and nobody is told of a loss")
  func permanent() throws {
    let host = world.start(FakeHost(alice, peers: [ConfiguredPeer(name: bob)], circuitsPerPeer: 2))
    stage.sendBulk(1, 0..<900, from: host)
    #expect(circuits.count == 2)
    world.cut(circuits[0])
    world.pass(.seconds(600))
    #expect(circuits.map(\.isClosed) == [true, false])
    #expect(circuits[1].packets.whole.count { $0[6] == 58 } >= 10)
    #expect(host.log.filter { $0.level == .notice && $0.text.contains("lost") }.isEmpty)
    let report = host.node.status(at: world.now).lines.joined()
    #expect(report.contains("circuit open for 600 s, 0 more for bulk"))
  }

  @Test("when the first circuit is lost before another stands, all are closed, and what waited goes over the next")
  func firstLostAlone() throws {
    let host = try stage.connected(circuits: 2)
    world.outcomes["\(bob)"] = .silence
    stage.sendBulk(1, 0..<900, from: host)
    #expect(circuits.count == 2)
    circuits[0].room = 0
    world.send(stage.ping(1), from: host)
    stage.sendBulk(1, 900..<920, from: host)
    world.outcomes = [:]
    world.cut(circuits[0])
    #expect(circuits.map(\.isClosed) == [true, true, false])
    let third = stage.arrived(circuits[2])
    #expect(third.filter { $0 != stage.ping(1) } == (900..<920).map { stage.packet(1, $0) })
    #expect(third.count == 21)
    #expect(host.count(.lostWithCircuit) == 0)
    stage.sendBulk(1, 920..<1_820, from: host)
    #expect(circuits.count == 4)
    #expect(stage.arrived(1, on: circuits[3]).last == stage.packet(1, 1_819))
    #expect(host.takeErrorCodes() == [])
  }
}
