import Glibc
import OverlayCore
import SystemProbes
import Testing

@testable import OverlayIO

/// The control socket as a file.
@Suite("File of the control socket")
struct ControlSocketTests {
  let loop: EventLoop
  let directory: TemporaryDirectory
  let log = Log(level: .debug, sink: NoLines())

  init() throws {
    loop = try #require(EventLoop())
    directory = try TemporaryDirectory()
  }

  func open(_ name: String) throws -> ControlSocket {
    try ControlSocket(directory.file(name), on: loop, log: log) { _ in }
  }

  @Test("it is for its owner and the group, its directories are made, and at its end it is gone")
  func mode() throws {
    var socket: ControlSocket? = try open("run/two/s")
    let found = try #require(try SystemCall.look(at: directory.file("run/two/s")))
    #expect(socket != nil && found.st_mode & 0o777 == 0o660 && found.st_mode & S_IFMT == S_IFSOCK)
    #expect(try SystemCall.look(at: directory.file("run"))?.st_mode ?? 0 & 0o777 != 0)
    socket = nil
    #expect(try SystemCall.look(at: directory.file("run/two/s")) == nil)
  }

  @Test("what somebody puts in its place, before it has its mode, is left as it is", arguments: ["open", "chmod"])
  func replaced(call: String) throws {
    try directory.write("secret", "mine")
    let (path, secret) = (directory.file("s"), directory.file("secret"))
    #expect(chmod(secret, 0o600) == 0)
    for put in [{ symlink(secret, path) }, { link(secret, path) }] {
      // Whatever is done after the socket was made is done to what stands there now.
      var isPut = false
      let injection = FaultInjection(failing: 1, with: EIO) { next in
        guard next == "\(call) \(path)" else { return false }
        unlink(path)
        isPut = put() == 0
        return false
      }
      injection.run { _ = try? open("s") }
      #expect(isPut)
      #expect(try SystemCall.status(at: secret).st_mode & 0o777 == 0o600)
      unlink(path)
    }
  }

  @Test("one that a daemon left behind is replaced, and one that is in use or no socket is not")
  func occupied() throws {
    // What a daemon that was killed leaves behind.
    do {
      let dead = try SystemCall.socket(AF_UNIX, SOCK_STREAM)
      try SocketAddress.unix(directory.file("s")).withSocketAddress { pointer, size throws(SystemError) in
        try SystemCall.bind(dead.number, to: pointer, size)
      }
    }
    let socket = try open("s")
    let error = #expect(throws: ControlSocketError.self) { _ = try open("s") }
    #expect("\(error.map { "\($0)" } ?? "")".contains(directory.file("s")))
    #expect(try SystemCall.look(at: directory.file("s")) != nil, "the one in use stays")
    try directory.write("file", "mine")
    #expect(throws: ControlSocketError.self) { _ = try open("file") }
    #expect(try directory.read("file") == "mine")
    withExtendedLifetime(socket) {}
  }

  @Test("a socket that another made at the same path meanwhile is left alone")
  func successor() throws {
    var first: ControlSocket? = try open("s")
    try SystemCall.remove(directory.file("s"))
    let second = try open("s")
    #expect(first != nil)
    first = nil
    #expect(try SystemCall.look(at: directory.file("s")) != nil)
    withExtendedLifetime(second) {}
  }
}
