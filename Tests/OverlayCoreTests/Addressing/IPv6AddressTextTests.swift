import OverlayCore
import Testing

@Suite("IPv6 address as text")
struct IPv6AddressTextTests {
  @Test(
    "it is written as RFC 5952 recommends",
    arguments: [
      // Section 4.1 and 4.3: no leading zeros, lower case.
      ("2001:0db8::0001", "2001:db8::1"), ("2001:DB8::AAAA", "2001:db8::aaaa"), ("2001:db8:0::", "2001:db8::"),
      // Section 4.2.1: as short as it can be.
      ("2001:db8:0:0:0:0:2:1", "2001:db8::2:1"), ("0:0:0:0:0:0:0:0", "::"), ("0:0:0:0:0:0:0:1", "::1"),
      ("1:0:0:0:0:0:0:0", "1::"),
      // Section 4.2.2: one group of zeros is not shortened.
      ("2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"), ("2001:db8::1:1:1:1:1", "2001:db8:0:1:1:1:1:1"),
      ("0:1:2:3:4:5:6:7", "0:1:2:3:4:5:6:7"), ("1:2:3:4:5:6:7:0", "1:2:3:4:5:6:7:0"),
      // Section 4.2.3: the longest run, and of equal ones the first.
      ("2001:0:0:1:0:0:0:1", "2001:0:0:1::1"), ("2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"),
      ("0:0:1:0:0:0:1:0", "0:0:1::1:0"), ("1:0:0:2:0:0:3:4", "1::2:0:0:3:4"),
      ("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
    ])
  func written(text: String, canonical: String) throws {
    let address = try #require(IPv6Address(text))
    #expect(address.description == canonical)
    #expect(IPv6Address(canonical) == address)
  }

  @Test(
    "its end may be an IPv4 address (RFC 4291 section 2.2)",
    arguments: [
      ("::ffff:192.0.2.1", "::ffff:c000:201"), ("::13.1.68.3", "::d01:4403"),
      ("64:ff9b::192.0.2.33", "64:ff9b::c000:221"),
      ("1:2:3:4:5:6:1.2.3.4", "1:2:3:4:5:6:102:304"), ("::255.255.255.255", "::ffff:ffff"),
    ])
  func embedded(text: String, canonical: String) throws {
    #expect(try #require(IPv6Address(text)).description == canonical)
  }

  @Test(
    "anything else is refused",
    arguments: [
      "", ":", ":::", "1", "1:", ":1", "::1::", "1::2::3", "1:::2", ":1::", "1::2:", "1:2:3:4:5:6:7",
      "1:2:3:4:5:6:7:8:9",
      "1:2:3:4:5:6:7:8::", "::1:2:3:4:5:6:7:8", "1:2:3:4::5:6:7:8", "12345::", "g::", "0x1::", "+1::", "::+1",
      "::1%eth0",
      "fe80::1%1", "[::1]", "::1/128", " ::1", "::1 ", "::1\n", "1.2.3.4", "::1.2.3", "::1.2.3.4.5", "::256.1.1.1",
      "::1.2.3.", "::.1.2.3", "::01.2.3.4", "::1.2.3.+4", "::1.2.3.4:5", "1:2:3:4:5:6:7:1.2.3.4", "::\u{660}",
      "1\u{ff1a}:2",
      "\u{e9}::",
    ])
  func refused(text: String) {
    #expect(IPv6Address(text) == nil)
  }

  @Test(
    "a number with a sign is refused, zero included", arguments: ["::-0", "-0::", "::1.2.3.-0", "-0:1:2:3:4:5:6:7"])
  func sign(text: String) {
    #expect(IPv6Address(text) == nil)
  }

  @Test("every place of the gap is read back")
  func gaps() {
    for mask in UInt8.min...UInt8.max {
      let groups = (0..<8).map { mask & (1 << $0) == 0 ? UInt64(0) : UInt64(0xa0 + $0) }
      let address = IPv6Address(
        high: groups[..<4].reduce(0) { $0 << 16 | $1 }, low: groups[4...].reduce(0) { $0 << 16 | $1 })
      #expect(IPv6Address(address.description) == address)
    }
  }
}
