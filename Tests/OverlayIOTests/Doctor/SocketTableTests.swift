import Glibc
import OverlayCore
import Testing

@testable import OverlayIO

/// What the doctor reads of the kernel's lists of sockets.
@Suite("The kernel's lists of sockets")
struct SocketTableTests {
  static let head = "  sl  local_address remote_address st tx_queue rx_queue tr tm->when retrnsmt uid timeout inode\n"

  static func row(_ address: String, _ state: String, inode: Int = 7) -> String {
    let remote = String(repeating: "0", count: address.utf8.count - 5)
    return "   0: \(address) \(remote):0000 \(state) 00000000:00000000 00:00000000 00000000 0 0 \(inode) 1 0\n"
  }

  static let any = "00000000000000000000000000000000"
  static let overlay = "7ED887FD000043EB0000000001000000"

  func host(_ files: [String: String], _ more: String = "") throws -> ExaminedHost {
    try ExaminedHost(
      "onion = \(ExaminedHost.name)\n\(more)",
      Dictionary(uniqueKeysWithValues: files.map { ("/proc/thread-self/net/\($0.key)", Self.head + $0.value) }))
  }

  @Test("addresses are read in the order of their bytes, and sockets of other states are left out")
  func reading() throws {
    let host = try host([
      "tcp6": Self.row("\(Self.any):0016", "0A") + Self.row("\(Self.any):0017", "01")
        + Self.row("\(Self.overlay):1F90", "0A") + "nonsense\n",
      "tcp": Self.row("0100007F:1F7C", "0A"),
    ])
    let paths = host.examination.paths
    let found = SocketTable.entries("tcp6", .listening, in: paths) ?? []
    #expect(found.map(\.port) == [22, 8080] && found.map { "\($0.address)" } == ["::", "fd87:d87e:eb43::1"])
    let mapped = try #require(SocketTable.entries("tcp", .listening, in: paths)?.first)
    #expect(mapped.address.mappedAddress == .loopback && mapped.port == 8060 && mapped.inode == 7)
    #expect(SocketTable.entries("udp6", .unconnected, in: paths) == nil)
  }

  @Test("what listens where peers reach it is told by its port")
  func firewall() throws {
    let closed = try host(["tcp6": Self.row("00000000000000000000000001000000:0019", "0A"), "udp6": ""])
    #expect(closed.line(.firewall) == "ok firewall: nothing listens where peers could reach it")
    let files = [
      "tcp6": Self.row("\(Self.any):0050", "0A") + Self.row("\(Self.overlay):0016", "0A"),
      "udp6": Self.row("\(Self.any):14E9", "07"),
    ]
    #expect(
      try host(files).line(.firewall) == "ok firewall: the door is closed to strangers for tcp 22, 80; udp 5353")
    #expect(try host(files, "allow-in = any").line(.firewall).contains("reaches tcp 22, 80; udp 5353 by"))
    let some = try host(files, "allow-in = tcp/22\nallow-in = udp/5353 from \(ExaminedHost.other)")
    #expect(some.line(.firewall).contains("reaches tcp 22 by"))
    #expect(try ExaminedHost().line(.firewall) == "skip firewall: the kernel does not list its sockets")
  }

  @Test("another program at the daemon's listener is told")
  func listener() throws {
    let table = ["tcp": Self.row("0100007F:1F7C", "0A", inode: 99)]
    #expect(try host(table).line(.secondDaemon).hasPrefix("skip second daemon: only root can tell"))
    for (program, word) in [("nginx", "wrong second daemon: nginx (process 41)"), ("oncilla", "wrong ")] {
      let host = try host(table)
      try host.put("/proc/41/comm", program + "\n")
      try host.put("/proc/41/fd/")
      try SystemCall.perform("symlink") { symlink("socket:[99]", host.directory.file("proc/41/fd/3")) }
      #expect(host.line(.secondDaemon).hasPrefix(word))
    }
    #expect(try host(["tcp": Self.row("0100007F:1F7D", "0A")]).line(.secondDaemon).hasPrefix("ok "))
  }

  @Test("two daemons of one name are told")
  func twins() throws {
    let claim = "oncilla/"
    let name = try OnionName(ExaminedHost.name)
    #expect(IdentityClaim.text(of: name).hasPrefix(claim))
    let unix = "Num RefCount Protocol Flags Type St Inode Path\n"
    let line = "0000: 00000002 00000000 00000000 0002 01 55 @\(IdentityClaim.text(of: name))\n"
    for (other, word) in [("41", "ok "), ("42", "wrong ")] {
      let host = try host(["tcp": Self.row("0100007F:1F7C", "0A", inode: 99)])
      try host.put("/proc/thread-self/net/unix", unix + line)
      for process in ["41", "42"] {
        try host.put("/proc/\(process)/comm", "oncilla\n")
        try host.put("/proc/\(process)/fd/")
      }
      try SystemCall.perform("symlink") { symlink("socket:[55]", host.directory.file("proc/41/fd/3")) }
      try SystemCall.perform("symlink") { symlink("socket:[99]", host.directory.file("proc/\(other)/fd/4")) }
      #expect(host.line(.secondDaemon).hasPrefix(word), "\(host.line(.secondDaemon))")
    }
  }
}
