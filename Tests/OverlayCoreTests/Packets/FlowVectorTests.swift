import Testing

@testable import OverlayCore

/// The numbers of flows as they were before a packet was parsed once: which queue a flow is in depends on them.
@Suite("Flow numbers")
struct FlowVectorTests {
  private func flow(of packet: [UInt8]) throws -> UInt32 {
    try packet.withUnsafeBytes { bytes in
      let view = try #require(PacketView(reading: bytes))
      return view.flow
    }
  }

  @Test(
    "of IPv6",
    arguments: [
      (6, "9c40 0050 000f 4240 0000 004d 5010 01f4 0000 0000 01", 0x97b9_790c),
      (6, "9c40 0050 000f 4240 0000", 0x3219_bf7d),
      (17, "14e9 01bb 0009 0000 01", 0xb052_ed02),
      (17, "14e9 01bb", 0x1829_74af),
      (58, "8000 0000 1234 0001", 0x72a8_dbd5),
      (58, "8000 00", 0x3717_ae7a),
      (1, "0800 0000 1234 0001", 0x3f5a_7d73),
      (44, "1100 0000 0000 0007 14e9 01bb 0009 0000 01", 0xb5be_160c),
      (59, "", 0xfb8c_40c1),
      (0, "0600 0104 0000 0000 9c40 0050 000f 4240 0000 004d 5010 01f4 0000 0000", 0x948b_129a),
      (89, "0102 0304 0506 0708", 0x3178_f339),
    ] as [(UInt8, String, UInt32)])
  func version6(_ nextHeader: UInt8, _ payload: String, _ flow: UInt32) throws {
    var packet = Sample.packet(
      from: try .sample("fd87:d87e:eb43:1::2"), to: try .sample("2001:db8::9"), nextHeader: nextHeader,
      payload: try hexadecimal(payload))
    // A traffic class and a flow label.
    packet.replaceSubrange(1..<4, with: [0x3b, 0xcd, 0xef])
    #expect(try self.flow(of: packet) == flow)
  }

  @Test(
    "of IPv4",
    arguments: [
      (6, 0x0, "", "9c40 0050 000f 4240 0000 004d 5010 01f4 0000 0000 01", 0xdf00_1c0d),
      (6, 0x4000, "9404 0000", "9c40 0050 000f 4240", 0xdf00_1c0d),
      (6, 0x0, "", "9c40 0050 000f 42", 0x20e9_159f),
      (17, 0x0, "", "14e9 01bb 0009 0000 01", 0x5c15_15a3),
      (17, 0x2000, "", "14e9 01bb 0009 0000", 0x92b5_524d),
      (17, 0xb9, "", "14e9 01bb 0009 0000", 0x92b5_524d),
      (1, 0x0, "", "0800 0000 1234 0001", 0x1dfc_2755),
      (58, 0x0, "", "8000 0000 1234 0001", 0xd2ae_dd3c),
      (47, 0x0, "", "", 0x4c64_48e1),
      (44, 0x0, "", "1100 0000 0000 0007 14e9 01bb 0009 0000", 0x4406_6379),
    ] as [(UInt8, UInt16, String, String, UInt32)])
  func version4(
    _ number: UInt8, _ fragment: UInt16, _ options: String, _ payload: String, _ flow: UInt32
  ) throws {
    let packet = try Sample.ipv4(
      from: "10.1.2.3", to: "198.51.100.7", protocolNumber: number, fragment: fragment,
      options: try hexadecimal(options), payload: try hexadecimal(payload))
    #expect(try self.flow(of: packet) == flow)
  }

  @Test("of 20,000 packets of all kinds")
  func digest() throws {
    var random = SeededGenerator(seed: 77)
    var sum: UInt64 = 0
    for _ in 0..<20_000 {
      sum = (sum ^ UInt64(try flow(of: Self.packet(&random)))) &* 0x9e37_79b9_7f4a_7c15
      sum ^= sum >> 29
    }
    #expect(sum == 0x578d_bdce_deca_aed5)
  }

  /// A packet of either version, with up to 80 bytes of anything behind its header and options.
  private static func packet(_ random: inout SeededGenerator) -> [UInt8] {
    let numbers: [UInt8] = [0, 1, 6, 17, 43, 44, 58, 59, 60, 89]
    let number = numbers[Int.random(in: numbers.indices, using: &random)]
    let count = Int.random(in: 0...80, using: &random)
    if Bool.random(using: &random) {
      var packet = Sample.packet(
        from: IPv6Address(high: random.next(), low: random.next()),
        to: IPv6Address(high: random.next(), low: random.next()), nextHeader: number, payload: random.bytes(count))
      for index in 1...3 { packet[index] = UInt8(truncatingIfNeeded: random.next()) }
      return packet
    }
    let options = 4 * Int.random(in: 0...10, using: &random)
    let total = 20 + options + count
    var header: [UInt8] = [0x45 + UInt8(options / 4), 0, 0, UInt8(total)] + random.bytes(16 + options)
    if Bool.random(using: &random) { (header[6], header[7]) = (0x40, 0) }
    (header[9], header[10], header[11]) = (number, 0, 0)
    let sum = NaiveChecksum.field(header)
    (header[10], header[11]) = (UInt8(sum >> 8), UInt8(sum & 0xff))
    return header + random.bytes(count)
  }
}
