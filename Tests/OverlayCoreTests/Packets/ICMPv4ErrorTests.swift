import Testing

@testable import OverlayCore

@Suite("ICMP destination unreachable")
struct ICMPv4ErrorTests {
  private func error(_ reason: ICMPv4Error.Reason, about packet: [UInt8]) throws -> [UInt8]? {
    let source = try IPv4Address.sample("10.1.0.254")
    var error: [UInt8]?
    packet.withUnsafeBytes {
      guard let packet = PacketView(reading: $0) else { return }
      ICMPv4Error.withError(reason, about: packet, from: source) { error = Array($0) }
    }
    return error
  }

  @Test("the error about a UDP packet, byte by byte")
  func exact() throws {
    let packet = try hexadecimal("45000020 12344000 40111497 0a000001 0a010001 12340035 000c0000 70696e67")
    let expected = try hexadecimal(
      """
      4500003c 00004000 400125c2 0a0100fe 0a000001
      0304063e 00000578
      45000020 12344000 40111497 0a000001 0a010001 12340035 000c0000 70696e67
      """)
    let error = try #require(try error(.fragmentationNeeded(mtu: 1_400), about: packet))
    #expect(NaiveChecksum.field(Array(error[..<20])) == 0)
    #expect(NaiveChecksum.field(Array(error[20...])) == 0)
    #expect(error == expected)
  }

  @Test(
    "each reason has its code; no error is longer than 576 bytes, as much as fits is quoted, the checksums are right",
    arguments: [
      (.networkUnreachable, 0), (.hostUnreachable, 1), (.fragmentationNeeded(mtu: 68), 4), (.prohibited, 13),
    ] as [(ICMPv4Error.Reason, UInt8)], [0, 1, 8, 527, 528, 529, 1_480, 65_515])
  func reasons(_ reason: (ICMPv4Error.Reason, code: UInt8), _ payload: Int) throws {
    let (reason, code) = reason
    var random = SeededGenerator(seed: UInt64(payload))
    let packet = try Sample.ipv4(from: "10.0.0.1", to: "10.1.0.1", payload: random.bytes(payload))
    let error = try #require(try error(reason, about: packet))
    #expect(error.count == min(576, 28 + packet.count))
    #expect(error[28...] == packet[..<(error.count - 28)])
    #expect(error[20..<22] == [3, code])
    #expect(error[24..<28] == [0, 0, 0, code == 4 ? 68 : 0])
    #expect(error.withUnsafeBytes { IPv4Header($0) }.map { "\($0.source) \($0.destination)" } == "10.1.0.254 10.0.0.1")
    #expect(NaiveChecksum.field(Array(error[20...])) == 0)
  }

  @Test("errors are never answered, questions are", arguments: 0...255 as ClosedRange<UInt8>)
  func aboutICMP(_ type: UInt8) throws {
    let message: [UInt8] = [type, 0, 0, 0, 0, 0, 0, 0]
    let packet = try Sample.ipv4(from: "10.0.0.1", to: "10.1.0.1", protocolNumber: 1, payload: message)
    let questions: [UInt8] = [0, 8, 9, 10, 13, 14, 15, 16, 17, 18, 42, 43]
    #expect((try error(.hostUnreachable, about: packet) != nil) == questions.contains(type))
  }

  @Test("only the first fragment is answered", arguments: [(0x2000, true), (0x2001, false), (1, false), (0, true)])
  func fragments(_ fragment: UInt16, _ isAnswered: Bool) throws {
    let packet = try Sample.ipv4(from: "10.0.0.1", to: "10.1.0.1", fragment: fragment, payload: [1, 2, 3, 4])
    #expect((try error(.hostUnreachable, about: packet) != nil) == isAnswered)
  }

  @Test(
    "nothing is sent to what is no single host, nor about a packet to such",
    arguments: ["0.0.0.0", "0.1.2.3", "127.0.0.1", "224.0.0.1", "239.1.2.3", "240.0.0.1", "255.255.255.255"])
  func groups(_ address: String) throws {
    #expect(try error(.hostUnreachable, about: Sample.ipv4(from: address, to: "10.1.0.1")) == nil)
    #expect(try error(.hostUnreachable, about: Sample.ipv4(from: "10.0.0.1", to: address)) == nil)
  }

  @Test("what is no IPv4 packet is not answered")
  func malformed() throws {
    let packet = try Sample.ipv4(from: "10.0.0.1", to: "10.1.0.1", payload: [1, 2])
    #expect(try error(.hostUnreachable, about: []) == nil)
    #expect(try error(.hostUnreachable, about: packet.dropLast()) == nil)
  }
}
