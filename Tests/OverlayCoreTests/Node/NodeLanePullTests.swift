import PacketSamples
import Testing

@testable import OverlayCore

/// Who of a peer's circuits for bulk sends a packet.
@Suite("Circuits for bulk that take what is next")
struct NodeLanePullTests: LaneTesting {
  let stage: LaneStage

  init() throws {
    stage = try LaneStage()
  }

  private func numbers(of flow: Int, on circuit: FakeCircuit) -> [Int] {
    let start = stage.segment(flow, 0)[40..<42]
    return stage.arrived(circuit).filter { $0[6] == 6 && $0[40..<42] == start }.map { segment in
      (segment[44..<48].reduce(0) { $0 << 8 | Int($1) } - 1) / 1_200
    }
  }

  @Test("whoever drains first gets the next packet: of two circuits each carries what it can, and each in order")
  func shares() throws {
    let host = try stage.grown(to: 3)
    let before = circuits.map(\.arrived.count)
    stage.keepFull(host, for: .seconds(4), [300_000, 100_000], from: 100_000)
    let carried = zip(circuits, before).map { $0.arrived.count - $1 }
    #expect((1_170_000...1_200_000).contains(carried[1]))
    #expect((390_000...400_000).contains(carried[2]))
    for circuit in circuits.dropFirst() {
      let sent = numbers(of: 99, on: circuit).filter { $0 >= 100_000 }
      #expect(sent == sent.sorted())
    }
    #expect(host.count(.queueAged) + host.count(.queueFull) == 0)
  }

  @Test("a circuit that took everything and has just stopped keeps nothing from the others")
  func stopped() throws {
    let host = try stage.grown(to: 3)
    // Both take more than any of Tor's.
    stage.keepFull(host, for: .seconds(1), [30_000_000], from: 100_000)
    let isFast = circuits[1].diallerIdentifier.map { host.node.streams[$0].isBoundless(at: world.now) }
    #expect(isFast == true)
    circuits[2].room = .max
    world.settle()
    circuits[1].room = 0
    let before = circuits[2].arrived.count
    for number in 200_000..<200_100 {
      world.send(stage.segment(99, number), from: host)
      world.pass(.milliseconds(10))
    }
    #expect(circuits[2].arrived.count - before > 90 * 1_200)
    // Nothing more has to come for that.
    circuits[1].room = .max
    stage.keepFull(host, for: .seconds(1), [30_000_000], from: 300_000)
    circuits[2].room = .max
    world.settle()
    circuits[1].room = 0
    let (sent, bulk) = (circuits[2].arrived.count, host.node.peer(bob).flatMap { host.node.peers.peers[$0].bulkQueue })
    for number in 400_000..<400_050 { world.queue(stage.segment(99, number), from: host) }
    world.pass(.milliseconds(100))
    let isLeft = bulk.map { !host.node.streams.queues.bulks[$0].queue.isEmpty }
    #expect(isLeft == false && circuits[2].arrived.count > sent)
  }

  @Test(
    "who keeps the circuits full is told to slow down, but not while another may soon come",
    arguments: [(2, isSpread: true), (3, isSpread: true), (3, isSpread: false)])
  func patience(_ count: Int, _ isSpread: Bool) throws {
    let host = try stage.connected(circuits: count, restoresOrder: isSpread)
    stage.keepFull(host, for: .milliseconds(1_500))
    #expect(circuits.count == 2)
    // The next one is dialled, and does not come.
    world.outcomes["\(bob)"] = .silence
    var number = 100_000
    func stand(for duration: Duration) {
      for _ in 0..<Int(duration / .milliseconds(10)) {
        circuits[1].room = 2_000
        while circuits[0].diallerIdentifier.map({ host.node.waitingBytes(on: $0) < 300_000 }) == true {
          world.queue(stage.segment(99, number), from: host)
          number += 1
        }
        world.pass(.milliseconds(10))
      }
    }
    stand(for: .seconds(4))
    #expect((host.count(.queueAged) > 0) == (count == 2 || !isSpread))
    stand(for: .seconds(3))
    #expect(host.count(.queueAged) > 0)
    #expect(circuits.count == (isSpread ? count : 2))
  }

