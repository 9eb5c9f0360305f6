import Glibc
import OverlayCore
import SystemProbes
import Testing

@testable import OverlayIO

/// Each system call of what is opened fails once: the error names the call and the reason, and nothing stays open.
@Suite("A system call that fails", .hangLimit)
struct FaultTests {
  private let directory: TemporaryDirectory
  private let log = Log(level: .debug, sink: NoLines())

  init() throws {
    directory = try TemporaryDirectory()
  }

  @Test("is told of by a listener, but for an option that it can do without")
  func listener() throws {
    let log = log
    let outcomes = try outcomesOfFaults(EIO) {
      let loop = try #require(EventLoop())
      _ = try Listener(.ipv4(IPv4Address(value: 0x7f00_0001), port: 0), on: loop, log: log) { _ in }
    }
    #expect(
      outcomes == [
        refused("socket"), dispensable("setsockopt"), refused("listen at 127.0.0.1:0"),
        refused("listen at 127.0.0.1:0"), refused("timerfd_create"), dispensable("epoll_ctl"), dispensable("epoll_ctl"),
      ])
  }

  @Test("is told of by who reads a file")
  func reading() throws {
    try directory.write("file", "text")
    let path = directory.file("file")
    let outcomes = try outcomesOfFaults(EIO) { _ = try readFile(path) }
    #expect(outcomes == [refused("open \(path)"), refused("read \(path)"), refused("read \(path)")])
  }

  @Test("is made again where a signal interrupted it")
  func interrupted() throws {
    try directory.write("file", "text")
    let path = directory.file("file")
    var bytes: [UInt8] = []
    let outcomes = try outcomesOfFaults(EINTR, holds: { bytes == Array("text".utf8) }) { bytes = try readFile(path) }
    #expect(outcomes == [dispensable("open \(path)"), dispensable("read \(path)"), dispensable("read \(path)")])
  }

  @Test("is a value and no error where it would have to wait")
  func waiting() throws {
    let outcomes = try outcomesOfFaults(EAGAIN) {
      let counter = try SystemCall.counter()
      try SystemCall.increment(counter.number)
      _ = try SystemCall.takeCount(of: counter.number)
    }
    #expect(outcomes.suffix(2) == [dispensable("write eventfd"), dispensable("read a counter")])
  }

  @Test("is told of by who watches a file")
  func watching() throws {
    let (directory, path, log) = (directory.path, directory.file("file"), log)
    let outcomes = try outcomesOfFaults(EIO) {
      let loop = try #require(EventLoop())
      _ = try FileChanges(of: path, on: loop, log: log) {}
    }
    let calls = ["inotify_init1", "inotify_add_watch \(directory)", "inotify_add_watch \(path)", "timerfd_create"]
    // What the loop cannot wait for at first it waits for later.
    #expect(outcomes == calls.map(refused) + [dispensable("epoll_ctl"), dispensable("epoll_ctl")])
  }

  @Test("leaves what was kept, or what is new, in the state directory, and nothing else")
  func keeping() throws {
    let (directory, path) = (directory, directory.file("state"))
    try KeptFile("leases", in: path).replace(with: Array("old".utf8))
    let isWhole = {
      access(path + "/leases.new", F_OK) != 0 && ["old", "new"].contains(try? directory.read("state/leases"))
    }
    let outcomes = try outcomesOfFaults(EIO, holds: isWhole) {
      try KeptFile("leases", in: path).replace(with: Array("new".utf8))
    }
    let draft = path + "/leases.new"
    #expect(
      outcomes == [
        refused("mkdir \(path)"), refused("open \(path)"), dispensable("unlink \(draft)"), refused("open \(draft)"),
        refused("fstat"), dispensable("fstat"), refused("write \(draft)"), refused("fsync \(draft)"),
        refused("rename \(draft)"), refused("fsync \(path)"),
      ])
  }

  @Test("is told of by netlink, but for an option that it can do without")
  func netlink() throws {
    let outcomes = try outcomesOfFaults(EIO) {
      var socket = try NetlinkSocket()
      try socket.request(LinkRequest.query(index: LinkRecord.loopbackIndex))
    }
    #expect(
      outcomes == [
        refused("open netlink socket"), refused("bind netlink socket"), dispensable("setsockopt"),
        refused("look for the interface"), refused("receive from netlink"), refused("receive from netlink"),
      ])
  }

  @Test("is told of by who claims an identity and who looks for Tor")
  func sockets() throws {
    let name = try OnionName("2gzyxa5ihm7nsggfxnu52rck2vv4rvmdlkiu3zzui5du4xyclen53wid")
    let claims = try outcomesOfFaults(EIO) { _ = try IdentityClaim(name) }
    #expect(claims == [refused("socket"), refused("claim an identity")])
    let outcomes = try outcomesOfFaults(EIO) {
      let loop = try #require(EventLoop())
      _ = try TorProbe(.ipv4(IPv4Address(value: 0x7f00_0001), port: 9), on: loop) { _ in }
    }
    #expect(outcomes.contains(refused("socket")) && outcomes.contains(refused("connect to 127.0.0.1:9")))
  }

  @Test("loses a line of the log, which the log counts, and nothing else")
  func logging() throws {
    let path = directory.file("log")
    var lost = 0
    let outcomes = try outcomesOfFaults(EIO) {
      let log = try Log(level: .debug, target: .file(path))
      log.notice("a line")
      lost += log.lost
    }
    #expect(lost == 1)
    #expect(outcomes.first == refused("open \(path)"))
    #expect(outcomes.last == dispensable("write"))
  }
}
