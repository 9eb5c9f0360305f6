import Testing

@testable import OverlayCore

@Suite("Hosts file")
struct HostsFileTests {
  static let alice = "fd87:d87e:eb43:f947:ad24:ec81:8abe:753e 7fd22jhmqgfl45j6.onion"
  static let aliceAddress = "fd87:d87e:eb43:f947:ad24:ec81:8abe:753e"
  static let bob = "fd87:d87e:eb43:b43b:a82f:74b9:8578:25cd wq52ql3uxgcxqjon.onion"
  static let carol =
    "fd87:d87e:eb43:5b1f:3f7e:d46d:fe89:9b03 657g75aboqyljmpstjxnqbse7ek4ud3nk3wajwgnlmpt67wunx7itgyd.onion"

  func parse(_ text: String) -> HostsFile { HostsFile(parsing: Array(text.utf8)) }

  @Test("names stand in the file's order, whatever comments and blanks are around them")
  func order() {
    let file = parse(
      "# peers\n\n\(HostsFileTests.carol)\n \t\(HostsFileTests.alice)  # Alice\r\n\t\r\n\(HostsFileTests.bob)")
    #expect(file.names.map(\.label.count) == [56, 16, 16])
    #expect(file.names.map(\.description)[1...] == ["7fd22jhmqgfl45j6.onion", "wq52ql3uxgcxqjon.onion"])
    #expect(file.problems.isEmpty)
  }

  @Test("an empty file holds nothing", arguments: ["", "\n", "\r\n", "#", "   "])
  func empty(text: String) {
    #expect(parse(text) == parse(""))
    #expect(parse(text).names.isEmpty)
  }

  @Test(
    "a bad line is told by its number and the others stay",
    arguments: [
      ("fd87:d87e:eb43::1", "no onion name follows the address"),
      ("fd87:d87e:eb43::1 alice wonderland", "no onion name follows the address"),
      (
        "nonsense wq52ql3uxgcxqjon.onion",
        "the first field is not an IP address; an address and its onion name are accepted"
      ),
      ("nonsense", "the first field is not an IP address; an address and its onion name are accepted"),
      (
        "fd87:d87e:eb43::1 abc.onion",
        "the name after the address is not accepted: an onion name has 56 characters before .onion "
          + "(16 in version 2), not 3"
      ),
      (
        "fd87:d87e:eb43:b43b:a82f:74b9:8578:25cd wq52ql3uxgcxqjon.onion:80",
        "the name after the address is not accepted: its port is 80, and all peers are dialled at port 8060, which "
          + "--service-port changes"
      ),
      (
        "fd87:d87e:eb44::1 wq52ql3uxgcxqjon.onion",
        "the address is not that of the name, which 'oncilla address' prints"
      ),
      (
        "127.0.0.1 wq52ql3uxgcxqjon.onion",
        "the address is not that of the name, which 'oncilla address' prints"
      ),
      (
        "fd87:d87e:eb43::1 wq52ql3uxgcxqjon.onion",
        "the address is not that of the name, which 'oncilla address' prints"
      ),
      (
        "wq52ql3uxgcxqjon.onion fd87:d87e:eb43:b43b:a82f:74b9:8578:25cd",
        "the first field is not an IP address; an address and its onion name are accepted"
      ),
    ])
  func badLine(line: String, problem: String) {
    let file = parse("# first\n\(line)\n\(HostsFileTests.alice)\n")
    #expect(file.names.map(\.label) == ["7fd22jhmqgfl45j6"])
    #expect(file.problems.told.map(\.description) == ["line 2: \(problem)"])
  }

  @Test(
    "other names may stand around the one of a line",
    arguments: [
      "\(alice) alice", "\(alice)\talice alice.example.org # Alice", "\(aliceAddress) alice 7fd22jhmqgfl45j6.onion",
      "\(aliceAddress) alice wonderland 7FD22JHMQGFL45J6.ONION more", "\(aliceAddress) 7fd22jhmqgfl45j6",
      "\(aliceAddress) alice 7fd22jhmqgfl45j6", "\(aliceAddress) http://7fd22jhmqgfl45j6.onion:8060/",
      "\(aliceAddress) www.7fd22jhmqgfl45j6.onion 7fd22jhmqgfl45j6.onion", "\u{feff}\(alice)",
    ])
  func aliases(line: String) {
    let file = parse(line + "\n")
    #expect(file.names.map(\.label) == ["7fd22jhmqgfl45j6"])
    #expect(file.problems.isEmpty)
  }

