import PacketSamples
import Testing

@testable import OverlayCore

@Suite("A node whose store is full")
struct NodeFullStoreTests {
  private let world = FakeWorld()
  private let alice: OnionName
  private let peers: [OnionName]

  init() throws {
    alice = try .sample(1)
    peers = try (2...40 as ClosedRange<UInt64>).map { try .sample($0) }
    world.pieces = 1_000_000...1_000_000
  }

  /// A host of which every circuit stalls, so that all that it sends waits.
  private func stalled(_ bounds: NodeBounds) throws -> FakeHost {
    let host = world.start(
      FakeHost(NodeSettings(name: alice, peers: [], isOffloading: true, bounds: bounds)), knowing: peers)
    for peer in peers { world.send(host.packet(to: peer.address), from: host) }
    for circuit in world.circuits { circuit.room = 0 }
    return host
  }

  private func fill(_ host: FakeHost) {
    for _ in 0..<60 {
      for peer in peers { world.queue(host.packet(to: peer.address, size: 1_200), from: host) }
    }
  }

  private func datagrams(to peer: OnionName, _ count: Int) -> (packet: [UInt8], offload: OffloadHeader) {
    var packet = SamplePacket.udp(SamplePacket.payload(count * 100))
    (packet.source, packet.destination, packet.checksum) = (alice.address, peer.address, .partial)
    return (packet.bytes, packet.offload(size: 100))
  }

  @Test("a super-packet for whose segments there is no room ends, and each of them is counted (it looped for ever)")
  func superPacket() throws {
    let host = try stalled(NodeBounds(identities: 64, circuits: 1_000))
    host.fillStore(with: 100, leaving: host.node.reassemblyReserve)
    let before = host.count(.queueFull)
    let (packet, offload) = datagrams(to: peers[0], 24)
    world.send(packet, offload, from: host)
    #expect(host.count(.queueFull) == before + 24)
  }

  @Test("what waits for one peer leaves half of the store to others, and each that comes finds its share")
  func shares() throws {
    let host = try stalled(NodeBounds(identities: 64, circuits: 1_000))
    let all = FlowQueue.memoryLimit
    for _ in 0..<1_000 { world.queue(host.packet(to: peers[0].address, size: 1_200), from: host) }
    #expect((all * 4 / 10...all / 2).contains(memory(of: world.circuits[0], host)))
    for _ in 0..<1_000 { world.queue(host.packet(to: peers[1].address, size: 1_200), from: host) }
    #expect((all * 2 / 10...all / 2).contains(memory(of: world.circuits[1], host)))
    fill(host)
    #expect(world.circuits.allSatisfy { memory(of: $0, host) > 0 })
  }

  /// The memory of what waits for a peer, on its first circuit and as bulk.
  private func memory(of circuit: FakeCircuit, _ host: FakeHost) -> Int {
    guard let identifier = circuit.diallerIdentifier else { return 0 }
    let bulk = host.node.circuits[identifier].bulk.map { host.node.streams.queues.bulks[$0.queue].queue.memory }
    return host.node.circuits[identifier].queue.memory + (bulk ?? 0)
  }

  @Test("a super-packet of tiny segments is cut no further than a queue holds")
  func tinySegments() throws {
    let host = try stalled(NodeBounds())
    var packet = SamplePacket.tcp(SamplePacket.payload(60_000))
    (packet.source, packet.destination, packet.checksum) = (alice.address, peers[0].address, .partial)
    world.send(packet.bytes, packet.offload(size: 8), from: host)
    #expect(host.count(.queueFull) == UInt64(60_000 / 8 - SendQueues.segmentLimit))
  }

  @Test("what waits for dials lies within the store, and all of it is given back when they fail")
  func waiting() throws {
    var bounds = NodeBounds(identities: 16, circuits: 1_000)
    (bounds.dials, bounds.dialsPerSecond) = (1_000, 1_000)
    let host = world.start(
      FakeHost(NodeSettings(name: alice, peers: [], bounds: bounds)), knowing: peers)
    for peer in peers { world.outcomes["\(peer)"] = .silence }
    for _ in 0..<80 {
      for peer in peers { world.queue(host.packet(to: peer.address, size: 60_000), from: host) }
      for peer in peers { world.queue(host.packet(to: peer.address, size: 100), from: host) }
    }
    world.settle()
    #expect(host.node.store.lentBytes > bounds.packetBytes / 4)
    #expect(host.node.store.lentBytes <= bounds.packetBytes)
    world.pass(.seconds(200))
    #expect(host.node.store.lentBytes == 0)
    #expect(host.node.store.byteCount < 1 << 20)
    #expect(host.trims > 0)
  }
}
