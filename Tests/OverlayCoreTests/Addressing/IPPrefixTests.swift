import Testing

@testable import OverlayCore

@Suite("Prefixes of either version of IP")
struct IPPrefixTests {
  @Test(
    "are written as they are read",
    arguments: [
      "0.0.0.0/0", "10.20.0.0/16", "192.168.1.1/32", "::/0", "2001:db8::/32", "fd00:1:2:3::4/128", "fe80::/10",
    ])
  func text(_ text: String) throws {
    #expect("\(try IPPrefix.sample(text))" == text)
    #expect(IPPrefix(masking: text) == IPPrefix(text))
  }

  @Test(
    "with bits past their length are refused, and can be had masked",
    arguments: [
      ("10.20.0.1/16", "10.20.0.0/16"), ("255.255.255.255/0", "0.0.0.0/0"), ("10.0.0.3/31", "10.0.0.2/31"),
      ("2001:db8::1/64", "2001:db8::/64"), ("::1/0", "::/0"), ("fd00::ff/121", "fd00::80/121"),
    ])
  func hostBits(_ text: String, _ masked: String) {
    #expect(IPPrefix(text) == nil)
    #expect(IPPrefix(masking: text).map { "\($0)" } == masked)
  }

  @Test(
    "are not read from anything else",
    arguments: [
      "", "/", "10.0.0.0", "10.0.0.0/", "/8", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/+8", "10.0.0.0/08",
      "10.0.0.0/8/8", "10.0.0/8", "10.0.0.0.0/8", "010.0.0.0/8", "256.0.0.0/8", "+1.0.0.0/8", "1..0.0/8", " 10.0.0.0/8",
      "::/129", "::/", "fe80::%eth0/10", "2001:db8::/0x20", "10.0.0.0/1000", "10.0.0.0/٨",
    ])
  func refused(_ text: String) {
    #expect(IPPrefix(text) == nil)
    #expect(IPPrefix(masking: text) == nil)
  }

  @Test(
    "contain each other or do not",
    arguments: [
      ("10.0.0.0/8", "10.1.0.0/16", true), ("10.1.0.0/16", "10.0.0.0/8", false), ("10.0.0.0/8", "10.0.0.0/8", true),
      ("0.0.0.0/0", "::/0", false), ("::/0", "0.0.0.0/0", false), ("fd00::/8", "fd12::/16", true),
      ("10.0.0.0/8", "11.0.0.0/16", false),
    ])
  func containment(_ outer: String, _ inner: String, _ isContained: Bool) throws {
    #expect(try IPPrefix.sample(outer).contains(IPPrefix.sample(inner)) == isContained)
  }

  @Test("the prefixes without hosts and an address' own word agree at every border, and on each side of it")
  func hostless() throws {
    for (prefix, meaning) in IPPrefix.hostless {
      #expect(!meaning.isEmpty)
      switch prefix {
      case .ipv4(let prefix):
        let last = prefix.address.value | ~(~UInt32(0) << (32 - prefix.length))
        for value in [prefix.address.value &- 1, prefix.address.value, last, last &+ 1] {
          let address = IPv4Address(value: value)
          let isHost = !IPPrefix.hostless.contains { $0.prefix.contains(address) }
          #expect(address.isHost == isHost, "\(address)")
        }
      case .ipv6(let prefix):
        let first = UInt128(prefix.address.high) << 64 | UInt128(prefix.address.low)
        let last = first | ~(~UInt128(0) << (128 - prefix.length))
        for value in [first &- 1, first, last, last &+ 1] {
          let address = IPv6Address(high: UInt64(value >> 64), low: UInt64(truncatingIfNeeded: value))
          let isHost = !IPPrefix.hostless.contains { $0.prefix.contains(address) }
          #expect(address.isHost == isHost, "\(address)")
        }
      }
    }
  }

  @Test(
    "which addresses a host can have",
    arguments: [
      ("10.0.0.1", true), ("100.64.0.1", true), ("192.0.2.1", true), ("223.255.255.255", true), ("1.0.0.0", true),
      ("126.255.255.255", true), ("128.0.0.0", true), ("0.0.0.0", false), ("0.1.2.3", false), ("127.0.0.1", false),
      ("169.254.0.1", false), ("224.0.0.1", false), ("240.0.0.1", false), ("255.255.255.255", false),
      ("fd87:d87e:eb43::1", true), ("2001:db8::1", true), ("fe00::1", true), ("fec0::1", true), ("::2", true),
      ("64:ff9b::1.2.3.4", true), ("::", false), ("::1", false), ("::ffff:10.0.0.1", false), ("fe80::1", false),
      ("febf::1", false), ("ff02::1", false),
    ])
  func host(text: String, isHost: Bool) throws {
    if let address = IPv4Address(text) {
      #expect(address.isHost == isHost)
    } else {
      #expect(try #require(IPv6Address(text)).isHost == isHost)
    }
  }
}
