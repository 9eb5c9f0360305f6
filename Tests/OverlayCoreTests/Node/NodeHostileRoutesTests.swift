import Testing

@testable import OverlayCore

@Suite("Hostile packets on routes")
struct NodeHostileRoutesTests {
  @Test(
    "damaged packets from either side crash nothing, and none is delivered that was not admitted",
    arguments: 1...4 as ClosedRange<UInt64>)
  func damaged(_ seed: UInt64) throws {
    let lans = try TwoLANs(aliceAddress: "10.1.0.254", isOffloading: seed % 2 == 0, egress: .mtu, mtu: 1_280)
    var random = SeededGenerator(seed: seed)
    let circuit = try #require(lans.world.call(lans.alice))
    lans.world.say(lans.bob.keepalive(to: lans.alice.address), on: circuit)
    let identifier = try #require(circuit.acceptorIdentifier)
    let ours = [try IPPrefix.sample("fd00:a::/64"), try IPPrefix.sample("10.1.0.0/16")]
    for _ in 0..<5_000 {
      var packet = try sample(&random)
      for _ in 0..<Int.random(in: 0...3, using: &random) {
        // Neither the version nor the lengths: those cut the stream.
        let index = Int.random(in: 6..<min(packet.count, 64), using: &random)
        packet[index] = UInt8(truncatingIfNeeded: random.next())
      }
      lans.alice.receive(packet, on: identifier, at: lans.world.now)
      lans.world.queue(packet, from: lans.alice)
      let bytes = packet
      bytes.withUnsafeBytes { lans.alice.refuse(fromOverlay: $0, .unreachable, at: lans.world.now) }
      while lans.alice.node.nextAction() != nil {}
      for delivered in lans.alice.takeDelivered() where delivered[0] >> 4 == 4 {
        let header = try #require(delivered.withUnsafeBytes { IPv4Header($0) })
        #expect(delivered.count <= 1_280)
        let isError = delivered.count > 28 && delivered[0] == 0x45 && delivered[9] == 1 && delivered[20] == 3
        #expect(isError || ours.contains { $0.contains(header.destination) })
      }
    }
    #expect(lans.alice.sockets[identifier] != nil)
    #expect(lans.alice.count(.forgedSource) > 0)
    #expect(lans.alice.count(.delivered) > 0)
    #expect(lans.alice.count(.tooLong) > 0)
  }

  private func sample(_ random: inout SeededGenerator) throws -> [UInt8] {
    let payload = random.bytes(
      Int.random(in: [0...60, 1_200...1_400, 3_000...4_000].randomElement(using: &random) ?? 0...0, using: &random))
    let upper = [1, 6, 17, 44, 58, 0, 60].randomElement(using: &random) ?? 17
    guard Bool.random(using: &random) else {
      let addresses = ["fd00:a::1", "fd00:b::1", "fd00:c::1", "ff02::1"]
      return Sample.packet(
        from: try .sample(addresses.randomElement(using: &random) ?? "::"),
        to: try .sample(addresses.randomElement(using: &random) ?? "::"), nextHeader: UInt8(upper), payload: payload)
    }
    let addresses = ["10.1.0.1", "10.2.0.1", "10.3.0.1", "255.255.255.255"]
    return try Sample.ipv4(
      from: addresses.randomElement(using: &random) ?? "", to: addresses.randomElement(using: &random) ?? "",
      protocolNumber: UInt8(upper), fragment: [0, 0x4000, 0x2000, 0x1fff].randomElement(using: &random) ?? 0,
      options: random.bytes(4 * Int.random(in: 0...10, using: &random)), payload: payload)
  }
}
