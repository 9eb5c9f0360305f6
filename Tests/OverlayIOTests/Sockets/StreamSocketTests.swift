import Glibc
import OverlayCore
import Testing

@testable import OverlayIO

/// Streams to and from Tor.
struct StreamSocketTests {
  @Test("A UNIX stream is read as one of TCP is")
  func local() throws {
    var ends: [Int32] = [0, 0]
    try SystemCall.perform("socketpair") { socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0, &ends) }
    let far = FileDescriptor(owning: ends[0])
    let near = StreamSocket(owning: FileDescriptor(owning: ends[1]))
    let number = far.number
    let sent = try SystemCall.perform("send") { send(number, [1 as UInt8], 1, 0) }
    var byte: UInt8 = 0
    let read = withUnsafeMutableBytes(of: &byte) { near.read(into: $0) }
    #expect(sent == 1 && read == .bytes(1) && !near.isTCP)
  }

  @Test("of a UNIX stream little is taken that the other side has not read, once that is said")
  func unread() throws {
    var ends: [Int32] = [0, 0]
    try SystemCall.perform("socketpair") {
      socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue), 0, &ends)
    }
    let far = StreamSocket(owning: FileDescriptor(owning: ends[0]))
    let near = StreamSocket(owning: FileDescriptor(owning: ends[1]))
    let piece = [UInt8](repeating: 7, count: 1_000)
    func fill() -> Int {
      var taken = 0
      while case .bytes(let count) = near.write(piece[...]), count > 0 { taken += count }
      return taken
    }
    func empty() {
      var buffer = [UInt8](repeating: 0, count: 65_536)
      while case .bytes = buffer.withUnsafeMutableBytes({ far.read(into: $0) }) {}
    }
    let much = fill()
    empty()
    near.limitUnsent(to: 16_384)
    let some = fill()
    empty()
    near.limitUnsent(to: 1)
    let least = fill()
    #expect(much > 50_000 && (10_000...65_536).contains(some) && (1...8_192).contains(least))
    // What is read makes room.
    empty()
    #expect(fill() >= least)
  }
}
