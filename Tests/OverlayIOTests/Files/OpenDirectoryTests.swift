import Glibc
import SystemProbes
import Testing

@testable import OverlayIO

@Suite("An open directory")
struct OpenDirectoryTests {
  private let directory: TemporaryDirectory

  init() throws {
    directory = try TemporaryDirectory()
  }

  @Test("is the same one, though its path leads elsewhere meanwhile")
  func moved() throws {
    let (path, moved, trap) = (directory.file("state"), directory.file("moved"), directory.file("trap"))
    #expect(mkdir(path, 0o700) == 0 && mkdir(trap, 0o700) == 0)
    let state = try OpenDirectory(path)
    #expect(rename(path, moved) == 0 && symlink(trap, path) == 0)
    try state.replace("leases", with: "text")
    #expect(try directory.read("moved/leases") == "text")
    #expect(try state.read("leases", limit: 4) == Array("text".utf8))
    #expect(access(trap + "/leases", F_OK) != 0)
  }

  @Test("a file that is replaced keeps its mode where that is wanted, and is another; what is not there has none")
  func asBefore() throws {
    try directory.write("torrc", "old")
    let path = directory.file("torrc")
    try setMode(0o640, of: path)
    let before = try SystemCall.status(at: path)
    try OpenDirectory(directory.path).replace("torrc", with: "new", for: .asBefore)
    let after = try SystemCall.status(at: path)
    #expect(try directory.read("torrc") == "new")
    #expect((after.st_mode, after.st_uid, after.st_gid) == (before.st_mode, before.st_uid, before.st_gid))
    #expect(after.st_ino != before.st_ino)
    #expect(throws: SystemError.self) { try OpenDirectory(directory.path).replace("gone", with: "", for: .asBefore) }
    #expect(access(directory.file("gone.new"), F_OK) != 0)
  }

  @Test("is no file, and its files are bounded")
  func refused() throws {
    try directory.write("file", "text")
    let path = directory.file("file")
    #expect(throws: SystemError(call: "open \(path)", number: ENOTDIR)) { _ = try OpenDirectory(path) }
    let error = #expect(throws: SystemError.self) { try OpenDirectory(directory.path).read("file", limit: 3) }
    #expect(error?.number == EFBIG)
  }
}
