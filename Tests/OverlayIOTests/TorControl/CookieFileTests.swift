import Glibc
import OverlayCore
import SystemProbes
import Testing

@testable import OverlayIO

@Suite("The cookie of Tor's control port")
struct CookieFileTests {
  private let scratch: TemporaryDirectory
  private var directory: String { scratch.path }

  init() throws { scratch = try TemporaryDirectory() }

  @Test("a file of 32 bytes is read, and nothing else", arguments: [0, 31, 32, 33, 4096])
  func size(_ count: Int) throws {
    let path = "\(directory)/cookie"
    let bytes = [UInt8](repeating: 7, count: count)
    try scratch.write("cookie", String(decoding: bytes, as: UTF8.self))
    if count == 32 {
      #expect(try CookieFile.read(path, isSystems: false) == bytes)
    } else {
      #expect(throws: CookieFile.Failure.form(path)) { try CookieFile.read(path, isSystems: false) }
    }
  }

  @Test("what is no plain file at an absolute path is refused, and a pipe is not waited for")
  func form() throws {
    #expect(mkfifo("\(directory)/pipe", 0o600) == 0)
    for path in ["\(directory)/pipe", directory, "cookie", "", "/dev/zero"] {
      #expect(throws: CookieFile.Failure.form(path)) { try CookieFile.read(path, isSystems: false) }
    }
  }

  @Test("one that cannot be opened says what helps")
  func advice() {
    let error = SystemError(call: "open /run/tor/control.authcookie", number: EACCES)
    #expect("\(CookieFile.Failure.system(error))".contains("usermod -aG debian-tor"))
    #expect(!"\(CookieFile.Failure.system(SystemError(call: "open /x", number: ENOENT)))".contains("usermod"))
  }
}
