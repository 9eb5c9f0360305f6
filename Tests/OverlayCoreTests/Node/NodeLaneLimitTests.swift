import Testing

@testable import OverlayCore

@Suite("How many circuits there are to a peer, and for how long")
struct NodeLaneLimitTests: LaneTesting {
  let stage: LaneStage

  init() throws {
    stage = try LaneStage()
  }

  @Test("while all circuits are full another is built, one at a time, up to the number that the operator permits")
  func grows() throws {
    let host = try stage.connected(circuits: 4, restoresOrder: true)
    stage.keepFull(host, for: .milliseconds(1_400))
    #expect(circuits.count == 2)
    stage.keepFull(host, for: .milliseconds(1_800))
    #expect(circuits.count == 3)
    stage.keepFull(host, for: .milliseconds(1_800))
    #expect(circuits.count == 4)
    stage.keepFull(host, for: .seconds(5))
    #expect(circuits.count == 4)
    #expect(Set(circuits.compactMap(\.request?.user)).count == 4)
  }

  @Test("no other is built when the last one brought less than a fifth", arguments: [(20_000, 3), (60_000, 4)])
  func pays(_ rate: Int, _ count: Int) throws {
    let host = try stage.connected(circuits: 4, restoresOrder: true)
    stage.keepFull(host, for: .seconds(10), [200_000, rate])
    #expect(circuits.count == count)
  }

  @Test("a flow that one circuit carries gets no circuit that could take nothing of it")
  func bound() throws {
    let host = try stage.connected(circuits: 4)
    stage.sendBulk(1, 0..<900, from: host)
    stage.keepFull(circuits[1], of: host, for: .seconds(10), flows: [1])
    #expect(circuits.count == 2)
  }

  @Test("a circuit that finds nothing to take is given back, and none is built in its place until another flow begins")
  func useless() throws {
    let host = try stage.connected(circuits: 4)
    stage.sendBulk(1, 0..<900, from: host)
    stage.keepFull(circuits[1], of: host, for: .seconds(100), flows: [1, 2])
    #expect(circuits.count == 3)
    #expect(circuits.map(\.isClosed) == [false, false, true])
    stage.keepFull(circuits[1], of: host, for: .seconds(12), flows: [1, 2, 3])
    #expect(circuits.count == 4)
  }

  @Test("no other is built for what waits for a ceiling, and not for a circuit")
  func ceiling() throws {
    let host = try stage.connected(
      circuits: 4, restoresOrder: true, rates: RateLimits(peer: RateLimit(bytes: 200_000)))
    stage.keepFull(host, for: .seconds(20), [20_000_000])
    #expect(circuits.count == 2)
  }

  @Test("no other is built while one of them has room")
  func room() throws {
    let host = try stage.connected(circuits: 4)
    stage.sendBulk(1, 0..<900, from: host)
    #expect(circuits.count == 2)
    for number in 0..<5_000 {
      // A tenth of the time the queue is empty, and more.
      circuits[1].room = number % 100 < 80 ? 1_300 : 20_000
      world.send(stage.packet(1, number), from: host)
      world.pass(.milliseconds(1))
    }
    #expect(circuits.count == 2)
  }

  @Test("a circuit for bulk that carries nothing for 30 seconds is given back, and dialled again when it is wanted")
  func idle() throws {
    let host = try stage.connected(circuits: 2)
    stage.sendBulk(1, 0..<900, from: host)
    world.pass(.seconds(29))
    #expect(!circuits[1].isClosed)
    world.pass(.seconds(2))
    #expect(circuits.map(\.isClosed) == [false, true])
    #expect(host.count(.idleClosed) == 1)
    stage.sendBulk(1, 900..<1_800, from: host)
    #expect(circuits.count == 3)
    #expect(circuits[2].request == circuits[1].request)
    let isSame = stage.arrived(1, on: circuits[2]).last == stage.packet(1, 1_799)
    #expect(isSame)
  }

  @Test("the first circuit is not idle as long as one for bulk is in use")
  func busyBulk() throws {
    let host = try stage.connected(circuits: 2)
    stage.sendBulk(1, 0..<900, from: host)
    let isMoved = !stage.arrived(1, on: circuits[1]).isEmpty
    #expect(isMoved)
    for number in 900..<1_300 {
      world.send(stage.packet(1, number), from: host)
      world.pass(.seconds(1))
    }
    #expect(circuits.map(\.isClosed) == [false, false])
    #expect(host.takeErrorCodes() == [])
    world.pass(.seconds(361))
    #expect(circuits.map(\.isClosed) == [true, true])
  }

  @Test(
    "bulk leaves half of the limit to first circuits: no further one is dialled, and all goes over what is there",
    arguments: [(1, 1), (3, 1), (4, 2), (5, 2), (6, 3), (8, 4), (20, 4)])
  func limit(_ limit: Int, _ count: Int) throws {
    let host = world.start(FakeHost(alice, circuitLimit: limit, circuitsPerPeer: 4), knowing: [bob])
    world.send(stage.ping(0), from: host)
    stage.announce(.order, to: host)
    let numbers = stage.keepFull(host, for: .seconds(8))
    for circuit in circuits { circuit.room = .max }
    world.settle()
    #expect(circuits.count == count)
    let hasRefused = host.count(.circuitLimit) > 0
    #expect(hasRefused == (count < 4))
    let arrived = Set(circuits.flatMap { stage.arrived($0) })
    let isComplete = arrived == Set([stage.ping(0)] + numbers.map { stage.segment(99, $0) })
    #expect(isComplete)
    #expect(host.takeErrorCodes() == [])
  }

  @Test("a flow that finds no circuit looks for one once in a while, not with every packet")
  func patience() throws {
    let host = world.start(FakeHost(alice, circuitLimit: 2, circuitsPerPeer: 2), knowing: [bob])
    world.send(stage.ping(0), from: host)
    stage.sendBulk(1, 0..<1_700, from: host)
    #expect(host.count(.circuitLimit) == 1)
    stage.sendBulk(1, 1_700..<2_000, from: host)
    #expect(host.count(.circuitLimit) == 2)
    #expect(circuits.count == 1)
  }

  @Test("a permanent peer's circuits for bulk are closed when they are idle, and only the first gets keepalives")
  func permanent() throws {
    let host = world.start(FakeHost(alice, peers: [ConfiguredPeer(name: bob)], circuitsPerPeer: 2))
    stage.sendBulk(1, 0..<900, from: host)
    world.pass(.seconds(600))
    #expect(circuits.map(\.isClosed) == [false, true])
    #expect(circuits[1].packets.whole.count { $0[6] != 17 } == 1)
    #expect(circuits[0].packets.whole.count { $0[6] != 17 } == 11)
  }
}
