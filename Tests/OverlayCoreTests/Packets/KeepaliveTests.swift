import Testing

@testable import OverlayCore

@Suite("Keepalive")
struct KeepaliveTests {
  private static let text = "657g75aboqyljmpstjxnqbse7ek4ud3nk3wajwgnlmpt67wunx7itgyd.onion"
  private static let destination = IPv6Address(high: 0xfd87_d87e_eb43_f947, low: 0xad24_ec81_8abe_753e)

  /// The keepalive in a packet with this payload, from the address of `text` or another one.
  private static func parse(_ payload: [UInt8], from source: IPv6Address? = nil) throws -> Keepalive {
    let packet = Sample.packet(
      from: try source ?? OnionName(text).address, to: destination, nextHeader: 59, payload: payload)
    return try packet.withUnsafeBytes { try Keepalive(#require(PacketView(reading: $0))) }
  }

  private static func payload(_ name: String = text, _ rest: [UInt8] = []) -> [UInt8] {
    [1] + Array(name.utf8) + [0] + rest
  }

  @Test("the packet, byte by byte")
  func exact() throws {
    let packet = Keepalive(name: try OnionName(Self.text)).packet(to: Self.destination, flowLabel: 0xabcde)
    let header = "600abcde 00403b01 fd87d87eeb435b1f3f7ed46dfe899b03 fd87d87eeb43f947ad24ec818abe753e"
    #expect(packet == (try hexadecimal(header)) + Self.payload())
  }

  @Test("what is written is what is read, extensions included")
  func roundTrip() throws {
    let keepalive = Keepalive(
      name: try OnionName(Self.text),
      extensions: [
        .init(type: 1, value: [1]), .init(type: 5, value: []), .init(type: 6, value: Array(1...16)),
        .init(type: 0xff, value: [UInt8](repeating: 7, count: 255)), .init(type: 6, value: [9]),
      ])
    let packet = keepalive.packet(to: Self.destination, flowLabel: 1)
    let read = try packet.withUnsafeBytes { try Keepalive(#require(PacketView(reading: $0))) }
    #expect(read == keepalive)
    #expect(read.value(of: Keepalive.Extension.selfCall) == Array(1...16))
    #expect(read.value(of: 2) == nil)
  }

  @Test("OnionCat's own, without extensions, tells its name")
  func plain() throws {
    let keepalive = try Self.parse(Self.payload())
    #expect(keepalive.name == (try OnionName(Self.text)))
    #expect(keepalive.extensions.isEmpty)
  }

  @Test("a version 2 name is told too")
  func version2() throws {
    let name = try OnionName("7fd22jhmqgfl45j6.onion")
    #expect(try Self.parse(Self.payload("7fd22jhmqgfl45j6.onion"), from: name.address).name == name)
  }

  @Test("an old OnionCat's has no name", arguments: [[], [0], [2], [0, 0], [0xff, 1, 2, 3]] as [[UInt8]])
  func nameless(_ payload: [UInt8]) {
    #expect(throws: KeepaliveError.nameless) { try Self.parse(payload) }
  }

  @Test("a name of another version byte is not believed")
  func otherVersion() {
    #expect(throws: KeepaliveError.nameless) { try Self.parse([2] + Self.payload().dropFirst()) }
  }

  @Test("a name that no NUL ends is refused")
  func unterminated() {
    #expect(throws: KeepaliveError.unterminated) { try Self.parse([1]) }
    #expect(throws: KeepaliveError.unterminated) { try Self.parse(Self.payload().dropLast()) }
    #expect(throws: KeepaliveError.unterminated) { try Self.parse([1] + [UInt8](repeating: 97, count: 60_000) + [0]) }
    let tooLong = Array(Self.payload().dropLast() + [97, 0])
    #expect(throws: KeepaliveError.unterminated) { try Self.parse(tooLong) }
  }

  @Test(
    "a name that is none is refused",
    arguments: [
      ("", OnionNameError.length(0)), (".onion", .length(0)), ("abc.onion", .length(3)),
      ("7fd22jhmqgfl45j1.onion", .alphabet), ("7fd22jhmqgfl45j\u{e9}", .length(17)),
      ("757g75aboqyljmpstjxnqbse7ek4ud3nk3wajwgnlmpt67wunx7itgyd.onion", .checksum),
      ("657g75aboqyljmpstjxnqbse7ek4ud3nk3wajwgnlmpt67wunx7itgye.onion", .checksum),
    ] as [(String, OnionNameError)])
  func badName(_ name: String, _ error: OnionNameError) {
    #expect(throws: KeepaliveError.name(error)) { try Self.parse(Self.payload(name)) }
  }

  @Test("bytes that are no text are no name")
  func noText() {
    #expect(throws: KeepaliveError.self) { try Self.parse([1] + [UInt8](repeating: 0xff, count: 56) + [0]) }
  }

  @Test("a name of another address than the packet's source is refused")
  func otherAddress() throws {
    let other = try OnionName.sample(1).address
    #expect(throws: KeepaliveError.address) { try Self.parse(Self.payload(), from: other) }
  }

  @Test(
    "a malformed extension ends the parse; the name and those before it stay",
    arguments: [
      ("", []), ("06", []), ("0601", []), ("0602 aa", []), ("06ff 00", []), ("0500", [5]), ("0500 06", [5]),
      ("2a01aa 0602bbcc", [0x2a, 6]), ("2a01aa 0603bbcc", [0x2a]), ("0000 0000", [0, 0]),
      ("0601aa 0501", [6]),
    ] as [(String, [UInt8])])
  func extensions(_ text: String, _ types: [UInt8]) throws {
    let keepalive = try Self.parse(Self.payload(Self.text, try hexadecimal(text)))
    #expect(keepalive.name == (try OnionName(Self.text)))
    #expect(keepalive.extensions.map(\.type) == types)
  }

  @Test("unknown extensions before a known one are skipped")
  func unknown() throws {
    let keepalive = try Self.parse(Self.payload(Self.text, try hexadecimal("7700 7803010203 0602abcd")))
    #expect(keepalive.value(of: Keepalive.Extension.selfCall) == [0xab, 0xcd])
  }

  @Test("no payload crashes the parse")
  func random() throws {
    var random = SeededGenerator(seed: 40)
    for _ in 0..<5_000 {
      var payload = Self.payload(Self.text, random.bytes(Int.random(in: 0...40, using: &random)))
      payload[Int.random(in: payload.indices, using: &random)] = UInt8.random(in: 0...255, using: &random)
      if let keepalive = try? Self.parse(payload) {
        #expect(keepalive.name.address == (try OnionName(Self.text).address))
      }
    }
  }
}
