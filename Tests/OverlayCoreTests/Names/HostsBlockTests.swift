import Testing

@testable import OverlayCore

@Suite("A block in a hosts file")
struct HostsBlockTests {
  private static let begin = "# BEGIN oncilla oncilla0\n"
  private static let end = "# END oncilla oncilla0\n"
  private static let block = begin + "# Kept by oncilla: what is changed in here is lost.\nfd87:: a\n" + end

  private func placed(_ file: String, _ lines: [String] = ["fd87:: a"]) throws(HostsBlock.Problem) -> String {
    String(decoding: try HostsBlock(lines, of: "oncilla0").placed(in: Array(file.utf8)), as: UTF8.self)
  }

  @Test("a line has the address, and the names as people type them")
  func lines() throws {
    let name = try OnionName.sample(1)
    let alice = HostsBlock.Entry(name, petname: Petname("alice"))
    #expect(alice.line(zone: "oncilla.internal") == "\(name.address) alice.oncilla.internal alice \(name)")
    #expect(HostsBlock.Entry(name).line(zone: "x") == "\(name.address) \(name)")
    let local = HostsBlock.Entry(name, petname: Petname("localhost"))
    #expect(local.line(zone: "x") == "\(name.address) localhost.x \(name)")
    let read = HostsFile(parsing: Array(alice.line(zone: "oncilla.internal").utf8))
    #expect(read.names == [name])
    #expect(read.problems.report(of: "hosts").isEmpty)
    let own = HostsBlock.line(own: name.address, zone: "x")
    #expect(own == "\(name.address) host.self.x")
    #expect(HostsFile(parsing: Array(own.utf8)) == HostsFile(parsing: []))
  }

  private static let places: [(before: String, after: String)] = [
    ("", block), ("127.0.0.1 localhost\n", "127.0.0.1 localhost\n" + block),
    ("127.0.0.1 localhost", "127.0.0.1 localhost\n" + block), ("\n\n", "\n\n" + block),
    ("a\n" + block + "b", "a\n" + block + "b"), ("a\n" + begin + "x\ny\n" + end + "b\n", "a\n" + block + "b\n"),
    (begin + end, block), (begin + "x\n" + end.dropLast(), block),
    ("a\r\n" + begin.dropLast() + "\r\nx\r\n" + end.dropLast() + " \t\r\nb\r\n", "a\r\n" + block + "b\r\n"),
    (
      "# BEGIN oncilla oncilla1\nz\n# END oncilla oncilla1\n",
      "# BEGIN oncilla oncilla1\nz\n# END oncilla oncilla1\n" + block
    ),
    (" " + begin + "\0\u{1}\n", " " + begin + "\0\u{1}\n" + block),
    ("# BEGIN oncilla oncilla01\n", "# BEGIN oncilla oncilla01\n" + block),
  ]

  @Test("it stands where it stood, or at the end, and the rest stays as it is", arguments: places)
  func place(before: String, after: String) throws {
    #expect(try placed(before) == after)
    #expect(try placed(after) == after)
  }

  @Test("bytes that are no text stay, too")
  func bytes() throws {
    let file: [UInt8] = [0xff, 0xfe, 0x0a, 0x80]
    let new = try HostsBlock(["x"], of: "o").placed(in: file)
    #expect(new.starts(with: file + [0x0a]))
    #expect(try HostsBlock([], of: "o").placed(in: new) == file + [0x0a])
  }

  @Test("without lines there is none", arguments: [("a\n" + block + "b", "a\nb"), (block, ""), ("a", "a"), ("", "")])
  func removal(before: String, after: String) throws {
    #expect(try placed(before, []) == after)
  }

  private static let broken: [(file: String, problem: HostsBlock.Problem)] = [
    ("a\n" + begin + "x\n", .endMissing(line: 2, mark: String(end.dropLast()))),
    (String(begin.dropLast()), .endMissing(line: 1, mark: String(end.dropLast()))),
    ("a\n" + end + begin, .beginMissing(line: 2, mark: String(begin.dropLast()))),
    (String(end.dropLast()), .beginMissing(line: 1, mark: String(begin.dropLast()))),
    (block + block, .repeated(line: 5, mark: String(begin.dropLast()))),
    (begin + begin + end, .repeated(line: 2, mark: String(begin.dropLast()))),
    (block + end, .beginMissing(line: 5, mark: String(begin.dropLast()))),
    (block + begin, .repeated(line: 5, mark: String(begin.dropLast()))),
  ]

  @Test("marks that are not in order are told, with their line", arguments: broken)
  func problems(file: String, problem: HostsBlock.Problem) {
    for lines in [["x"], []] { #expect(throws: problem) { try placed(file, lines) } }
    #expect("\(problem)".hasPrefix("line "))
  }
}
