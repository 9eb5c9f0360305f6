import Glibc
import OverlayCore
import Testing

@testable import OverlayIO

/// Streams to and from Tor.
struct StreamSocketTests {
  /// A TCP connection over loopback: the end that sends, plain, and the one under test.
  private struct Connection: ~Copyable {
    let sender: FileDescriptor
    let receiver: StreamSocket

    init() throws {
      let type = Int32(SOCK_STREAM.rawValue)
      let listener = try FileDescriptor("socket") { socket(AF_INET, type, 0) }
      let sender = try FileDescriptor("socket") { socket(AF_INET, type, 0) }
      var name = sockaddr_in()
      name.sin_family = sa_family_t(AF_INET)
      name.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
      var size = socklen_t(MemoryLayout<sockaddr_in>.size)
      let (listening, sending) = (listener.number, sender.number)
      let accepted = try withUnsafeMutablePointer(to: &name) { name in
        try name.withMemoryRebound(to: sockaddr.self, capacity: 1) { name in
          try SystemCall.perform("bind") { bind(listening, name, size) }
          try SystemCall.perform("listen") { listen(listening, 1) }
          try SystemCall.perform("getsockname") { getsockname(listening, name, &size) }
          try SystemCall.perform("connect") { connect(sending, name, size) }
          return try SystemCall.perform("accept") { accept(listening, nil, nil) }
        }
      }
      receiver = StreamSocket(owning: accepted)
      self.sender = sender
    }

    /// Sends a packet, and reads it at the other end.
    func move(_ count: Int) throws {
      let packet = [UInt8](repeating: 0x60, count: count)
      let number = sender.number
      let sent = try SystemCall.perform("send") { send(number, packet, count, 0) }
      #expect(sent == count)
      let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: count, alignment: 1)
      defer { buffer.deallocate() }
      // The descriptor waits, other than a daemon's: a packet that is held back comes late, not never.
      let read = receiver.read(into: buffer)
      #expect(read == .bytes(count))
    }

    /// How many segments the sender has sent that are not acknowledged.
    var unacknowledged: UInt32 {
      var info = tcp_info()
      var size = socklen_t(MemoryLayout<tcp_info>.size)
      getsockopt(sender.number, Int32(IPPROTO_TCP), TCP_INFO, &info, &size)
      return info.tcpi_unacked
    }
  }

  @Test("What a connection brings first is not acknowledged before it is handed over either")
  func beginning() throws {
    // As below.
    let isSeenWaiting = try (0..<50).contains { _ in
      let connection = try Connection()
      try connection.move(104)
      return connection.unacknowledged == 1
    }
    #expect(isSeenWaiting)
  }

  @Test("What is read is acknowledged when it was delivered, and not before it is handed over")
  func acknowledgement() throws {
    let connection = try Connection()
    // The kernel waits 40 ms for somebody to acknowledge; a test that did not get a processor meanwhile begins again, by
    // a read that is long.
    let isSeenWaitingEachTime = try (0..<50).contains { _ in
      try connection.move(3_000)
      connection.receiver.acknowledge(3_000)
      return try (0..<5).allSatisfy { _ in
        try connection.move(104)
        let waiting = connection.unacknowledged
        connection.receiver.acknowledge(104)
        return waiting == 1 && connection.unacknowledged == 0
      }
    }
    #expect(isSeenWaitingEachTime)
  }

  @Test("A sender that holds small writes back until it is told need not wait for the kernel's patience")
  func patience() throws {
    let connection = try Connection()
    let loop = try #require(EventLoop())
    let start = loop.now
    for _ in 0..<50 {
      for count in [104, 3_000, 3_000] {
        try connection.move(count)
        connection.receiver.acknowledge(count)
      }
    }
    // Each time the third would wait for 40 ms.
    #expect(loop.now - start < .seconds(1))
  }

  @Test("A UNIX stream has nothing to acknowledge")
  func local() throws {
    var ends: [Int32] = [0, 0]
    try SystemCall.perform("socketpair") { socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0, &ends) }
    let far = FileDescriptor(owning: ends[0])
    let near = StreamSocket(owning: ends[1])
    near.acknowledge(1)
    let number = far.number
    let sent = try SystemCall.perform("send") { send(number, [1 as UInt8], 1, 0) }
    var byte: UInt8 = 0
    let read = withUnsafeMutableBytes(of: &byte) { near.read(into: $0) }
    #expect(sent == 1 && read == .bytes(1))
  }
}
