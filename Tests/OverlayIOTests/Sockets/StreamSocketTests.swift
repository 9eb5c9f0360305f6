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
}
