import Testing

@testable import OverlayCore

@Suite("ICMPv6 destination unreachable")
struct ICMPv6UnreachableTests {
  private static let responder = OverlayNetwork.tor.localResponder
  private static let source = IPv6Address(high: 0xfd87_d87e_eb43_0001, low: 1)
  private static let destination = IPv6Address(high: 0xfd87_d87e_eb43_0002, low: 2)

  private static func error(_ code: ICMPv6Unreachable.Code, about packet: [UInt8]) -> [UInt8]? {
    var error: [UInt8]?
    packet.withUnsafeBytes {
      guard let packet = PacketView(reading: $0) else { return }
      ICMPv6Unreachable.withError(code, about: packet, from: responder) { error = Array($0) }
    }
    return error
  }

  @Test("the error about a UDP packet, byte by byte")
  func exact() throws {
    let packet = try hexadecimal(
      """
      60000000 000c1140 fd87d87eeb435b1f3f7ed46dfe899b03 fd87d87eeb43f947ad24ec818abe753e
      12340035 000cf082 70696e67
      """)
    let expected = try hexadecimal(
      """
      60000000 003c3a40 fd87d87eeb430000 00000000deadbeef fd87d87eeb435b1f3f7ed46dfe899b03
      0103648b 00000000
      60000000 000c1140 fd87d87eeb435b1f3f7ed46dfe899b03 fd87d87eeb43f947ad24ec818abe753e
      12340035 000cf082 70696e67
      """)
    #expect(Self.error(.addressUnreachable, about: packet) == expected)
  }

  @Test(
    "each code stands in its byte and the checksum is right for every length",
    arguments: [ICMPv6Unreachable.Code.noRoute, .prohibited, .addressUnreachable], [0, 1, 7, 100, 1_191, 1_192, 1_193])
  func checksum(_ code: ICMPv6Unreachable.Code, _ payload: Int) throws {
    var random = SeededGenerator(seed: UInt64(payload))
    let packet = Sample.packet(from: Self.source, to: Self.destination, payload: random.bytes(payload))
    let error = try #require(Self.error(code, about: packet))
    #expect(error[40] == 1)
    #expect(error[41] == code.rawValue)
    let sum = NaiveChecksum.field(
      source: Self.responder, destination: Self.source, nextHeader: 58, Array(error[40...]))
    #expect(sum == 0)
  }

  @Test(
    "no error is longer than 1,280 bytes, and as much as fits is quoted",
    arguments: [(0, 88), (1_191, 1_279), (1_192, 1_280), (1_193, 1_280), (1_460, 1_280), (65_535, 1_280)])
  func truncation(_ payload: Int, _ size: Int) throws {
    var random = SeededGenerator(seed: 20)
    let packet = Sample.packet(from: Self.source, to: Self.destination, payload: random.bytes(payload))
    let error = try #require(Self.error(.noRoute, about: packet))
    #expect(error.count == size)
    #expect(error[48...] == packet[..<(size - 48)])
    #expect(error.withUnsafeBytes { IPv6Header($0) }?.destination == Self.source)
  }

  /// Extension headers before ICMPv6, by the first one's number.
  private static let chains: [(UInt8, [UInt8])] = [
    (58, []),
    (0, [58, 0, 1, 4, 0, 0, 0, 0]),
    (60, [58, 1] + [UInt8](repeating: 0, count: 14)),
    (43, [58, 0, 0, 0, 0, 0, 0, 0]),
    (44, [58, 0, 0, 0, 0, 0, 0, 1]),
    (0, [60, 0, 1, 4, 0, 0, 0, 0, 44, 0, 1, 4, 0, 0, 0, 0, 58, 0, 0, 1, 0, 0, 0, 9]),
  ]

  @Test("an ICMPv6 error is never answered, wherever it stands", arguments: chains.indices, [0, 1, 2, 3, 4, 100, 127])
  func aboutErrors(_ chain: Int, _ type: UInt8) {
    let (first, headers) = Self.chains[chain]
    let packet = Sample.packet(
      from: Self.source, to: Self.destination, nextHeader: first, payload: headers + [type, 0, 0, 0, 0, 0, 0, 0])
    #expect(Self.error(.addressUnreachable, about: packet) == nil)
  }

  @Test(
    "an ICMPv6 message that is no error is answered, wherever it stands", arguments: chains.indices, [128, 129, 255])
  func aboutMessages(_ chain: Int, _ type: UInt8) {
    let (first, headers) = Self.chains[chain]
    let packet = Sample.packet(
      from: Self.source, to: Self.destination, nextHeader: first, payload: headers + [type, 0, 0, 0, 0, 0, 0, 0])
    #expect(Self.error(.addressUnreachable, about: packet)?.count == 48 + packet.count)
  }

  @Test("a later fragment, whose type nobody can see, is answered")
  func laterFragment() {
    let packet = Sample.packet(
      from: Self.source, to: Self.destination, nextHeader: 44, payload: [58, 0, 0, 8, 0, 0, 0, 1, 1, 3, 0, 0])
    #expect(Self.error(.addressUnreachable, about: packet) != nil)
  }

  @Test(
    "groups and the unspecified address are never answered",
    arguments: [("fd87:d87e:eb43:2::2", "ff02::1"), ("ff02::1", "fd87:d87e:eb43:2::2"), ("::", "fd87:d87e:eb43:2::2")])
  func forbidden(_ source: String, _ destination: String) throws {
    let packet = Sample.packet(from: try .sample(source), to: try .sample(destination), payload: [1, 2, 3, 4])
    #expect(Self.error(.addressUnreachable, about: packet) == nil)
  }

  @Test("what is no IPv6 packet is not answered")
  func malformed() {
    var random = SeededGenerator(seed: 21)
    let packet = Sample.packet(from: Self.source, to: Self.destination, payload: [1, 2])
    #expect(Self.error(.noRoute, about: []) == nil)
    #expect(Self.error(.noRoute, about: packet.dropLast()) == nil)
    #expect(Self.error(.noRoute, about: Sample.version4(60, &random)) == nil)
  }
}
