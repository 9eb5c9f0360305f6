import Glibc
import OverlayCore
import SystemProbes
import Testing

@testable import OverlayIO

@Suite("A hosts file that is kept")
struct KeptHostsTests {
  private let directory: TemporaryDirectory
  private let block = HostsBlock(["fd87:: a"], of: "o")

  init() throws { directory = try TemporaryDirectory() }

  @Test("its owner and mode stay, and what is not there is made for everybody")
  func modes() throws {
    let path = directory.file("hosts")
    try directory.write("hosts", "127.0.0.1 localhost")
    try setMode(0o640, of: path)
    try KeptHosts.put(block, into: path)
    #expect(try directory.read("hosts") == "127.0.0.1 localhost\n" + block.text)
    let status = try SystemCall.status(at: path)
    #expect(status.st_mode & 0o7777 == 0o640 && status.st_uid == SystemCall.user)
    let new = directory.file("new")
    try KeptHosts.put(block, into: new)
    #expect(try directory.read("new") == block.text)
    #expect(try SystemCall.status(at: new).st_mode & 0o7777 == 0o644)
    try KeptHosts.put(HostsBlock([], of: "o"), into: new)
    #expect(try directory.read("new") == "")
  }

  @Test("it is not written where nothing changes, and no other file beside it")
  func unchanged() throws {
    let path = directory.file("hosts")
    try directory.write("hosts.new", "mine")
    try KeptHosts.put(block, into: path)
    let before = try SystemCall.status(at: path)
    try KeptHosts.put(block, into: path)
    #expect(try SystemCall.status(at: path).st_ino == before.st_ino)
    try KeptHosts.put(HostsBlock(["fd87:: b"], of: "o"), into: path)
    #expect(try SystemCall.status(at: path).st_ino != before.st_ino)
    #expect(try directory.read("hosts.new") == "mine")
    #expect(try SystemCall.names(in: directory.path, limit: 9).sorted() == ["hosts", "hosts.new"])
  }

  @Test("a link, a directory, a pipe and marks without order are left alone, and so is what is too long")
  func refused() throws {
    let path = directory.file("hosts")
    try directory.write("target", "mine\n")
    #expect(symlink(directory.file("target"), path) == 0)
    #expect(throws: KeptHosts.Obstacle.link) { try KeptHosts.put(block, into: path) }
    #expect(try directory.read("target") == "mine\n")
    #expect(mkdir(directory.file("folder"), 0o700) == 0 && mkfifo(directory.file("pipe"), 0o600) == 0)
    for name in ["folder", "pipe"] {
      #expect(throws: KeptHosts.Obstacle.noFile) { try KeptHosts.put(block, into: directory.file(name)) }
    }
    try directory.write("broken", "# BEGIN oncilla o\n")
    #expect(throws: KeptHosts.Obstacle.block(.endMissing(line: 1, mark: "# END oncilla o"))) {
      try KeptHosts.put(block, into: directory.file("broken"))
    }
    #expect(throws: KeptHosts.Obstacle.self) { try KeptHosts.put(block, into: directory.file("no/where")) }
    #expect(try directory.read("broken") == "# BEGIN oncilla o\n")
  }
}
