import CLinux
import Glibc
import Testing

@testable import OverlayIO

@Suite("The list of system calls as a program of the kernel's")
struct SystemCallFilterTests {
  private static let architecture: UInt32 = 0xc000_003e

  /// What the kernel would make of a call: the few instructions that the generator uses, run one after the other.
  private func result(
    _ filter: SystemCallFilter, _ number: UInt32, _ arguments: [UInt64] = [], architecture: UInt32 = architecture
  ) throws -> UInt32 {
    var data = [number, architecture, 0, 0]
    for argument in arguments + Array(repeating: 0, count: 6 - arguments.count) {
      data += [UInt32(truncatingIfNeeded: argument), UInt32(argument >> 32)]
    }
    let program = filter.instructions
    var (place, value) = (0, UInt32(0))
    while true {
      let instruction = try #require(program.indices.contains(place) ? program[place] : nil)
      place += 1
      switch instruction.code {
      case 0x20:
        value = try #require(data.indices.contains(Int(instruction.k) / 4) ? data[Int(instruction.k) / 4] : nil)
      case 0x15: place += Int(value == instruction.k ? instruction.jt : instruction.jf)
      case 0x35: place += Int(value >= instruction.k ? instruction.jt : instruction.jf)
      case 0x45: place += Int(value & instruction.k != 0 ? instruction.jt : instruction.jf)
      case 0x54: value &= instruction.k
      case 0x06: return instruction.k
      default: Issue.record("an instruction of code \(instruction.code)")
      }
    }
  }

  private let filter = SystemCallFilter(
    rules: [
      .init(number: 1, verdict: .allowed), .init(number: 2, verdict: .fails(38)),
      .init(number: 3, verdict: .allowedIf(.oneOf(argument: 0, [1, 2, 10]))),
      .init(number: 4, verdict: .allowedIf(.all(argument: 1, bits: 0x10100))),
      .init(number: 5, verdict: .allowedIf(.none(argument: 2, bits: 4))),
      .init(
        number: 7,
        verdict: .allowedIf([
          [.oneOf(argument: 0, [1, 10]), .oneOf(argument: 1, [1], mask: 0xf), .none(argument: 2, bits: 6)],
          [.oneOf(argument: 0, [2]), .all(argument: 1, bits: 3)],
        ])),
    ], architecture: architecture)

