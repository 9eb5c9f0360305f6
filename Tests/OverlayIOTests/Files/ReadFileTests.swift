import Glibc
import SystemProbes
import Testing

@testable import OverlayCore
@testable import OverlayIO

@Suite("Reading files")
struct ReadFileTests {
  let directory: TemporaryDirectory

  init() throws { directory = try TemporaryDirectory() }

  @Test("a file is read up to the limit and refused beyond it", arguments: [0, 1, 16_383, 16_384, 16_385, 50_000])
  func limit(size: Int) throws {
    let text = String(repeating: "x", count: size)
    try directory.write("file", text)
    #expect(try readFile(directory.file("file")) == Array(text.utf8))
    #expect(try readFile(directory.file("file"), limit: size).count == size)
    guard size > 0 else { return }
    let accepted = size == 16_385 ? "16 KiB" : "\(size - 1) bytes"
    let call = "read \(directory.file("file")), of which at most \(accepted) are accepted"
    #expect(throws: SystemError(call: call, number: EFBIG)) { try readFile(directory.file("file"), limit: size - 1) }
  }

  @Test("what does not end is refused")
  func endless() {
    #expect(throws: SystemError(call: "read /dev/zero, of which at most 1 MiB are accepted", number: EFBIG)) {
      try readFile("/dev/zero")
    }
  }

  @Test("what is not there and what is a directory are errors that name it")
  func errors() {
    #expect(throws: SystemError(call: "open /nowhere/file", number: ENOENT)) { try readFile("/nowhere/file") }
    #expect(throws: SystemError(call: "read /tmp", number: EISDIR)) { try readFile("/tmp") }
  }

  @Test("a named pipe is not waited for")
  func namedPipe() throws {
    mkfifo(directory.file("pipe"), 0o600)
    #expect(try readFile(directory.file("pipe")).isEmpty)
  }

  @Test(
    "Tor's hostname file gives its name",
    arguments: [
      "7fd22jhmqgfl45j6.onion\n", "7fd22jhmqgfl45j6.onion", "\n 7FD22JHMQGFL45J6 \r\n\n",
      "http://7fd22jhmqgfl45j6.onion/\n",
    ])
  func hostname(text: String) throws {
    try directory.write("hostname", text)
    #expect(try HostnameFile.read(directory.file("hostname")).label == "7fd22jhmqgfl45j6")
  }

  @Test(
    "a hostname file that gives no name says why",
    arguments: [
      ("", " is empty", true), (" \n\r\n", " is empty", true),
      (
        "7fd22jhmqgfl45j6.onion\nwq52ql3uxgcxqjon.onion\n",
        " holds more than one line; one onion name is accepted, as Tor writes it", false
      ),
      (
        "example.com\n",
        " does not hold a name that is accepted: it has another dot than that of .onion: "
          + "the name is accepted without subdomains",
        false
      ),
    ])
  func badHostname(text: String, problem: String, mayResolve: Bool) throws {
    try directory.write("hostname", text)
    let error = try #require(throws: HostnameFileError.self) { try HostnameFile.read(directory.file("hostname")) }
    #expect(error.description == directory.file("hostname") + problem)
    #expect(error.mayResolve == mayResolve)
  }

  @Test("a hostname file that is not there may come; a directory never becomes one")
  func unreadable() throws {
    let missing = try #require(throws: HostnameFileError.self) { try HostnameFile.read("/nowhere/hostname") }
    #expect(missing.description == "/nowhere/hostname does not exist")
    #expect(missing.mayResolve)
    let wrong = try #require(throws: HostnameFileError.self) { try HostnameFile.read("/tmp") }
    #expect(wrong.description == "read /tmp: Is a directory")
    #expect(!wrong.mayResolve)
  }
}
