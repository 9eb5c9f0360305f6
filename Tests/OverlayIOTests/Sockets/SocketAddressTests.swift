import Glibc
import OverlayCore
import Testing

@testable import OverlayIO

@Suite("Socket address")
struct SocketAddressTests {
  @Test(
    "every form is read and written back",
    arguments: [
      ("127.0.0.1:9050", "127.0.0.1:9050", true), ("localhost:1", "127.0.0.1:1", true),
      ("LOCALHOST:80", "127.0.0.1:80", true),
      ("127.255.0.1:65535", "127.255.0.1:65535", true), ("0.0.0.0:8060", "0.0.0.0:8060", false),
      ("10.152.152.10:9050", "10.152.152.10:9050", false), ("255.255.255.255:1", "255.255.255.255:1", false),
      ("[::1]:9050", "[::1]:9050", true), ("[::]:8060", "[::]:8060", false),
      ("[2001:DB8::1]:1", "[2001:db8::1]:1", false),
      ("[::ffff:127.0.0.1]:1", "[::ffff:7f00:1]:1", true), ("[::ffff:128.0.0.1]:1", "[::ffff:8000:1]:1", false),
      ("unix:/run/tor/socks", "unix:/run/tor/socks", true), ("unix:relative path:1", "unix:relative path:1", true),
    ])
  func forms(text: String, canonical: String, isLoopback: Bool) throws {
    let address = try SocketAddress(text)
    #expect(address.description == canonical)
    #expect(address.isLoopback == isLoopback)
    #expect(try SocketAddress(canonical) == address)
  }

  @Test(
    "what has no host and port is refused",
    arguments: ["", "9050", ":9050", ":", "::1", "::1:9050", "127.0.0.1", "localhost", "fe80::1:2:3"])
  func form(text: String) {
    #expect(throws: SocketAddressError.form) { try SocketAddress(text) }
  }

  @Test(
    "a host that is not in numbers is refused and never resolved",
    arguments: [
      "example.com", "localhost.", "127.1", "127.0.0.256", "127.0.0.1.1", "0x7f.0.0.1", "127.0.0.01", "+1.0.0.1",
      "1..2.3",
      "-0.0.0.0", "[127.0.0.1]", "[::1", "::1]", "[]", "[fe80::1%eth0]", "[[::1]]", " 127.0.0.1", "*",
    ])
  func host(host: String) {
    let expected: SocketAddressError =
      host.contains(":") && !host.hasPrefix("[") || host == "[::1" ? .form : .host(host)
    #expect(throws: expected) { try SocketAddress(host + ":9050") }
  }

  @Test(
    "a port is a number from 1 to 65535",
    arguments: ["", "0", "65536", "-1", "+1", "http", "1 ", "80x", "99999999999999999999"])
  func port(port: String) {
    #expect(throws: SocketAddressError.port(port)) { try SocketAddress("127.0.0.1:" + port) }
    #expect(throws: SocketAddressError.port(port)) { try SocketAddress("[::1]:" + port) }
  }

  @Test("a path is as long as the kernel's structure lets it be")
  func path() throws {
    #expect(try SocketAddress("unix:" + String(repeating: "a", count: 107)).family == AF_UNIX)
    #expect(throws: SocketAddressError.path(108)) { try SocketAddress("unix:" + String(repeating: "a", count: 108)) }
    #expect(throws: SocketAddressError.path(0)) { try SocketAddress("unix:") }
    #expect(throws: SocketAddressError.path(110)) { try SocketAddress("unix:" + String(repeating: "é", count: 55)) }
  }

  @Test("the errors say what is accepted")
  func errors() {
    #expect(SocketAddressError.form.description == "HOST:PORT is accepted, such as 127.0.0.1:9050 or [::1]:9050")
    #expect(SocketAddressError.host("example.com").description.contains("names are never resolved"))
    #expect(SocketAddressError.port("x").description == "'x' is not a port: a number from 1 to 65535 is accepted")
    #expect(SocketAddressError.path(0).description.contains("1 to 107 bytes"))
  }

  @Test("the kernel's layout is in network byte order")
  func layout() throws {
    func bytes(_ text: String) throws -> [UInt8] {
      try SocketAddress(text).withSocketAddress { address, length in
        Array(UnsafeRawBufferPointer(start: address, count: Int(length)))
      }
    }
    let ipv4 = try bytes("127.0.0.2:9050")
    #expect(ipv4.count == 16)
    #expect(Array(ipv4[2..<8]) == [0x23, 0x5a, 127, 0, 0, 2])
    let ipv6 = try bytes("[fd87::2]:8060")
    #expect(ipv6.count == 28)
    #expect(Array(ipv6[2..<4]) == [0x1f, 0x7c])
    #expect(Array(ipv6[8..<24]) == [0xfd, 0x87] + [UInt8](repeating: 0, count: 13) + [2])
    let unix = try bytes("unix:/a")
    #expect(unix.count == 110)
    #expect(Array(unix[2..<5]) == [0x2f, 0x61, 0])
  }

  @Test("the kernel binds to it", arguments: ["127.0.0.1:1", "[::1]:1"])
  func bound(text: String) throws {
    let address: SocketAddress =
      switch try SocketAddress(text) {
      case .ipv4(let host, _): .ipv4(host, port: 0)
      case .ipv6(let host, _): .ipv6(host, port: 0)
      case .unix(let path): .unix(path)
      }
    let socket = try FileDescriptor("socket") { Glibc.socket(address.family, Int32(SOCK_STREAM.rawValue), 0) }
    let number = socket.number
    // Whether or not the host has it: ::1 is missing where lo is down or IPv6 is off.
    var isFree: Int32 = 1
    #expect(setsockopt(number, Int32(IPPROTO_IP), IP_FREEBIND, &isFree, socklen_t(MemoryLayout<Int32>.size)) == 0)
    #expect(address.withSocketAddress { bind(number, $0, $1) } == 0)
  }

  @Test("an error of the caller's comes through with its type")
  func failure() {
    struct Refused: Error {}
    #expect(throws: Refused.self) {
      try SocketAddress.unix("/a").withSocketAddress { (_, _) throws(Refused) in throw Refused() }
    }
  }
}
