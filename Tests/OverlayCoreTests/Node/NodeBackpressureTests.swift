import Testing

@testable import OverlayCore

@Suite("The device waits for a circuit")
struct NodeCongestionTests {
  private let world = FakeWorld()
  private let host: FakeHost
  private let circuit: FakeCircuit
  private let bob: OnionName

  init() throws {
    bob = try .sample(2)
    host = world.start(FakeHost(try .sample(1)), knowing: [bob])
    world.send(host.packet(to: bob.address), from: host)
    circuit = try #require(world.circuits.first)
  }

  private func queue(_ count: Int, length: Int = 60_000) {
    for _ in 0..<count { world.queue(host.packet(to: bob.address, size: length - 40), from: host) }
  }

  @Test("that is fast, as long as 256 KiB are to be sent on it, also if it was idle before", arguments: [0, 1_000])
  func backlog(_ idle: Int) {
    world.pass(.milliseconds(idle))
    queue(4)
    #expect(host.node.hasBackpressure == false)
    queue(1)
    #expect(host.node.hasBackpressure == true)
    world.settle()
    #expect(host.node.hasBackpressure == false)
    #expect(circuit.packets.whole.count == 2 + 5)
  }

  @Test("before it drops anything, however long the packets are", arguments: [600, 1_500, 2_048, 20_000, 65_575])
  func dropless(_ length: Int) {
    for _ in 0..<3_000 where !host.node.hasBackpressure { queue(1, length: length) }
    #expect(host.node.hasBackpressure == true)
    #expect(host.count(.queueFull) == 0)
  }

  // A place in the store takes 2,048 bytes or more: 512 fill the queue.
  @Test("also where packets are much shorter than their place", arguments: [100, 2_049, 4_000, 10_000, 17_000])
  func looseFit(_ length: Int) {
    for _ in 0..<600 where !host.node.hasBackpressure { queue(1, length: length) }
    let isWaiting = host.node.hasBackpressure
    #expect(isWaiting)
    #expect(host.count(.queueFull) == 0)
  }

  @Test("until less than that is left")
  func draining() {
    // One of them is in the write batch.
    queue(6)
    circuit.room = 20_000
    world.settle()
    #expect(host.node.hasBackpressure == true)
    circuit.room = 100_000
    world.settle()
    #expect(host.node.hasBackpressure == false)
  }

  @Test("for 25 ms if it takes nothing, and not again before it has taken something")
  func stuck() {
    circuit.room = 0
    queue(6)
    #expect(host.node.hasBackpressure == true)
    world.pass(.milliseconds(24))
    #expect(host.node.hasBackpressure == true)
    world.pass(.milliseconds(2))
    #expect(host.node.hasBackpressure == false)
    for _ in 0..<10 {
      queue(1)
      #expect(host.node.hasBackpressure == false)
      world.pass(.seconds(1))
    }
    circuit.room = .max
    world.pass(.seconds(10))
    queue(1)
    world.settle()
    queue(5)
    #expect(host.node.hasBackpressure == true)
  }

  @Test("never if it is slow: what it does not take is the queue's to judge")
  func slow() throws {
    let identifier = try #require(circuit.diallerIdentifier)
    host.block(identifier, after: 0, at: world.now)
    world.now = world.now + .milliseconds(20)
    host.block(identifier, after: 20_000, at: world.now)
    circuit.room = 0
    queue(15)
    #expect(host.node.hasBackpressure == false)
  }

  @Test("never if it is slow and a flow is bound to it, though another is idle, which takes nothing of that")
  func boundToSlow() throws {
    let stage = try LaneStage()
    let host = try stage.grown(to: 3)
    stage.sendBulk(1, 0..<60, from: host)
    let carrier = stage.circuits[stage.arrived(1, on: stage.circuits[1]).isEmpty ? 2 : 1]
    stage.keepFull(carrier, of: host, for: .seconds(1), flows: [1], rate: 1_000_000)
    var waits = 0
    for number in 0..<100 {
      carrier.room = 10_000
      for flow in 0..<10 { stage.world.queue(stage.packet(1, number * 10 + flow), from: host) }
      waits += host.node.hasBackpressure ? 1 : 0
      stage.world.pass(.milliseconds(10))
      waits += host.node.hasBackpressure ? 1 : 0
    }
    let waiting = stage.circuits[0].diallerIdentifier.map { host.node.waitingBytes(on: $0) } ?? 0
    #expect(waiting > Backpressure.threshold)
    #expect(waits == 0)
  }

  @Test("no longer than the circuit stands")
  func lost() {
    circuit.room = 0
    queue(5)
    #expect(host.node.hasBackpressure == true)
    world.cut(circuit)
    #expect(host.node.hasBackpressure == false)
  }
}
