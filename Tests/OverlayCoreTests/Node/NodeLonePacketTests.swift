import Testing

@testable import OverlayCore

@Suite("A packet that is alone")
struct NodeLonePacketTests {
  private let world = FakeWorld()
  private let host: FakeHost
  private let circuit: FakeCircuit
  private let bob: OnionName

  init() throws {
    bob = try .sample(2)
    host = world.start(FakeHost(try .sample(1)), knowing: [bob])
    world.send(host.packet(to: bob.address), from: host)
    circuit = try #require(world.circuits.first)
    circuit.arrived = []
  }

  private func packet(_ size: Int) -> [UInt8] { host.packet(to: bob.address, size: size) }

  @Test("leaves without room in the store, where another that came before it takes some")
  func uncopied() {
    let packet = packet(64)
    world.pieces = 3_000...3_000
    let kept = host.node.store.byteCount
    world.sendAlone(packet, from: host)
    #expect(circuit.packets.whole == [packet])
    #expect(host.node.store.byteCount == kept && host.node.store.lentBytes == 0)
    #expect(host.count(.sent) == 2)

    circuit.room = 0
    world.send(packet, from: host)
    #expect(host.node.store.lentBytes > 0)
    world.sendAlone(packet, from: host)
    circuit.room = .max
    world.settle()
    #expect(circuit.packets.whole == [packet, packet, packet])
  }

  @Test("is sent whole where the circuit takes a part, before all that comes later", arguments: [0, 1, 39, 40, 1_000])
  func cut(_ taken: Int) {
    let packets = (0..<4).map { packet(1_200 + $0) }
    circuit.room = taken
    for packet in packets { world.sendAlone(packet, from: host) }
    #expect(circuit.arrived.count == taken)
    circuit.room = .max
    world.settle()
    #expect(circuit.packets.whole == packets)
    #expect(circuit.packets.isCut == false)
    #expect(host.node.store.lentBytes == 0)
  }

  @Test("waits for its circuit as any other does, and finds those that wait already before it")
  func unopened() throws {
    let carol = try OnionName.sample(3)
    world.outcomes["\(carol)"] = .silence
    world.replaceHosts(of: host, with: [bob, carol])
    let packets = (0..<3).map { host.packet(to: carol.address, size: 100 + $0) }
    for packet in packets { world.sendAlone(packet, from: host) }
    let other = try #require(world.circuits.last)
    #expect(other.arrived == [])
    world.grant(other)
    // The first is the keepalive.
    #expect(Array(other.packets.whole.dropFirst()) == packets)
  }

  @Test("counts as sent: its circuit is no longer idle")
  func idle() {
    world.pass(.seconds(100))
    world.sendAlone(packet(64), from: host)
    world.pass(.seconds(100))
    #expect(host.count(.idleClosed) == 0)
  }
}
