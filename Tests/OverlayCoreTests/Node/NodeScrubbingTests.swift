import PacketSamples
import Testing

@testable import OverlayCore

@Suite("Habits of kernels, in a node")
struct NodeScrubbingTests {
  private let world = FakeWorld()
  private let alice: FakeHost
  private let bob: FakeHost

  init() throws {
    let (alice, bob) = (try OnionName.sample(1), try OnionName.sample(2))
    self.alice = world.start(FakeHost(alice), knowing: [bob])
    self.bob = world.start(FakeHost(bob), knowing: [alice])
  }

  private static let options: [UInt8] = [2, 4, 5, 0xa0, 1, 1, 8, 10, 1, 2, 3, 4, 0, 0, 0, 0]

  private func syn(from source: FakeHost, to destination: FakeHost, flags: UInt8 = 2) -> SamplePacket {
    var packet = SamplePacket.tcp([]) {
      $0.flags = flags
      $0.options = Self.options
    }
    (packet.source, packet.destination) = (source.address, destination.address)
    (packet.trafficClass, packet.flowLabel, packet.hopLimit) = (0xb8, 0x54321, 128)
    return packet
  }

  private func clean(_ packet: SamplePacket) -> [UInt8] {
    var packet = packet
    (packet.trafficClass, packet.flowLabel, packet.hopLimit) = (0, 0, 64)
    guard case .tcp(var tcp) = packet.upper else { return [] }
    tcp.options = [2, 4, 5, 0xa0] + [UInt8](repeating: 1, count: 12)
    packet.upper = .tcp(tcp)
    return packet.bytes
  }

  private func scrub(_ isOn: Bool, _ host: FakeHost) -> [PolicyChange] {
    host.turn.now = world.now
    return host.node.apply(NodePolicy.trusting(scrubs: isOn), turn: &host.turn)
  }

  @Test("a packet leaves without them, and with them where the policy says so")
  func leaving() throws {
    let packet = syn(from: alice, to: bob)
    _ = scrub(false, bob)
    world.send(packet.bytes, from: alice)
    #expect(bob.takeDelivered() == [clean(packet)])
    #expect(scrub(false, alice) == [.scrub(false)])
    world.send(packet.bytes, from: alice)
    #expect(bob.takeDelivered() == [packet.bytes])
    #expect(scrub(true, alice) == [.scrub(true)])
    world.send(packet.bytes, from: alice)
    #expect(bob.takeDelivered() == [clean(packet)])
  }

  @Test("no clock is asked for from outside, nor is an answer believed that nobody asked for")
  func arriving() throws {
    _ = scrub(false, alice)
    for flags in [0x02, 0x12] as [UInt8] {
      let packet = syn(from: alice, to: bob, flags: flags)
      world.send(packet.bytes, from: alice)
      let arrived = try #require(bob.takeDelivered().first)
      #expect(arrived[40...].elementsEqual(clean(packet)[40...]))
      #expect(arrived[..<40].elementsEqual(packet.bytes[..<40]))
    }
  }

  @Test("of IPv4 nobody sees the count, and what tells the time goes nowhere")
  func ipv4() throws {
    let lans = try TwoLANs(scrubs: true)
    func packet(_ identification: UInt16, _ fragment: UInt16, protocolNumber: UInt8 = 17) throws -> [UInt8] {
      try Sample.ipv4(
        from: "10.1.2.3", to: "10.2.0.9", protocolNumber: protocolNumber, identification: identification,
        fragment: fragment, typeOfService: 0, payload: [14, 0, 0, 0, 0, 1, 0, 1])
    }
    lans.world.send(try packet(0x1234, 0x4000), from: lans.alice)
    #expect(lans.bob.takeDelivered() == [try packet(0, 0x4000)])
    lans.world.send(try packet(0x1234, 0x2000), from: lans.alice)
    lans.world.send(try packet(0x1234, 0x0001), from: lans.alice)
    let fragments = lans.bob.takeDelivered()
    #expect(fragments.count == 2)
    #expect(Set(fragments.map { Array($0[4..<6]) }).count == 1)
    #expect(fragments.first.map { Array($0[4..<6]) } != [0x12, 0x34])
    lans.world.send(try packet(0, 0x4000, protocolNumber: 1), from: lans.alice)
    #expect(lans.bob.takeDelivered() == [])
    #expect(lans.alice.count(.unscrubbed) == 1)
  }

  @Test("a handshake that hides its options from us comes no further, and is counted")
  func hidden() throws {
    let segment = syn(from: alice, to: bob).bytes[40...]
    let first = Sample.packet(
      from: alice.address, to: bob.address, nextHeader: 44, payload: [6, 0, 0, 1, 0, 0, 0, 7] + segment.prefix(24))
    _ = scrub(false, alice)
    world.send(first, from: alice)
    #expect(bob.takeDelivered() == [])
    #expect(bob.count(.unscrubbed) == 1)
    #expect(bob.node.status(of: alice.address, at: world.now)?.drops.map(\.name) == ["unscrubbed"])
    _ = scrub(true, alice)
    world.send(first, from: alice)
    #expect(alice.count(.unscrubbed) == 1)
    #expect(bob.takeDelivered() == [])
    #expect(bob.count(.unscrubbed) == 1)
  }

  @Test("flows that their label alone tells apart have a queue each, also behind a circuit that is not built yet")
  func labels() throws {
    let carol = try OnionName.sample(3)
    world.replaceHosts(of: alice, with: [carol])
    world.outcomes["\(carol)"] = .silence
    func packet(_ number: UInt8, label: UInt32) -> SamplePacket {
      var packet = SamplePacket(.other(132), payload: [UInt8](repeating: number, count: 1_000))
      (packet.source, packet.destination, packet.flowLabel) = (alice.address, carol.address, label)
      return packet
    }
    for number in 0..<20 as Range<UInt8> { world.queue(packet(number, label: 1).bytes, from: alice) }
    world.queue(packet(20, label: 2).bytes, from: alice)
    world.settle()
    let circuit = try #require(world.circuits.last)
    world.grant(circuit)
    let arrived = circuit.packets.whole.dropFirst().map { $0[40] }
    #expect(arrived.filter { $0 < 20 } == Array(0..<20))
    #expect(try #require(arrived.firstIndex(of: 20)) < 5)
    #expect(circuit.packets.whole.dropFirst().allSatisfy { $0[1..<4].elementsEqual([0, 0, 0]) })
    // The same once the circuit stands and is slow.
    circuit.room = 0
    for number in 0..<20 as Range<UInt8> { world.queue(packet(number, label: 1).bytes, from: alice) }
    world.queue(packet(20, label: 2).bytes, from: alice)
    world.settle()
    circuit.room = .max
    world.settle()
    let later = circuit.packets.whole.dropFirst(22).map { $0[40] }
    #expect(later.count == 21)
    #expect(try #require(later.firstIndex(of: 20)) < 20)
  }
}