  @Test("/etc/hosts can be one: what is for other networks is passed over")
  func systemFile() {
    let file = parse(
      """
      127.0.0.1\tlocalhost
      127.0.1.1 laptop.example.org laptop
      ::1     localhost ip6-localhost ip6-loopback
      fe80::1%lo0 localhost
      ff02::1 ip6-allnodes
      fd87::1 a-router
      \(HostsFileTests.alice) alice
      """)
    #expect(file.names.map(\.label) == ["7fd22jhmqgfl45j6"])
    #expect(file.problems.isEmpty)
  }

  @Test("as many lines as there may be names, with aliases and comments, are no more bytes than are read")
  func room() {
    let line =
      "\(HostsFileTests.carol) \(String(repeating: "a", count: 63)) # \(String(repeating: "comment ", count: 40))\n"
    #expect(line.utf8.count * HostsFile.mostNames <= HostsFile.mostBytes)
  }

  @Test("a line that stands twice is no problem")
  func twice() {
    let file = parse("\(HostsFileTests.alice)\n\(HostsFileTests.alice)\n")
    #expect(file.names.count == 1)
    #expect(file.problems.isEmpty)
  }

  @Test("bytes that are no text are a problem and nothing worse")
  func binary() {
    let file = HostsFile(parsing: [0, 0xff, 0xfe, 0x20, 0xc3, 0x0a] + Array(HostsFileTests.alice.utf8))
    #expect(file.names.count == 1)
    #expect(file.problems.told.map(\.line) == [1])
  }

  @Test("the text of a problem is short even where the line is not")
  func longLine() {
    let file = parse(String(repeating: "x", count: 100_000) + " y\n")
    #expect(file.problems.told.map { $0.text.count < 200 } == [true])
  }

  @Test("the problems kept are bounded, the rest is counted")
  func manyProblems() {
    let file = parse(String(repeating: "x\n", count: 1000))
    #expect(file.problems.told.count == LineProblems.mostTold)
    #expect(file.problems.told.last?.line == LineProblems.mostTold)
    #expect(file.problems.untold == 1000 - LineProblems.mostTold)
    let report = file.problems.report(of: "/etc/onions")
    #expect(report.count == LineProblems.mostTold + 1)
    #expect(
      report.first
        == "/etc/onions, line 1: the first field is not an IP address; an address and its onion name are accepted")
    #expect(report.last == "/etc/onions: 980 more lines are not understood")
  }

  @Test("that a file is cut is told, however many problems were before, and a single one more is one")
  func cutAfterProblems() throws {
    var text = String(repeating: "x\n", count: 21)
    for number in 0...UInt64(HostsFile.mostNames) {
      let name = try OnionName.sample(number)
      text += "\(name.address) \(name)\n"
    }
    let report = parse(text).problems.report(of: "hosts")
    #expect(report.count == LineProblems.mostTold + 2)
    #expect(
      report.suffix(2) == [
        "hosts, line \(HostsFile.mostNames + 22): only the first 10000 names of a file are used",
        "hosts: 1 more line is not understood",
      ])
  }

  @Test("the names are bounded, and the first line beyond is told")
  func manyNames() throws {
    var text = ""
    for number in 0...(HostsFile.mostNames + 5) {
      let host = (0..<10).map { $0 < 8 ? UInt8(0) : UInt8(truncatingIfNeeded: number >> (8 * (9 - $0))) }
      let address = OverlayNetwork.tor.address(hostPart: (high: 0, low: UInt64(number)))
      text += "\(address) \(Base32.encode(host)).onion\n"
    }
    let file = parse(text)
    #expect(file.names.count == HostsFile.mostNames)
    #expect(file.problems.told.map(\.description) == ["line 10001: only the first 10000 names of a file are used"])
  }
}
