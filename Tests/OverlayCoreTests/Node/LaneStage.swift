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

  /// A host with an open circuit to Bob; `ping` was sent on it.
  func connected(circuits: Int) throws -> FakeHost {
    let host = world.start(FakeHost(alice, circuitsPerPeer: circuits), knowing: [bob])
    world.send(ping(0), from: host)
    #expect(world.circuits.count == 1)
    return host
  }

  func ping(_ sequence: UInt16) -> [UInt8] {
    Sample.echoRequest(from: alice.address, to: bob.address, sequence: sequence)
  }

  /// A packet of one of many flows, 1,248 bytes long.
  func packet(_ flow: Int, _ number: Int) -> [UInt8] {
    var packet = SamplePacket(
      .udp(source: UInt16(1_000 + flow), destination: 80), payload: SamplePacket.payload(1_200, seed: number))
    packet.source = alice.address
    packet.destination = bob.address
    return packet.bytes
  }

  /// So many packets that a flow proves to be bulk, each sent by itself.
  func sendBulk(_ flow: Int, _ numbers: Range<Int>, from host: FakeHost) {
    for number in numbers { world.send(packet(flow, number), from: host) }
  }

  /// What has arrived behind the keepalive.
  func arrived(_ circuit: FakeCircuit) -> [[UInt8]] { Array(circuit.packets.whole.dropFirst()) }

  /// The packets of a flow that have arrived on a circuit.
  func arrived(_ flow: Int, on circuit: FakeCircuit) -> [[UInt8]] {
    let start = packet(flow, 0)[40..<42]
    return arrived(circuit).filter { $0[6] == 17 && $0[40..<42] == start }
  }
}