  @Test("between two hosts the device gets a spread flow in order, and nothing is lost", arguments: [1, 4, 10])
  func inOrder(_ ratio: Int) throws {
    let host = world.start(FakeHost(alice, circuitsPerPeer: 3), knowing: [bob])
    let other = world.start(FakeHost(bob), knowing: [alice])
    world.send(other.packet(to: alice.address), from: other)
    world.send(stage.ping(0), from: host)
    let lanes = { stage.world.circuits.filter { $0.dialler === host } }
    var number = 0
    var usual = 0
    for _ in 0..<800 {
      for (lane, circuit) in lanes().enumerated() { circuit.room = lane == 2 ? 10_000 / ratio : 10_000 }
      while lanes()[0].diallerIdentifier.map({ host.node.waitingBytes(on: $0) < 40_000 }) == true {
        world.queue(stage.segment(1, number), from: host)
        number += 1
      }
      world.pass(.milliseconds(10))
      if lanes().count == 3 { usual += 1 }
    }
    for circuit in lanes() { circuit.room = .max }
    world.pass(.seconds(2))
    #expect(usual > 300)
    let delivered = other.takeDelivered().filter { $0[6] == 6 }
    let isSame = delivered == (0..<number).map { stage.segment(1, $0) }
    #expect(isSame)
    #expect(other.count(.orderHeld) > 100)
    #expect(other.count(.orderGivenUp) == 0)
    #expect(numbers(of: 1, on: lanes()[2]).count > 100)
  }

  @Test("towards a peer that does not restore order a flow stays on one circuit, and so does what tells clocks")
  func bound() throws {
    let host = try stage.grown(to: 3)
    let clocked = { (number: Int) in
      var packet = SamplePacket.tcp(SamplePacket.payload(1_200, seed: number)) {
        ($0.sourcePort, $0.sequence) = (1_002, UInt32(1 + number * 1_200))
      }
      (packet.source, packet.destination) = (stage.alice.address, stage.bob.address)
      return packet.bytes
    }
    for (flow, restoresOrder) in [(1, false), (2, true)] {
      stage.announce(restoresOrder ? .order : [], to: host)
      for number in 0..<400 {
        for circuit in circuits.dropFirst() where number % 10 == 0 { circuit.room = 13_000 }
        world.send(restoresOrder ? clocked(number) : stage.segment(flow, number), from: host)
        if number % 10 == 9 { world.pass(.milliseconds(10)) }
      }
      for circuit in circuits { circuit.room = .max }
      world.settle()
      let parts = circuits.dropFirst().map { numbers(of: flow, on: $0) }
      #expect(parts.count { !$0.isEmpty } == 1, "flow \(flow)")
      let all = numbers(of: flow, on: circuits[0]) + parts.joined()
      #expect(all == Array(0..<400), "flow \(flow)")
    }
  }

  @Test("flows that are not spread are shared out: each is on one circuit, and no circuit is without")
  func sharedOut() throws {
    let host = try stage.grown(to: 4)
    for number in 0..<100 {
      for flow in 1...6 { world.queue(stage.packet(flow, number), from: host) }
      world.pass(.milliseconds(10))
    }
    let counts = circuits.dropFirst().map { circuit in (1...6).count { !stage.arrived($0, on: circuit).isEmpty } }
    #expect(counts == [2, 2, 2])
    for flow in 1...6 {
      let parts = circuits.map { stage.arrived(flow, on: $0) }
      #expect(parts.dropFirst().count { !$0.isEmpty } == 1, "flow \(flow)")
      let isSame = Array(parts.joined()) == (0..<100).map { stage.packet(flow, $0) }
      #expect(isSame, "flow \(flow)")
    }
  }
}
