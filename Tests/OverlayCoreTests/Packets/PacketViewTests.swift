import Testing

@testable import OverlayCore

@Suite("Packet view")
struct PacketViewTests {
  private static let version6 = ("2001:db8::1", "fd87:d87e:eb43::dead:beef")
  private static let version4 = ("192.0.2.1", "198.51.100.7")

  /// What `read` says of the packet; `nil` if `packet` is none.
  private func seen<Value>(_ packet: [UInt8], _ read: (PacketView) -> Value) -> Value? {
    packet.withUnsafeBytes { bytes in PacketView(reading: bytes).map { read($0) } }
  }

  private func packet6(_ nextHeader: UInt8, _ payload: String = "") throws -> [UInt8] {
    Sample.packet(
      from: try .sample(Self.version6.0), to: try .sample(Self.version6.1), nextHeader: nextHeader,
      payload: try hexadecimal(payload))
  }

  private func packet4(_ number: UInt8, fragment: UInt16 = 0, options: String = "", _ payload: String) throws -> [UInt8]
  {
    try Sample.ipv4(
      from: Self.version4.0, to: Self.version4.1, protocolNumber: number, fragment: fragment,
      options: try hexadecimal(options), payload: try hexadecimal(payload))
  }

  /// What a view tells of a packet's upper layer, in one line.
  private func upper(_ packet: [UInt8]) -> String? {
    seen(packet) { view in
      switch view.upper {
      case .whole(let upper): "\(upper.nextHeader) at \(upper.offset)\(upper.isFragment ? ", fragment" : "")"
      case .laterFragment: "later fragment"
      case .unreadable: "unreadable"
      }
    }
  }

