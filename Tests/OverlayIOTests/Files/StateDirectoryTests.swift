import Glibc
import OverlayCore
import SystemProbes
import Testing

@testable import OverlayIO

@Suite("The state directory")
struct StateDirectoryTests {
  private let directory: TemporaryDirectory
  private let sink = Lines()
  private let path: String

  private final class Lines: LogSink {
    var lines: [String] = []

    func write(_ level: LogLevel, _ line: String) -> Bool {
      lines.append("\(level.name): \(line)")
      return true
    }

    func reopen() throws(SystemError) {}
  }

  init() throws {
    directory = try TemporaryDirectory()
    path = directory.file("state")
  }

  private func state() -> StateDirectory { StateDirectory(path, log: Log(level: .debug, sink: sink)) }

  private func mode(_ path: String) -> mode_t {
    var status = stat()
    return stat(path, &status) == 0 ? status.st_mode & 0o7777 : 0
  }

  @Test("nothing is made before there is something to keep")
  func untouched() {
    #expect(state().leases() == "")
    #expect(access(path, F_OK) != 0)
    #expect(sink.lines == [])
  }

  @Test("a MAC address is made once, for the owner's eyes, and kept")
  func macAddress() throws {
    let address = state().macAddress()
    #expect(!address.isGroup && address.isLocal)
    #expect(state().macAddress() == address)
    #expect(try directory.read("state/mac") == "\(address)\n")
    #expect(mode(path) == 0o700)
    #expect(mode(path + "/mac") == 0o600)
    #expect(sink.lines == [])
  }

  @Test("one that an operator wrote is taken", arguments: ["02:00:5e:10:00:01", " 00:00:5E:10:00:01\n"])
  func written(text: String) throws {
    #expect(mkdir(path, 0o755) == 0)
    try directory.write("state/mac", text)
    #expect(state().macAddress().value & 0xffff_ffff == 0x5e10_0001)
    #expect(try directory.read("state/mac") == text)
  }

  @Test(
    "one that is none is told and made anew",
    arguments: ["", "02:00:5e:10:00", "01:00:5e:10:00:01", "00:00:00:00:00:00", "\u{0}"])
  func damaged(text: String) throws {
    #expect(mkdir(path, 0o755) == 0)
    try directory.write("state/mac", text)
    let address = state().macAddress()
    #expect(sink.lines == ["warning: \(path)/mac does not hold one host's MAC address: a new one is made"])
    #expect(try directory.read("state/mac") == "\(address)\n")
    #expect(mode(path + "/mac") == 0o600)
  }

  @Test("a file that cannot be read is told, and the daemon goes on")
  func unreadable() throws {
    #expect(mkdir(path, 0o700) == 0)
    #expect(mkdir(path + "/mac", 0o700) == 0)
    let address = state().macAddress()
    #expect(!address.isGroup && address.isLocal)
    #expect(sink.lines.map { String($0.prefix(8)) } == ["warning:", "warning:"])
  }

  @Test("a directory that cannot be written is told, and the daemon goes on")
  func unwritable() throws {
    try directory.write("state", "a file")
    _ = state().macAddress()
    #expect(sink.lines.filter { $0.contains("/mac cannot be written") }.count == 1)
  }

  @Test("names that are not to be remembered are removed, and where there are none nothing is done or said")
  func namesRemoved() throws {
    StateDirectory(nil, log: Log(level: .debug, sink: sink)).removeNames()
    state().removeNames()
    #expect(access(path, F_OK) != 0)
    #expect(mkdir(path, 0o700) == 0)
    let calls = FaultInjection.run(failing: 0, with: 0) { state().removeNames() }
    #expect(!calls.contains { $0.hasPrefix("unlink") }, "a file system that cannot be written to would refuse it")
    // To open the directory changes nothing, so it never fails for that.
    for ordinal in 1...calls.count where calls[ordinal - 1] != "open \(path)" {
      _ = FaultInjection.run(failing: ordinal, with: EROFS) { state().removeNames() }
    }
    #expect(sink.lines == [])
    for leftover in [false, true] {
      try directory.write("state/names", "")
      if leftover { try directory.write("state/names.new", "") }
      state().removeNames()
      #expect(access(path + "/names", F_OK) != 0 && access(path + "/names.new", F_OK) != 0)
      #expect(sink.lines == ["notice: \(path)/names is removed: names are not remembered"])
      sink.lines = []
    }
    // What stays is told: it is a list of acquaintances.
    try directory.write("state/names", "")
    let more = FaultInjection.run(failing: 0, with: 0) { state().removeNames() }
    try directory.write("state/names", "")
    let ordinal = try #require(more.firstIndex { $0.hasPrefix("unlink") }) + 1
    sink.lines = []
    _ = FaultInjection.run(failing: ordinal, with: EROFS) { state().removeNames() }
    #expect(sink.lines.count == 1 && sink.lines[0].hasPrefix("warning: the names that were remembered cannot be"))
  }

  @Test("a file is replaced as a whole, whatever a crash left of it")
  func replaced() throws {
    try KeptFile("leases", in: path).replace(with: Array("a long first version".utf8))
    #expect(symlink(directory.file("elsewhere"), path + "/leases.new") == 0)
    try KeptFile("leases", in: path).replace(with: Array("second".utf8))
    #expect(try directory.read("state/leases") == "second")
    #expect(state().leases() == "second")
    #expect(mode(path + "/leases") == 0o600)
    #expect(access(directory.file("elsewhere"), F_OK) != 0)
    #expect(access(path + "/leases.new", F_OK) != 0)
    #expect(sink.lines == [])
  }
}
