import Testing

@testable import OverlayCore

@Suite("Names in messages of DNS")
struct DNSNameTests {
  /// Reads the name at an offset of a message, whose header does not count.
  private static func read(_ bytes: [UInt8], at offset: Int = 12) throws(DNSMessageError) -> (name: DNSName, end: Int) {
    let message = [UInt8](repeating: 0, count: 12) + bytes
    let result: Result<(DNSName, Int), DNSMessageError> = message.withUnsafeBytes { message in
      var offset = offset
      do throws(DNSMessageError) {
        let name = try DNSName(message, at: &offset)
        return .success((name, offset))
      } catch {
        return .failure(error)
      }
    }
    return try result.get()
  }

  private static func label(_ count: Int) -> [UInt8] {
    [UInt8(count)] + [UInt8](repeating: UInt8(ascii: "a"), count: count)
  }

  @Test("a name is read to its end, and what follows stays")
  func plain() throws {
    let wire: [UInt8] = [3] + "ab-".utf8 + [5] + "oNion".utf8 + [0]
    let (name, end) = try Self.read(wire + [7, 7])
    #expect(name.wire == wire && end == 12 + wire.count)
    #expect(name == DNSName("AB-.onion") && name == DNSName("ab-.ONION."))
    #expect(name != DNSName("ab.onion") && name != DNSName("ab-.onion.onion") && name != DNSName("ab_.onion"))
    #expect(try Self.read([0]).name == .root)
  }

