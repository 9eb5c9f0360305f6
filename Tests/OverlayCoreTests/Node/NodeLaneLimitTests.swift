import Testing

@testable import OverlayCore

@Suite("How many circuits there are to a peer, and for how long")
struct NodeLaneLimitTests: LaneTesting {
  let stage: LaneStage

  init() throws {
    stage = try LaneStage()
  }

  @Test("a circuit for bulk that carries nothing for 30 seconds is closed, and dialled again when it is wanted")
  func idle() throws {
    let host = try stage.connected(circuits: 2)
    stage.sendBulk(1, 0..<60, from: host)
    world.pass(.seconds(29))
    #expect(!world.circuits[1].isClosed)
    world.pass(.seconds(2))
    #expect(world.circuits.map(\.isClosed) == [false, true])
    #expect(host.count(.idleClosed) == 1)
    stage.sendBulk(1, 60..<120, from: host)
    #expect(world.circuits.count == 3)
    #expect(world.circuits[2].request == world.circuits[1].request)
    let isSame = stage.arrived(1, on: world.circuits[2]).last == stage.packet(1, 119)
    #expect(isSame)
  }

  @Test("the first circuit is not idle as long as one for bulk is in use")
  func busyBulk() throws {
    let host = try stage.connected(circuits: 2)
    stage.sendBulk(1, 0..<60, from: host)
    let isMoved = !stage.arrived(1, on: world.circuits[1]).isEmpty
    #expect(isMoved)
    for number in 60..<460 {
      world.send(stage.packet(1, number), from: host)
      world.pass(.seconds(1))
    }
    #expect(world.circuits.map(\.isClosed) == [false, false])
    #expect(host.takeErrorCodes() == [])
    world.pass(.seconds(361))
    #expect(world.circuits.map(\.isClosed) == [true, true])
  }

  @Test(
    "bulk leaves half of the limit to first circuits: no further one is dialled, and all goes over what is there",
    arguments: [(1, 1), (3, 1), (4, 2), (5, 2), (6, 3), (8, 4), (20, 4)])
  func limit(_ limit: Int, _ count: Int) throws {
    let host = world.start(FakeHost(alice, circuitLimit: limit, circuitsPerPeer: 4), knowing: [bob])
    for number in 0..<200 {
      for flow in 1...3 { world.send(stage.packet(flow, number), from: host) }
    }
    #expect(world.circuits.count == count)
    let hasRefused = host.count(.circuitLimit) > 0
    #expect(hasRefused == (count < 4))
    for flow in 1...3 {
      let isSame =
        world.circuits.flatMap { stage.arrived(flow, on: $0) } == (0..<200).map { stage.packet(flow, $0) }
      #expect(isSame)
    }
    #expect(host.takeErrorCodes() == [])
  }

  @Test("a flow that finds no circuit looks for one once in a while, not with every packet")
  func patience() throws {
    let host = world.start(FakeHost(alice, circuitLimit: 2, circuitsPerPeer: 2), knowing: [bob])
    world.send(stage.ping(0), from: host)
    stage.sendBulk(1, 0..<1_000, from: host)
    #expect(host.count(.circuitLimit) == 1)
    for step in 0..<100 {
      stage.sendBulk(1, 0..<10, from: host)
      world.pass(.milliseconds(step < 50 ? 19 : 0))
    }
    #expect(host.count(.circuitLimit) == 1)
    world.pass(.milliseconds(100))
    stage.sendBulk(1, 0..<1_000, from: host)
    #expect(host.count(.circuitLimit) == 2)
    stage.sendBulk(2, 0..<1_000, from: host)
    #expect(host.count(.circuitLimit) == 3)
  }

  @Test("a permanent peer's circuits for bulk are closed when they are idle, and only the first gets keepalives")
  func permanent() throws {
    let host = world.start(FakeHost(alice, peers: [ConfiguredPeer(name: bob)], circuitsPerPeer: 2))
    stage.sendBulk(1, 0..<100, from: host)
    world.pass(.seconds(600))
    #expect(world.circuits.map(\.isClosed) == [false, true])
    #expect(world.circuits[1].packets.whole.count { $0[6] != 17 } == 1)
    #expect(world.circuits[0].packets.whole.count { $0[6] != 17 } == 11)
  }
}