  @Test("what is on the list is made, and everything else kills")
  func plain() throws {
    #expect(try result(filter, 1) == SystemCallFilter.allow)
    for number: UInt32 in [0, 6, 59, 1_000] { #expect(try result(filter, number) == SystemCallFilter.kill) }
    #expect(try result(filter, 2) == SystemCallFilter.fail | 38)
  }

  @Test("another architecture's numbers mean other calls, and kill, as those of x32 do")
  func architectures() throws {
    #expect(try result(filter, 1, architecture: 0x4000_0003) == SystemCallFilter.kill)
    #expect(try result(filter, 0x4000_0001) == SystemCallFilter.kill)
  }

  @Test("arguments are looked at")
  func arguments() throws {
    for value: UInt64 in [1, 2, 10] { #expect(try result(filter, 3, [value]) == SystemCallFilter.allow) }
    for value: UInt64 in [0, 3, 17] { #expect(try result(filter, 3, [value]) == SystemCallFilter.kill) }
    #expect(try result(filter, 4, [0, 0x1_0100]) == SystemCallFilter.allow)
    #expect(try result(filter, 4, [0, 0x1_0000]) == SystemCallFilter.kill)
    #expect(try result(filter, 5, [0, 0, 3]) == SystemCallFilter.allow)
    #expect(try result(filter, 5, [0, 0, 7]) == SystemCallFilter.kill)
  }

  @Test("of rows of conditions all of one row hold")
  func rows() throws {
    for values: [UInt64] in [[1, 0x801, 9], [10, 1, 0], [2, 3, 6], [2, 0xf, 0]] {
      #expect(try result(filter, 7, values) == SystemCallFilter.allow, "\(values)")
    }
    for values: [UInt64] in [[3, 1, 0], [1, 2, 0], [10, 0x802, 0], [1, 1, 2], [2, 1, 0], [0, 3, 0]] {
      #expect(try result(filter, 7, values) == SystemCallFilter.kill, "\(values)")
    }
  }

  private static let lists = ["pump": RoomCalls.pump, "torKeeper": RoomCalls.torKeeper]

  @Test("no call of a list is one that starts a program, traces, mounts or changes who one is", arguments: lists.keys)
  func list(_ name: String) throws {
    let calls = try #require(SystemCallFilterTests.lists[name])
    let filter = try #require(calls.filter)
    let architecture = filter.architecture
    for number in calls.plain.compactMap({ SystemCall.callNumber($0) }) {
      let found = try result(filter, number, architecture: architecture)
      #expect(found == SystemCallFilter.allow)
    }
    for number in ["execve", "setns", "prctl", "kill", "vfork", "chmod"].compactMap({ SystemCall.callNumber($0) }) {
      #expect(try result(filter, number, architecture: architecture) == SystemCallFilter.kill)
    }
    let socket = try #require(SystemCall.callNumber("socket"))
    let stream = UInt64(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue)
    let found = try result(filter, socket, [UInt64(AF_INET), stream], architecture: architecture)
    #expect(found == SystemCallFilter.allow)
    for family in [AF_PACKET, AF_NETLINK] {
      #expect(
        try result(filter, socket, [UInt64(family), stream], architecture: architecture) == SystemCallFilter.kill)
    }
    let isPump = name == "pump"
    for (family, type, protocolNumber, isAllowed) in [
      (AF_INET6, SOCK_STREAM, IPPROTO_TCP, true), (AF_INET, SOCK_STREAM, 262, false),
      (AF_INET, SOCK_STREAM, 132, false),
      (AF_INET, SOCK_DGRAM, 0, false), (AF_INET6, SOCK_DGRAM, 0, false), (AF_UNIX, SOCK_STREAM, 0, false),
      (AF_UNIX, SOCK_SEQPACKET, 0, false), (AF_UNIX, SOCK_DGRAM, 0, isPump),
    ] {
      let values = [UInt64(family), UInt64(type.rawValue) | stream & ~0xf, UInt64(protocolNumber)]
      let found = try result(filter, socket, values, architecture: architecture)
      #expect(found == (isAllowed ? SystemCallFilter.allow : SystemCallFilter.kill), "\(values)")
    }
    for (call, place) in [("sendto", 3), ("sendmsg", 2)] {
      let number = try #require(SystemCall.callNumber(call))
      for (flags, isAllowed) in [(UInt64(MSG_NOSIGNAL), true), (0x2000_0000, false)] {
        let values = Array(repeating: UInt64(0), count: place) + [flags]
        let found = try result(filter, number, values, architecture: architecture)
        #expect(found == (isAllowed ? SystemCallFilter.allow : SystemCallFilter.kill), "\(call) \(flags)")
      }
    }
    let clone = try #require(SystemCall.callNumber("clone"))
    #expect(try result(filter, clone, [UInt64(SIGCHLD)], architecture: architecture) == SystemCallFilter.kill)
    #expect(filter.instructions.count < 4_096, "the kernel takes no more (BPF_MAXINSNS)")
  }

  @Test("what neither the helper nor a hook needs fails, and all else is made")
  func helper() throws {
    let calls = RoomCalls.helper
    let filter = try #require(calls.filter)
    let architecture = filter.architecture
    let withheld = calls.conditional.compactMap { SystemCall.callNumber($0.name) }
    #expect(withheld.count > 20)
    for number in withheld {
      let found = try result(filter, number, architecture: architecture)
      #expect(found == SystemCallFilter.fail | UInt32(EPERM))
    }
    for name in ["execve", "setns", "clone", "socket", "fchown", "wait4", "kill"] {
      let number = try #require(SystemCall.callNumber(name))
      let found = try result(filter, number, architecture: architecture)
      #expect(found == SystemCallFilter.allow, "\(name)")
    }
    // The same call has another number there.
    #expect(try result(filter, 1, architecture: 0x4000_0003) == SystemCallFilter.kill)
    #expect(try result(filter, 0x4000_0001, architecture: architecture) == SystemCallFilter.kill)
  }

  @Test("who keeps a file waits for the disk himself")
  func synchronizing() throws {
    let number = try #require(SystemCall.callNumber("fsync"))
    for calls in SystemCallFilterTests.lists.values {
      let filter = try #require(calls.filter)
      #expect(try result(filter, number, architecture: filter.architecture) == SystemCallFilter.allow)
    }
  }

  @Test("every name of a list is one that some architecture has")
  func names() {
    #if arch(x86_64)
      for calls in Array(SystemCallFilterTests.lists.values) + [.helper] {
        for name in calls.plain + calls.conditional.map(\.name) {
          #expect(SystemCall.callNumber(name) != nil, "\(name)")
        }
        #expect(Set(calls.plain).count == calls.plain.count)
      }
    #endif
  }
}