  @Test("a label has 63 bytes at most, and a name 255")
  func lengths() throws {
    let longest = Self.label(63) + Self.label(63) + Self.label(63) + Self.label(61) + [0]
    #expect(longest.count == 255)
    #expect(try Self.read(longest).name.wire == longest)
    #expect(throws: DNSMessageError.name) { try Self.read(longest.dropLast() + [1, 97, 0]) }
    #expect(throws: DNSMessageError.name) {
      try Self.read(Self.label(63) + Self.label(63) + Self.label(63) + Self.label(62) + [0])
    }
    // The same by pointers.
    #expect(try Self.read(Self.label(63) + [0, 1, 98, 0xc0, 12], at: 12 + 65).name.wire.count == 67)
    #expect(throws: DNSMessageError.name) { try Self.read(longest + [1, 98, 0xc0, 12], at: 12 + 255) }
    #expect(DNSName(String(repeating: "a", count: 63)) != nil)
    #expect(DNSName(String(repeating: "a", count: 64)) == nil)
    let text = Array(repeating: String(repeating: "a", count: 62), count: 4).joined(separator: ".")
    #expect(DNSName(text + ".a")?.wire.count == 255)
    #expect(DNSName(text + ".aa") == nil && DNSName(text + ".a.a") == nil)
    #expect(DNSName("a..b") == nil && DNSName(".a") == nil)
  }

  @Test("a name that is cut anywhere is none")
  func cut() {
    let wire: [UInt8] = [3] + "abc".utf8 + [5] + "onion".utf8 + [0]
    for count in 0..<wire.count {
      #expect(throws: DNSMessageError.cut) { try Self.read(Array(wire.prefix(count))) }
    }
    #expect(throws: DNSMessageError.cut) { try Self.read([0, 0xc0], at: 13) }
    #expect(throws: DNSMessageError.cut) { try Self.read([], at: 5_000) }
  }

  @Test("a pointer leads back, never in a circle, never into the header")
  func pointers() throws {
    let (name, end) = try Self.read([1, 97, 0, 1, 98, 0xc0, 12, 9], at: 15)
    #expect(name == DNSName("b.a") && end == 19)
    #expect(try Self.read([1, 97, 0, 0xc0, 12], at: 15).name == DNSName("a"))
    // Through another pointer, and from there.
    let chained = try Self.read([1, 97, 0, 1, 98, 0xc0, 12, 1, 99, 0xc0, 15], at: 19)
    #expect(chained.name == DNSName("c.b.a") && chained.end == 23)
    let bad: [([UInt8], Int)] = [
      ([0xc0, 12], 12), ([0xc0, 14, 0xc0, 12], 12), ([0xc0, 14, 0xc0, 12], 14), ([1, 97, 0xc0, 12], 12),
      ([0, 0xc0, 0], 13), ([0, 0xc0, 11], 13), ([0xff, 0xff], 12), ([0xc0, 13, 0], 12),
      ([1, 97, 1, 98, 0xc0, 14], 12),
    ]
    for (bytes, offset) in bad {
      #expect(throws: DNSMessageError.name, "\(bytes)") { try Self.read(bytes, at: offset) }
    }
  }

  @Test("a message of pointers alone does not take time by its square")
  func chain() {
    var bytes: [UInt8] = [0]
    for number in 0..<2_000 {
      let target = number == 0 ? 12 : 13 + 2 * (number - 1)
      bytes += [0xc0 | UInt8(target >> 8), UInt8(target & 0xff)]
    }
    #expect(throws: DNSMessageError.name) { try Self.read(bytes, at: 13 + 2 * 1_999) }
    #expect(throws: Never.self) { try Self.read(bytes, at: 13 + 2 * 126) }
    #expect(throws: DNSMessageError.name) { try Self.read(bytes, at: 13 + 2 * 127) }
  }

  @Test("labels of kinds that nobody uses are refused", arguments: [0x40, 0x7f, 0x80, 0xbf] as [UInt8])
  func kinds(_ length: UInt8) {
    #expect(throws: DNSMessageError.name) { try Self.read([length] + [UInt8](repeating: 97, count: 300)) }
  }

  @Test("an address's name is its digits from the last one, and leads back in any case")
  func addresses() throws {
    let address = try IPv6Address.sample("fd87:d87e:eb43:5b1f:3f7e:d46d:fe89:9b03")
    let name = DNSName(of: address)
    #expect(name == DNSName("3.0.b.9.9.8.e.f.d.6.4.d.e.7.f.3.f.1.b.5.3.4.b.e.e.7.8.d.7.8.d.f.ip6.arpa"))
    #expect(name.address == address && name.wire.count == 74)
    #expect(DNSName("3.0.B.9.9.8.E.F.D.6.4.D.E.7.F.3.F.1.B.5.3.4.B.E.E.7.8.D.7.8.D.F.IP6.ARPA")?.address == address)
    #expect(DNSName(of: OverlayNetwork.tor.prefix) == DNSName("3.4.b.e.e.7.8.d.7.8.d.f.ip6.arpa"))
    var random = SeededGenerator(seed: 3)
    for _ in 0..<100 {
      let address = IPv6Address(high: random.next(), low: random.next())
      #expect(DNSName(of: address).address == address)
    }
  }

  @Test(
    "other names are no address's",
    arguments: [
      "0.b.9.9.8.e.f.d.6.4.d.e.7.f.3.f.1.b.5.3.4.b.e.e.7.8.d.7.8.d.f.ip6.arpa",
      "1.3.0.b.9.9.8.e.f.d.6.4.d.e.7.f.3.f.1.b.5.3.4.b.e.e.7.8.d.7.8.d.f.ip6.arpa",
      "g.0.b.9.9.8.e.f.d.6.4.d.e.7.f.3.f.1.b.5.3.4.b.e.e.7.8.d.7.8.d.f.ip6.arpa",
      "30.b.9.9.8.e.f.d.6.4.d.e.7.f.3.f.1.b.5.3.4.b.e.e.7.8.d.7.8.d.f.ip6.arpa",
      "3.0.b.9.9.8.e.f.d.6.4.d.e.7.f.3.f.1.b.5.3.4.b.e.e.7.8.d.7.8.d.f.ip6.arpb",
      "3.0.b.9.9.8.e.f.d.6.4.d.e.7.f.3.f.1.b.5.3.4.b.e.e.7.8.d.7.8.d.f.ip6.arpa.x", "ip6.arpa", "arpa",
      "1.0.0.127.in-addr.arpa",
    ])
  func others(_ text: String) throws {
    #expect(try #require(DNSName(text)).address == nil)
  }
}
