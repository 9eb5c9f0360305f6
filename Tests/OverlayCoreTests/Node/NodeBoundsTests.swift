import PacketSamples
import Testing

@testable import OverlayCore

@Suite("What a node takes at the most")
struct NodeBoundsTests {
  private let alice: OnionName
  private let bob: OnionName

  init() throws {
    alice = try .sample(1)
    bob = try .sample(2)
  }

  @Test("one identity has all that there is")
  func alone() {
    let bounds = NodeBounds(identities: 1, circuits: 16_384)
    #expect(
      [bounds.circuits, bounds.packetBytes, bounds.reassemblyBytes] == [16_384, 64 << 20, 16 << 20])
    #expect([bounds.unreachedNames, bounds.reachedNames] == [2_000, 8_000])
    #expect([bounds.strangerDials, bounds.strangerLines, bounds.reportedPeers] == [10, 5, 50])
    #expect([bounds.dials, bounds.dialsPerSecond] == [64, 64])
  }

  static let bounds: [(String, Int, @Sendable (NodeBounds) -> Int)] = [
    ("circuits", 16_384, { $0.circuits }), ("packets", 64 << 20, { $0.packetBytes }),
    ("packets that run ahead", 16 << 20, { $0.orderBytes }),
    ("cut packets", 16 << 20, { $0.reassemblyBytes }), ("names", 2_000, { $0.unreachedNames }),
    ("names that were reached", 8_000, { $0.reachedNames }), ("peers in a report", 50, { $0.reportedPeers }),
  ]

  @Test("several have no more together than one alone", arguments: bounds)
  func together(name: String, whole: Int, value: @Sendable (NodeBounds) -> Int) {
    for identities in 1...40 {
      let share = value(NodeBounds(identities: identities, circuits: 16_384))
      #expect((whole - identities...whole).contains(share * identities), "\(name) of \(identities)")
    }
  }

  @Test(
    "as many names are learned as the operator says, a fifth of them of hosts that nobody reached",
    arguments: [200, 10_000, 99_999, 100_000])
  func names(count: Int) {
    let bounds = NodeBounds(names: count)
    #expect(bounds.unreachedNames == count / 5 && bounds.unreachedNames + bounds.reachedNames == count)
    let shared = NodeBounds(identities: 3, names: 9_000)
    #expect([shared.unreachedNames, shared.reachedNames] == [600, 2_400])
  }

  @Test("one of very many has enough to work with")
  func floors() {
    let bounds = NodeBounds(identities: 128, circuits: 100)
    #expect(bounds.circuits == 4)
    #expect(bounds.packetBytes - bounds.reassemblyBytes >= FlowQueue.memoryLimit)
    #expect(bounds.reassemblyBytes / PacketStore.largeSize == 4)
    #expect(bounds.packetBytes * 128 <= 169 << 20)
    #expect(bounds.reassemblyBytes * 128 <= 33 << 20)
    #expect([bounds.unreachedNames, bounds.reachedNames] == [32, 128])
    #expect([bounds.strangerDials, bounds.strangerLines, bounds.reportedPeers] == [2, 1, 1])
  }

  private func host(_ identities: Int = 128, peers: [OnionName] = []) -> FakeHost {
    FakeHost(
      NodeSettings(
        name: alice, peers: peers.map { ConfiguredPeer(name: $0) },
        bounds: NodeBounds(identities: identities, circuits: 16_384)))
  }

  @Test("full queues leave room for cut packets: their circuits live")
  func queuesLeaveRoom() throws {
    let world = FakeWorld()
    let peers = try (2...5 as ClosedRange<UInt64>).map { try OnionName.sample($0) }
    let host = world.start(host(peers: peers))
    for peer in peers { world.send(host.packet(to: peer.address), from: host) }
    for circuit in world.circuits { circuit.room = 0 }
    for _ in 0..<600 {
      for peer in peers { world.send(host.packet(to: peer.address, size: 1_200), from: host) }
    }
    // Four queues have an even share, and a fifth one would find as much.
    #expect(host.node.store.lentBytes > FlowQueue.memoryLimit * 3 / 4)
    #expect(host.node.store.bytesFree(leaving: host.node.reassemblyReserve) > FlowQueue.memoryLimit / 6)
    #expect(host.count(.queueFull) > 0)
    let packet = Sample.packet(from: bob.address, to: alice.address, payload: SamplePacket.payload(60_000))
    let calls = (0..<4).compactMap { _ in world.call(host) }
    #expect(calls.count == 4)
    let player = FakeHost(bob)
    for call in calls { world.say(player.keepalive(to: alice.address) + packet.dropLast(), on: call) }
    #expect(host.node.cutPackets.memory == 4 * PacketStore.largeSize)
    for call in calls { world.say(packet.suffix(1), on: call) }
    #expect(host.takeDelivered() == [[UInt8]](repeating: packet, count: 4))
    #expect([.noRoom, .reassemblyLimit].map { host.count($0) } == [0, 0])
  }

  @Test("strangers' longest packets, dials and names are bounded by the share")
  func strangers() throws {
    let world = FakeWorld()
    let host = world.start(host())
    let packet = Sample.packet(from: bob.address, to: alice.address, payload: SamplePacket.payload(60_000))
    for _ in 0..<20 {
      if let call = world.call(host) { world.say(Array(packet.dropLast()), on: call) }
    }
    #expect(host.node.cutPackets.memory <= host.node.settings.bounds.reassemblyBytes)
    #expect(host.count(.reassemblyLimit) == 17)
    // Whoever has said nothing for longest makes room.
    world.pass(.seconds(1))
    for number in 10..<60 as Range<UInt64> {
      guard let call = world.call(host) else { continue }
      let stranger = FakeHost(try .sample(number))
      world.say(stranger.keepalive(to: alice.address), on: call)
      world.send(host.packet(to: stranger.address), from: host)
      world.cut(call)
    }
    #expect(host.node.names.count == 32 + 2)
    #expect(host.count(.dialled) == 2)
    #expect(host.count(.strangerLimit) == 48)
  }
}
