import CLinux
import Glibc

/// A socket to rtnetlink (rtnetlink(7)), or to another protocol of netlink, of the network namespace it was opened in.
struct NetlinkSocket: ~Copyable {
  /// What a receive brought.
  enum Receipt {
    /// A datagram of this many bytes stands at the buffer's start.
    case datagram(Int)
    /// None waits.
    case nothing
    /// The kernel dropped messages for want of room, or one was longer than the buffer.
    case overflow
  }

  private let socket: FileDescriptor
  private var sequence: UInt32 = 0

  /// The room for one datagram: the kernel fills none larger than 32 KiB.
  static let bufferSize = 32 << 10

  /// The number for the event loop.
  var descriptor: Int32 { socket.number }

  /// Opens a socket of this protocol that hears these groups (`RTMGRP_…`).
  init(protocol number: Int32 = NETLINK_ROUTE, groups: Int32 = 0) throws(SystemError) {
    let socket = try FileDescriptor("open netlink socket") {
      let type = SOCK_RAW.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue
      return Glibc.socket(AF_NETLINK, Int32(type), number)
    }
    var address = sockaddr_nl(
      nl_family: sa_family_t(AF_NETLINK), nl_pad: 0, nl_pid: 0, nl_groups: UInt32(bitPattern: groups))
    let number = socket.number
    try SystemCall.perform("bind netlink socket") {
      withUnsafePointer(to: &address) { pointer in
        pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
          bind(number, $0, socklen_t(MemoryLayout<sockaddr_nl>.size))
        }
      }
    }
    // Lets a dump be filtered by the kernel. One older than Linux 4.20 lacks it and sends all, so it is no loss.
    var strict: Int32 = 1
    _ = setsockopt(number, SOL_NETLINK, NETLINK_GET_STRICT_CHK, &strict, socklen_t(MemoryLayout<Int32>.size))
    self.socket = socket
  }

  /// Sends a message without waiting for what comes of it.
  func send(_ message: NetlinkMessage, sequence: UInt32) throws(SystemError) {
    let bytes = message.encoded(sequence: sequence)
    let number = socket.number
    try SystemCall.perform(message.purpose) { Glibc.send(number, bytes, bytes.count, 0) }
  }

  /// Takes one datagram from the kernel; what another process sent is dropped.
  func receive(into buffer: UnsafeMutableRawBufferPointer) throws(SystemError) -> Receipt {
    let number = socket.number
    while true {
      var sender = sockaddr_nl()
      var size = socklen_t(MemoryLayout<sockaddr_nl>.size)
      let count: Int?
      do throws(SystemError) {
        count = try SystemCall.attempt("receive from netlink") {
          withUnsafeMutablePointer(to: &sender) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
              recvfrom(number, buffer.baseAddress, buffer.count, Int32(MSG_TRUNC), $0, &size)
            }
          }
        }
      } catch {
        if error.number == ENOBUFS { return .overflow }
        throw error
      }
      guard let count else { return .nothing }
      guard sender.nl_pid == 0 else { continue }
      return count > buffer.count ? .overflow : .datagram(count)
    }
  }

  /// Drops what waits.
  func discardWaiting() throws(SystemError) {
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: NetlinkSocket.bufferSize, alignment: 8)
    defer { buffer.deallocate() }
    while true {
      if case .nothing = try receive(into: buffer) { return }
    }
  }

  /// Makes a request and gives each record of the answer to `body`. The kernel has answered when `send` returns, so
  /// that an answer that is missing is an error and never a wait.
  mutating func request(_ message: NetlinkMessage, _ body: (NetlinkRecord) -> Void = { _ in }) throws(SystemError) {
    sequence &+= 1
    try send(message, sequence: sequence)
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: NetlinkSocket.bufferSize, alignment: 8)
    defer { buffer.deallocate() }
    while true {
      guard case .datagram(let count) = try receive(into: buffer) else {
        throw SystemError(call: message.purpose, number: ENOBUFS)
      }
      for record in NetlinkRecords(in: UnsafeRawBufferPointer(rebasing: buffer[..<count]))
      where record.header.nlmsg_seq == sequence {
        if let number = record.acknowledgement {
          if number == 0 { return }
          throw SystemError(call: message.purpose, number: number)
        }
        if let number = record.dumpEnd {
          if number == 0 { return }
          throw SystemError(call: message.purpose, number: number)
        }
        body(record)
      }
    }
  }
}
