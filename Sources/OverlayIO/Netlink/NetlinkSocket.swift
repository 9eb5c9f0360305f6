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
    let socket = try SystemCall.socket(AF_NETLINK, SOCK_RAW, protocol: number, "open netlink socket")
    let address = sockaddr_nl(
      nl_family: sa_family_t(AF_NETLINK), nl_pad: 0, nl_pid: 0, nl_groups: UInt32(bitPattern: groups))
    let number = socket.number
    try SystemCall.lend(address) { pointer, size throws(SystemError) in
      try SystemCall.bind(number, to: pointer, size, "bind netlink socket")
    }
    // Lets a dump be filtered by the kernel. One older than Linux 4.20 lacks it and sends all, so it is no loss.
    try? SystemCall.setOption(NETLINK_GET_STRICT_CHK, of: number, at: SOL_NETLINK, to: 1)
    self.socket = socket
  }

  /// Takes over a socket that another process opened.
  init(owning socket: consuming FileDescriptor) { self.socket = socket }

  /// Sends a message without waiting for what comes of it.
  func send(_ message: NetlinkMessage, sequence: UInt32) throws(SystemError) {
    try SystemCall.send(socket.number, message.encoded(sequence: sequence), message.purpose)
  }

  /// Takes one datagram from the kernel; what another process sent is dropped.
  func receive(into buffer: UnsafeMutableRawBufferPointer) throws(SystemError) -> Receipt {
    while true {
      var sender = sockaddr_nl()
      let count: Int?
      do throws(SystemError) {
        count = try SystemCall.receive(socket.number, into: buffer, from: &sender)
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