  @Test("addresses and length are told of both versions, IPv4 addresses as mapped ones")
  func addresses() throws {
    let six = try packet6(17, "0102")
    #expect(
      seen(six) { "\($0.isIPv4) \($0.source) \($0.destination) \($0.nextHeader) \($0.count)" }
        == "false 2001:db8::1 fd87:d87e:eb43::dead:beef 17 42")
    let four = try packet4(17, options: "0101 0100", "0102")
    #expect(seen(four) { $0.isIPv4 } == true)
    #expect(seen(four) { $0.source } == IPv6Address(mapping: try .sample(Self.version4.0)))
    #expect(seen(four) { $0.destination } == IPv6Address(mapping: try .sample(Self.version4.1)))
    #expect(seen(four) { "\($0.nextHeader) \($0.count)" } == "17 26")
  }

  @Test("the bytes are the caller's own, which can be changed")
  func memory() throws {
    var packet = try packet6(17, "0102")
    packet.withUnsafeMutableBytes { memory in
      let view = PacketView(memory)
      #expect(view?.memory.baseAddress == memory.baseAddress)
      #expect(view?.bytes.count == 42)
      #expect(view?.hopLimit == 64)
      memory[7] = 63
      #expect(view?.hopLimit == 63)
    }
    #expect(seen(try packet4(17, "")) { $0.hopLimit } == 64)
  }

  @Test(
    "the upper layer of IPv6 stands behind the extension headers, if they can be read",
    arguments: [
      (6, "", "6 at 40"), (17, "", "17 at 40"), (58, "80", "58 at 40"), (1, "08", "1 at 40"), (59, "", "59 at 40"),
      (4, "4500", "4 at 40"), (0, "0600 0104 0000 0000", "6 at 48"),
      (0, "2b00 0104 0000 0000 3c00 0000 0000 0000 1101 0000 0000 0000 0000 0000 0000 0000", "17 at 72"),
      (44, "1100 0000 0000 0007", "17 at 48, fragment"),
      (44, "1100 0001 0000 0007 0001 0002 0010 0000", "17 at 48, fragment"),
      (44, "1100 0001 0000 0007 0001 0002 0010 00", "unreadable"), (44, "1100 0009 0000 0007 0001", "later fragment"),
      (44, "1100 0008 0000 0007", "later fragment"), (0, "3a", "unreadable"), (60, "0600 0000 0000 00", "unreadable"),
      (253, "0000", "unreadable"),
    ] as [(UInt8, String, String)])
  func upper6(_ nextHeader: UInt8, _ payload: String, _ expected: String) throws {
    #expect(upper(try packet6(nextHeader, payload)) == expected)
  }

  @Test(
    "that of IPv4 stands behind the options, and no number is taken for an extension header",
    arguments: [
      (6, 0, "", "", "6 at 20"), (17, 0x4000, "0101 0100", "00", "17 at 24"), (1, 0, "", "0800", "1 at 20"),
      (17, 0x2000, "", "", "17 at 20, fragment"), (17, 0x2001, "", "00", "later fragment"),
      (17, 1, "", "00", "later fragment"), (17, 0x8000, "", "00", "17 at 20"), (0, 0, "", "3a", "0 at 20"),
      (44, 0, "", "11", "44 at 20"), (60, 0, "", "", "60 at 20"), (253, 0, "", "", "253 at 20"),
      (59, 0, "", "", "59 at 20"), (58, 0, "", "80", "58 at 20"),
    ] as [(UInt8, UInt16, String, String, String)])
  func upper4(_ number: UInt8, _ fragment: UInt16, _ options: String, _ payload: String, _ expected: String) throws {
    #expect(upper(try packet4(number, fragment: fragment, options: options, payload)) == expected)
  }

  @Test("a packet that is cut off anywhere, or goes on, is none")
  func truncated() throws {
    for packet in [
      try packet6(6, "9c40 0050 0000 0001 0000 0002 5010 01f4 0000 0000"), try packet6(59),
      try packet6(0, "0600 0104 0000 0000"), try packet4(17, options: "0101 0100", "0102 0304"), try packet4(6, ""),
    ] {
      #expect(upper(packet) != nil)
      for count in packet.indices { #expect(upper(Array(packet.prefix(count))) == nil, "\(count) bytes") }
      #expect(upper(packet + [0]) == nil)
    }
  }

  @Test("another version is none, nor is an IPv4 header of an impossible length or with a wrong checksum")
  func malformed() throws {
    for version in 0...15 as ClosedRange<UInt8> where version != 6 {
      #expect(upper([version << 4] + (try packet6(17)).dropFirst()) == nil)
    }
    let packet = try packet4(17, "0102 0304")
    for (place, value) in [(0, 0x44), (0, 0x4f), (1, 1), (8, 63), (10, 0), (19, 8)] {
      var wrong = packet
      wrong[place] = UInt8(value)
      #expect(upper(wrong) == nil, "byte \(place)")
    }
  }

  @Test("no bytes lead out of the packet")
  func random() {
    var random = SeededGenerator(seed: 31)
    for _ in 0..<5_000 {
      var packet = random.bytes(Int.random(in: 1...120, using: &random))
      packet[0] = Bool.random(using: &random) ? 0x60 : 0x40 | packet[0] & 0xf
      let total = packet.count
      if packet.count >= 40, packet[0] == 0x60 { (packet[4], packet[5]) = (0, UInt8(total - 40)) }
      let headerSize = Int(packet[0] & 0xf) * 4
      if packet[0] >> 4 == 4, headerSize >= 20, headerSize <= total {
        (packet[2], packet[3]) = (0, UInt8(total))
        packet.withUnsafeMutableBytes {
          IPv4Header.complete(UnsafeMutableRawBufferPointer(rebasing: $0[..<headerSize]))
        }
      }
      let isTold = packet.withUnsafeBytes { IPv6Header($0) != nil || IPv4Header($0) != nil }
      let offset = seen(packet) { $0.upper.layer?.offset ?? total }
      #expect((offset != nil) == isTold)
      if let offset { #expect((20...total).contains(offset)) }
    }
  }

  @Test("59 is a keepalive's of IPv6 alone")
  func keepalive() throws {
    #expect(seen(try packet6(59, "01")) { $0.isKeepalive } == true)
    #expect(seen(try packet6(0, "3b00 0104 0000 0000")) { $0.isKeepalive } == false)
    #expect(seen(try packet6(6)) { $0.isKeepalive } == false)
    #expect(seen(try packet4(59, "01")) { $0.isKeepalive } == false)
  }

  @Test("what may be fragmented is IPv4 that does not forbid it")
  func fragmenting() throws {
    #expect(seen(try packet6(17)) { $0.mayNotBeFragmented } == true)
    #expect(seen(try packet4(17, fragment: 0x4000, "")) { $0.mayNotBeFragmented } == true)
    #expect(seen(try packet4(17, fragment: 0x2001, "")) { $0.mayNotBeFragmented } == false)
  }

  private static let tcp = "9c40 0050 0000 0001 0000 0002 5010 01f4 0000 0000"

  @Test(
    "a TCP header is found right behind that of IP, where it is whole",
    arguments: [
      (6, tcp, 40), (6, tcp + "01", 40), (17, tcp, nil), (0, "0600 0104 0000 0000" + tcp, nil),
      (44, "0600 0000 0000 0001" + tcp, nil), (6, "9c40 0050 0000 0001 0000 0002 5010 01f4 0000 00", nil),
      (6, "9c40 0050 0000 0001 0000 0002 6010 01f4 0000 0000", nil),
      (6, "9c40 0050 0000 0001 0000 0002 4010 01f4 0000 0000", nil),
    ] as [(UInt8, String, Int?)])
  func tcpStart(_ nextHeader: UInt8, _ payload: String, _ start: Int?) throws {
    #expect(seen(try packet6(nextHeader, payload)) { $0.tcpStart } == .some(start))
    // Of IPv4 the same, but that it has no extension headers.
    let start4 = start.map { $0 - 16 }
    #expect(seen(try packet4(nextHeader, options: "0101 0100", payload)) { $0.tcpStart } == .some(start4))
    #expect(seen(try packet4(nextHeader, fragment: 0x2000, payload)) { $0.tcpStart } == .some(nil))
  }
}
