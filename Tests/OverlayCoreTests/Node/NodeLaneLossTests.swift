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
    stage.sendBulk(1, 0..<900, from: host)
    let second = circuits[1]
    let before = stage.arrived(1, on: circuits[0]) + stage.arrived(1, on: second)
    #expect(before.count == 900)
    second.room = 100
    stage.sendBulk(1, 900..<940, from: host)
    world.cut(second)
    #expect(circuits.count == 2)
    #expect(!circuits[0].isClosed)
    let isSame = stage.arrived(1, on: circuits[0]).suffix(39) == (901..<940).map { stage.packet(1, $0) }
    #expect(isSame)
    #expect(host.count(.lostWithCircuit) == 1)
    #expect(host.takeErrorCodes() == [])
    // The flow stays on the first circuit until the pause is over; then another is dialled, by another way.
    stage.sendBulk(1, 940..<1_040, from: host)
    #expect(circuits.count == 2)
    world.pass(.seconds(3))
    stage.sendBulk(1, 1_040..<1_940, from: host)
    #expect(circuits.count == 3)
    #expect(Set(circuits.compactMap(\.request?.user)).count == 3)
    #expect(stage.arrived(1, on: circuits[2]).last == stage.packet(1, 1_939))
  }

  @Test(
    "what waited for the only circuit goes over the next one, in order, however much it is and however fast that was",
    arguments: [(1, 1), (2, 1), (1, 60)])
  func onlyCircuit(_ count: Int, _ together: Int) throws {
    let host = try stage.connected(circuits: count, restoresOrder: true)
    // Bulk soon, and less than what gets another circuit.
    for start in stride(from: 0, to: 300, by: together) {
      for number in start..<start + together { world.queue(stage.segment(2, number), from: host) }
      world.settle()
      world.pass(.milliseconds(1))
    }
    circuits[0].room = 0
    for number in 300..<700 { world.queue(stage.segment(2, number), from: host) }
    world.settle()
    world.pass(.seconds(6))
    world.cut(circuits[0])
    #expect(circuits.count == 2)
    let arrived = circuits.map { stage.arrived($0).filter { $0[6] == 6 } }
    let isSame = arrived[0].count == 300 && Array(arrived.joined()) == (0..<700).map { stage.segment(2, $0) }
    #expect(isSame, "\(arrived.map(\.count))")
    #expect(host.count(.queueFull) + host.count(.queueAged) == 0)
    #expect(host.takeErrorCodes() == [])
  }

  @Test("what waited for the only circuit is lost with it where no other can be dialled, and the senders are told")
  func noOther() throws {
    let host = try stage.connected(circuits: 1, restoresOrder: true)
    for number in 0..<300 {
      world.send(stage.segment(2, number), from: host)
      world.pass(.milliseconds(1))
    }
    circuits[0].room = 0
    for number in 300..<700 { world.queue(stage.segment(2, number), from: host) }
    world.pass(.seconds(6))
    world.outcomes["\(bob)"] = .refused(0x5b)
    world.cut(circuits[0])
    #expect(circuits.count == 2)
    #expect(!host.takeErrorCodes().isEmpty)
    #expect(host.node.streams.store.lentBytes == 0)
  }

  @Test("a circuit that dies leaves what it had not taken to the others, and the rest goes on", arguments: [0, 100])
  func othersGoOn(_ taken: Int) throws {
    let host = try stage.grown(to: 3)
    stage.sendBulk(1, 0..<40, from: host)
    for circuit in circuits.dropFirst() { circuit.room = taken }
    for number in 0..<100 { world.send(stage.segment(2, number), from: host) }
    world.cut(circuits[1])
    circuits[2].room = .max
    world.settle()
    for number in 100..<200 { world.send(stage.segment(2, number), from: host) }
    let arrived = Set(circuits.flatMap { stage.arrived($0) })
    let missing = (0..<200).filter { !arrived.contains(stage.segment(2, $0)) }
    #expect(missing.count == (taken > 0 ? 1 : 0))
    #expect(host.count(.lostWithCircuit) == UInt64(missing.count))
    #expect(stage.arrived(circuits[2]).last == stage.segment(2, 199))
    #expect(host.count(.queueFull) + host.count(.queueAged) == 0)
    #expect(host.takeErrorCodes() == [])
  }

  @Test("a flow that one circuit carries goes on along another when that is lost, in order")
  func boundFlow() throws {
    let host = try stage.grown(to: 3)
    stage.sendBulk(1, 0..<60, from: host)
    let lost = stage.arrived(1, on: circuits[1]).isEmpty ? 2 : 1
    #expect(stage.arrived(1, on: circuits[3 - lost]).isEmpty)
    circuits[lost].room = 0
    stage.sendBulk(1, 60..<100, from: host)
    world.outcomes["\(bob)"] = .refused(0x5b)
    world.cut(circuits[lost])
    stage.sendBulk(1, 100..<150, from: host)
    let isSame = stage.arrived(1, on: circuits[3 - lost]) == (60..<150).map { stage.packet(1, $0) }
    #expect(isSame)
    #expect(host.count(.lostWithCircuit) == 0)
  }

  @Test("flows that a lost circuit carried go on along the others at once, though nobody sends more")
  func boundFlows() throws {
    let host = try stage.grown(to: 4)
    world.pieces = 1_000_000...1_000_000
    for number in 0..<60 {
      for flow in 1...6 { world.queue(stage.packet(flow, number), from: host) }
      world.pass(.milliseconds(10))
    }
    let carried = (1...6).filter { !stage.arrived($0, on: circuits[1]).isEmpty }
    #expect(carried.count == 2)
    circuits[1].room = 0
    for number in 60..<80 {
      for flow in 1...6 { world.queue(stage.packet(flow, number), from: host) }
    }
    world.settle()
    world.cut(circuits[1])
    for flow in carried {
      let isSame = circuits[2...].flatMap { stage.arrived(flow, on: $0) } == (60..<80).map { stage.packet(flow, $0) }
      #expect(isSame, "flow \(flow)")
    }
    #expect(host.count(.lostWithCircuit) == 0)
  }

  @Test("a circuit for bulk that Tor refuses costs nothing but a pause")
  func bulkRefused() throws {
    let host = try stage.connected(circuits: 2)
    world.outcomes["\(bob)"] = .refused(0x5b)
    stage.sendBulk(1, 0..<1_000, from: host)
    #expect(circuits.count == 2)
    let isSame = stage.arrived(1, on: circuits[0]) == (0..<1_000).map { stage.packet(1, $0) }
    #expect(isSame)
    #expect(host.takeErrorCodes() == [])
    #expect(host.count(.dialFailed) == 1)
    world.outcomes = [:]
    world.pass(.seconds(3))
    stage.sendBulk(1, 1_000..<1_900, from: host)
    #expect(circuits.count == 3)
    #expect(stage.arrived(1, on: circuits[2]).last == stage.packet(1, 1_899))
  }

  @Test("a circuit for bulk that takes nothing for a minute is closed, and the first one carries what waited")
  func bulkStalled() throws {
    let host = try stage.connected(circuits: 2)
    stage.sendBulk(1, 0..<900, from: host)
    circuits[1].room = 0
    stage.sendBulk(1, 900..<910, from: host)
    world.send(stage.ping(1), from: host)
    world.pass(.seconds(61))
    #expect(host.count(.stalled) == 1)
    #expect(circuits[1].isClosed)
    let isSame = stage.arrived(1, on: circuits[0]).suffix(10) == (900..<910).map { stage.packet(1, $0) }
    #expect(isSame)
    #expect(stage.arrived(circuits[0]).contains(stage.ping(1)))
  }

  @Test("circuits for bulk that fail together are one failure")
  func failTogether() throws {
    let host = try stage.grown(to: 4)
    for circuit in circuits.dropFirst() { circuit.isClosed = true }
    world.settle()
    #expect(circuits.map(\.isClosed) == [false, true, true, true])
    // After the first failure the pause is 2.5 s at the most, after the second 6.25 s.
    world.pass(.milliseconds(2_500))
    stage.sendBulk(1, 0..<900, from: host)
    #expect(host.count(.granted) == 5)
  }

  @Test("the device does not wait for a circuit for bulk that is closed with its peer")
  func backpressureLost() throws {
    let host = try stage.connected(circuits: 2)
    stage.sendBulk(1, 0..<900, from: host)
    circuits[1].room = 0
    for number in 900..<1_200 { world.queue(stage.packet(1, number), from: host) }
    #expect(host.node.hasBackpressure == true)
    world.replaceHosts(of: host, with: [])
    #expect(host.node.hasBackpressure == false)
    world.pass(.milliseconds(50))
    #expect(host.node.hasBackpressure == false)
  }

  @Test("a packet that was half received on a circuit for bulk leaves no memory behind", arguments: [false, true])
  func reassembly(_ isForgotten: Bool) throws {
    let host = try stage.connected(circuits: 2)
    stage.sendBulk(1, 0..<900, from: host)
    let incoming = Sample.packet(from: bob.address, to: alice.address, payload: SamplePacket.payload(9_000))
    world.answer(Array(incoming.dropLast()), on: circuits[1])
    #expect(host.node.cutPackets.memory == 16_384)
    if isForgotten { world.replaceHosts(of: host, with: []) } else { world.cut(circuits[1]) }
    #expect(host.node.cutPackets.memory == 0)
    #expect(host.node.store.byteCount == host.node.store.keptBytes)
  }

  @Test("a name that is taken away takes all its circuits with it")
  func removedName() throws {
    let host = try stage.grown(to: 3)
    world.replaceHosts(of: host, with: [])
    #expect(circuits.map(\.isClosed) == [true, true, true])
    world.pass(.seconds(300))
    #expect(host.sockets.isEmpty)
    #expect(host.node.peers.count == 0)
  }
}
