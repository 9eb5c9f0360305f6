import Testing

@testable import OverlayCore

@Suite("Lease file")
struct LeaseFileTests {
  private static let first = "fd87:d87e:eb43:1::1 02:00:00:00:00:01 000300010200 1767225600"
  private static let second = "fd87:d87e:eb43:2::2 02:00:00:00:00:02 0004ff 0"

  private static func parse(_ text: String) -> LeaseFile { LeaseFile(parsing: Array(text.utf8)) }

  @Test("leases stand in the file's order, whatever comments and blanks are around them")
  func order() throws {
    let file = Self.parse("# leases\n\n \t\(Self.second)  # the printer\r\n\t\r\n\(Self.first)")
    #expect(file.problems.isEmpty)
    #expect(
      file.leases == [
        Lease(
          address: try .sample("fd87:d87e:eb43:2::2"), macAddress: MACAddress(value: 0x0200_0000_0002),
          client: try #require(DUID(bytes: [0, 4, 0xff])), expiry: 0),
        Lease(
          address: try .sample("fd87:d87e:eb43:1::1"), macAddress: MACAddress(value: 0x0200_0000_0001),
          client: try #require(DUID(bytes: [0, 3, 0, 1, 2, 0])), expiry: 1_767_225_600),
      ])
  }

  @Test("what is written is what is read")
  func roundTrip() throws {
    var random = SeededGenerator(seed: 3)
    let leases = try (0..<300).map { number in
      Lease(
        address: IPv6Address(high: 0xfd87_d87e_eb43_0000, low: UInt64(number)), macAddress: .random(using: &random),
        client: try #require(DUID(bytes: random.bytes(Int.random(in: 3...130, using: &random)))),
        expiry: Int64.random(in: 0...Int64.max, using: &random))
    }
    let text = LeaseFile.text(of: leases)
    #expect(text.hasPrefix("# "))
    #expect(Self.parse(text).leases == leases)
    #expect(Self.parse(text).problems.isEmpty)
    #expect(Self.parse(LeaseFile.text(of: [])).leases.isEmpty)
  }

  @Test(
    "a bad line is told by its number and the others stay",
    arguments: [
      ("fd87::1", "1 field where an address, a MAC address, a DUID and an expiry are accepted"),
      ("\(first) x", "5 fields where an address, a MAC address, a DUID and an expiry are accepted"),
      ("fd87::g 02:00:00:00:00:03 000400 1", "the first field is not an IPv6 address"),
      ("fd87::1 02:00:00:00:00 000400 1", "the second field is not the MAC address of a host"),
      ("fd87::1 33:33:00:00:00:01 000400 1", "the second field is not the MAC address of a host"),
      ("fd87::1 02:00:00:00:00:03 0004 1", "the third field is not a DUID: 6 to 260 hexadecimal digits"),
      ("fd87::1 02:00:00:00:00:03 00040 1", "the third field is not a DUID: 6 to 260 hexadecimal digits"),
      ("fd87::1 02:00:00:00:00:03 0004+1 1", "the third field is not a DUID: 6 to 260 hexadecimal digits"),
      ("fd87::1 02:00:00:00:00:03 000400 -1", "the fourth field is not a number of seconds since 1970"),
      ("fd87::1 02:00:00:00:00:03 000400 1.5", "the fourth field is not a number of seconds since 1970"),
      (
        "fd87::1 02:00:00:00:00:03 000400 9223372036854775808",
        "the fourth field is not a number of seconds since 1970"
      ),
    ])
  func badLine(_ line: String, _ problem: String) {
    let file = Self.parse("# leases\n\(line)\n\(Self.second)\n")
    #expect(file.leases.map(\.expiry) == [0])
    #expect(file.problems.told.map(\.description) == ["line 2: \(problem)"])
  }

  @Test("of two lines of one address or one host the first counts")
  func twice() {
    let taken = "an earlier line has the same address or the same MAC address"
    let address = Self.parse("\(Self.first)\nfd87:d87e:eb43:1::1 02:00:00:00:00:09 000400 1")
    let host = Self.parse("\(Self.first)\nfd87:d87e:eb43:9::9 02:00:00:00:00:01 000400 1")
    for file in [address, host] {
      #expect(file.leases.map(\.expiry) == [1_767_225_600])
      #expect(file.problems.told.map(\.description) == ["line 2: \(taken)"])
    }
  }

  @Test("leases and problems are bounded")
  func bounds() {
    var text = ""
    for number in 0..<LeaseFile.mostLeases + 5 {
      text += "fd87::\(String(number, radix: 16)) \(MACAddress(value: UInt64(number) | 2 << 40)) 000400 1\n"
    }
    #expect(Self.parse(text).leases.count == LeaseFile.mostLeases)
    #expect(
      Self.parse(text).problems.told.map(\.description) == ["line 1001: only the first 1000 leases of a file are used"])
    let bad = Self.parse(String(repeating: "x\n", count: 1_000))
    #expect(bad.problems.told.count == LineProblems.mostTold)
    #expect(bad.problems.untold == 1_000 - LineProblems.mostTold)
  }

  @Test("bytes that are no text are a problem and nothing worse")
  func binary() {
    var random = SeededGenerator(seed: 8)
    for _ in 0..<2_000 {
      var bytes = Array("\(Self.first)\n\(Self.second)\n".utf8)
      for _ in 0..<3 { bytes[Int.random(in: bytes.indices, using: &random)] = UInt8(random.next() & 0xff) }
      let file = LeaseFile(parsing: bytes)
      #expect(file.leases.count <= 4 && file.leases.allSatisfy { $0.expiry >= 0 && !$0.macAddress.isGroup })
    }
  }
}
