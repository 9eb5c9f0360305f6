import PacketSamples
import Testing

@testable import OverlayCore

/// Tests on such a stage.
protocol LaneTesting {
  var stage: LaneStage { get }
}

extension LaneTesting {
  var world: FakeWorld { stage.world }
  var alice: OnionName { stage.alice }
  var bob: OnionName { stage.bob }
  /// The circuits to Bob that were ever dialled, in this order.
  var circuits: [FakeCircuit] { stage.circuits }
}

/// A host with several circuits to Bob, whom the test plays.
struct LaneStage {
  let world = FakeWorld()
  let alice: OnionName
  let bob: OnionName

  init() throws {
    alice = try .sample(1)
    bob = try .sample(2)
  }

  var circuits: [FakeCircuit] { world.circuits.filter { $0.diallerIdentifier != nil } }

  /// A host with an open circuit to Bob; `ping` was sent on it. Bob may have said that he restores order.
  func connected(circuits count: Int, restoresOrder: Bool = false, rates: RateLimits = RateLimits()) throws -> FakeHost
  {
    var policy = NodePolicy.trusting(circuitsPerPeer: count)
    policy.rates = rates
    let host = world.start(FakeHost(NodeSettings(name: alice, policy: policy)), knowing: [bob])
    world.send(ping(0), from: host)
    if restoresOrder { announce(.order, to: host) }
    #expect(circuits.count == 1)
    return host
  }

  /// Bob has said that he can do this.
  func announce(_ capabilities: Capabilities, to host: FakeHost) {
    guard let peer = host.node.peer(bob) else { return }
    host.node.names.note(capabilities, of: bob)
    host.node.peers.peers[peer].capabilities = capabilities
  }

  func ping(_ sequence: UInt16) -> [UInt8] {
    Sample.echoRequest(from: alice.address, to: bob.address, sequence: sequence)
  }

  /// A packet of one of many flows, 1,248 bytes long. One circuit alone carries its flow.
  func packet(_ flow: Int, _ number: Int) -> [UInt8] {
    var packet = SamplePacket(
      .udp(source: UInt16(1_000 + flow), destination: 80), payload: payload(number))
    packet.source = alice.address
    packet.destination = bob.address
    return packet.bytes
  }

  /// A segment of one of many flows that may be spread, 1,260 bytes long.
  func segment(_ flow: Int, _ number: Int) -> [UInt8] {
    var packet = SamplePacket.tcp(payload(number)) {
      ($0.sourcePort, $0.sequence, $0.options) = (UInt16(1_000 + flow), UInt32(1 + number * 1_200), [])
    }
    packet.source = alice.address
    packet.destination = bob.address
    return packet.bytes
  }

  private static let filler = SamplePacket.payload(1_196, seed: 1)

  /// What no packet of another number carries.
  private func payload(_ number: Int) -> [UInt8] {
    (0..<4).map { UInt8(truncatingIfNeeded: number >> ($0 * 8)) } + LaneStage.filler
  }

  /// Sends packets of a flow, one a millisecond, and each by itself. So many that they are a megabyte get a circuit for
  /// bulk: 900 do.
  func sendBulk(_ flow: Int, _ numbers: Range<Int>, from host: FakeHost) {
    for number in numbers {
      world.send(packet(flow, number), from: host)
      world.pass(.milliseconds(1))
    }
  }

  /// Keeps the circuits full for so long with a flow that may be spread: those for bulk take `rates` bytes a second, in
  /// the order in which they were dialled, further ones as much as the last, and the first circuit everything. It
  /// returns the numbers of the segments that were sent.
  @discardableResult
  func keepFull(
    _ host: FakeHost, for duration: Duration, _ rates: [Int] = [200_000], from start: Int = 0
  ) -> Range<Int> {
    var number = start
    for _ in 0..<Int(duration / .milliseconds(10)) {
      let circuits = circuits
      for (index, circuit) in circuits.enumerated().dropFirst() {
        circuit.room = rates[min(index, rates.count) - 1] / 100
      }
      let most = circuits.count > 1 ? 3 * circuits.dropFirst().reduce(0) { $0 + $1.room } : 10_000
      while circuits[0].diallerIdentifier.map({ host.node.waitingBytes(on: $0) < most }) == true {
        world.queue(segment(99, number), from: host)
        number += 1
      }
      world.pass(.milliseconds(10))
    }
    return start..<number
  }

  /// Keeps a circuit full for so long with flows that one circuit carries each. It takes `rate` bytes a second.
  func keepFull(_ circuit: FakeCircuit, of host: FakeHost, for duration: Duration, flows: [Int], rate: Int = 200_000) {
    var number = 0
    for _ in 0..<Int(duration / .milliseconds(10)) {
      circuit.room = rate / 100
      while circuits[0].diallerIdentifier.map({ host.node.waitingBytes(on: $0) < 300_000 }) == true {
        for flow in flows { world.queue(packet(flow, number), from: host) }
        number += 1
      }
      world.pass(.milliseconds(10))
    }
  }

  /// A host with so many circuits to Bob, who restores order. They take everything, and nothing is known of their
  /// rates.
  func grown(to count: Int) throws -> FakeHost {
    let host = try connected(circuits: count, restoresOrder: true)
    keepFull(host, for: .seconds(2 * count))
    #expect(circuits.count == count)
    for circuit in circuits { circuit.room = .max }
    world.pass(.seconds(11))
    return host
  }

  /// What has arrived behind the keepalive.
  func arrived(_ circuit: FakeCircuit) -> [[UInt8]] { Array(circuit.packets.whole.dropFirst()) }

  /// The packets of a flow that have arrived on a circuit.
  func arrived(_ flow: Int, on circuit: FakeCircuit) -> [[UInt8]] {
    let start = packet(flow, 0)[40..<42]
    return arrived(circuit).filter { $0[6] == 17 && $0[40..<42] == start }
  }
}
