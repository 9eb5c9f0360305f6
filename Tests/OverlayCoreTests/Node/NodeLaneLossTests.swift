import PacketSamples
import Testing

@testable import OverlayCore

@Suite("Circuits to a peer that are lost")
struct NodeLaneLossTests: LaneTesting {
  let stage: LaneStage

  init() throws {
    stage = try LaneStage()
  }

  @Test("what waited on a circuit for bulk that is lost goes over the first one, in order, but the cut packet")
  func bulkLost() throws {
    let host = try stage.connected(circuits: 2)
    stage.sendBulk(1, 0..<60, from: host)
    let second = world.circuits[1]
    let before = stage.arrived(1, on: world.circuits[0]) + stage.arrived(1, on: second)
    #expect(before.count == 60)
    second.room = 100
    stage.sendBulk(1, 60..<100, from: host)
    world.cut(second)
    #expect(world.circuits.count == 2)
    #expect(!world.circuits[0].isClosed)
    let isSame = stage.arrived(1, on: world.circuits[0]).suffix(39) == (61..<100).map { stage.packet(1, $0) }
    #expect(isSame)
    #expect(host.count(.lostWithCircuit) == 1)
    #expect(host.takeErrorCodes() == [])
    // The flow stays on the first circuit until the pause is over; then another is dialled, by another way.
    stage.sendBulk(1, 100..<200, from: host)
    #expect(world.circuits.count == 2)
    world.pass(.seconds(3))
    stage.sendBulk(1, 200..<400, from: host)
    #expect(world.circuits.count == 3)
    #expect(Set(world.circuits.compactMap(\.request?.user)).count == 3)
    #expect(stage.arrived(1, on: world.circuits[2]).last == stage.packet(1, 399))
  }

  @Test("a circuit for bulk that Tor refuses costs nothing but a pause")
  func bulkRefused() throws {
    let host = try stage.connected(circuits: 2)
    world.outcomes["\(bob)"] = .refused(0x5b)
    stage.sendBulk(1, 0..<200, from: host)
    #expect(world.circuits.count == 2)
    #expect(stage.arrived(1, on: world.circuits[0]) == (0..<200).map { stage.packet(1, $0) })
    #expect(host.takeErrorCodes() == [])
    #expect(host.count(.dialFailed) == 1)
    world.outcomes = [:]
    world.pass(.seconds(3))
    stage.sendBulk(1, 200..<300, from: host)
    #expect(world.circuits.count == 3)
    #expect(stage.arrived(1, on: world.circuits[2]).last == stage.packet(1, 299))
  }

  @Test("a circuit for bulk that takes nothing for a minute is closed, and the first one carries what waited")
  func bulkStalled() throws {
    let host = try stage.connected(circuits: 2)
    stage.sendBulk(1, 0..<60, from: host)
    world.circuits[1].room = 0
    stage.sendBulk(1, 60..<70, from: host)
    world.send(stage.ping(1), from: host)
    world.pass(.seconds(61))
    #expect(host.count(.stalled) == 1)
    #expect(world.circuits[1].isClosed)
    let isSame = stage.arrived(1, on: world.circuits[0]).suffix(10) == (60..<70).map { stage.packet(1, $0) }
    #expect(isSame)
    #expect(stage.arrived(world.circuits[0]).contains(stage.ping(1)))
  }

  @Test("a flow whose circuit for bulk is lost does not overtake itself on another: what waited goes along")
  func overtaking() throws {
    let host = try stage.connected(circuits: 3)
    for flow in [1, 2] { stage.sendBulk(flow, 0..<60, from: host) }
    #expect(world.circuits.count == 3)
    let before = stage.arrived(1, on: world.circuits[0]) + stage.arrived(1, on: world.circuits[1])
    #expect(before.count == 60)
    world.circuits[0].room = 0
    world.circuits[1].room = 0
    stage.sendBulk(1, 60..<100, from: host)
    world.outcomes["\(bob)"] = .refused(0x5b)
    // The first circuit takes nothing: what it is handed by the lost one stays there.
    world.queue(stage.packet(1, 100), from: host)
    host.ended(
      try #require(world.circuits[1].diallerIdentifier), .closed, at: world.now)
    for number in 101..<150 { world.queue(stage.packet(1, number), from: host) }
    world.settle()
    let isSame = stage.arrived(1, on: world.circuits[2]) == (60..<150).map { stage.packet(1, $0) }
    #expect(isSame)
    #expect(stage.arrived(1, on: world.circuits[0]).count < 60)
  }

  @Test("circuits for bulk that were dialled together and fail together are one failure")
  func failTogether() throws {
    let host = try stage.connected(circuits: 4)
    world.outcomes["\(bob)"] = .refused(0x5b)
    for number in 0..<100 {
      for flow in 1...3 { world.queue(stage.packet(flow, number), from: host) }
    }
    world.settle()
    #expect(host.count(.dialFailed) == 3)
    world.outcomes = [:]
    // After the first failure the pause is 2.5 s at the most, after the second 6.25 s.
    world.pass(.milliseconds(2_500))
    for number in 100..<200 {
      for flow in 1...3 { world.send(stage.packet(flow, number), from: host) }
    }
    #expect(host.count(.granted) == 4)
  }

  @Test("the device does not wait for a circuit for bulk that is closed with its peer")
  func backpressureLost() throws {
    let host = try stage.connected(circuits: 2)
    stage.sendBulk(1, 0..<60, from: host)
    world.circuits[1].room = 0
    for number in 60..<300 { world.queue(stage.packet(1, number), from: host) }
    #expect(host.node.hasBackpressure == true)
    world.replaceHosts(of: host, with: [])
    #expect(host.node.hasBackpressure == false)
    world.pass(.milliseconds(50))
    #expect(host.node.hasBackpressure == false)
  }

  @Test("a packet that was half received on a circuit for bulk leaves no memory behind", arguments: [false, true])
  func reassembly(_ isForgotten: Bool) throws {
    let host = try stage.connected(circuits: 2)
    stage.sendBulk(1, 0..<60, from: host)
    let incoming = Sample.packet(from: bob.address, to: alice.address, payload: SamplePacket.payload(9_000))
    world.answer(Array(incoming.dropLast()), on: world.circuits[1])
    #expect(host.node.cutPackets.memory == 16_384)
    if isForgotten { world.replaceHosts(of: host, with: []) } else { world.cut(world.circuits[1]) }
    #expect(host.node.cutPackets.memory == 0)
    #expect(host.node.store.byteCount == host.node.store.keptBytes)
  }

  @Test("a name that is taken away takes all its circuits with it")
  func removedName() throws {
    let host = try stage.connected(circuits: 3)
    for number in 0..<80 {
      for flow in 1...2 { world.send(stage.packet(flow, number), from: host) }
    }
    #expect(world.circuits.count == 3)
    world.replaceHosts(of: host, with: [])
    #expect(world.circuits.map(\.isClosed) == [true, true, true])
    #expect(host.sockets.isEmpty)
    world.pass(.seconds(300))
    #expect(host.node.peers.count == 0)
  }
}
