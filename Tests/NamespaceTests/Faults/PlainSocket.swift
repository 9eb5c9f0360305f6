import CLinux
import Glibc
import OverlayCore

@testable import OverlayIO

/// A socket of a test's own, whose calls no fault reaches and which never waits.
final class PlainSocket {
  let number: Int32
  private(set) var hasEnded = false

  init(owning number: Int32) { self.number = number }

  /// A socket of this family and type, bound to `address` if there is one; `nil` where that does not work.
  init?(_ address: SocketAddress, _ type: __socket_type, isBound: Bool) {
    let (family, flags) = (address.family, Int32(type.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue))
    number = socket(family, flags, 0)
    var one: Int32 = 1
    setsockopt(number, SOL_SOCKET, SO_REUSEADDR, &one, socklen_t(MemoryLayout<Int32>.size))
    let result = address.withSocketAddress { pointer, size in
      isBound ? bind(number, pointer, size) : connect(number, pointer, size)
    }
    guard number >= 0, result == 0 || errno == EINPROGRESS else { return nil }
    if isBound, type == SOCK_STREAM, listen(number, 16) != 0 { return nil }
  }

  /// A datagram socket that is connected to the UNIX socket of this name; `nil` where there is none.
  init?(toUNIXName name: [UInt8]) {
    number = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
    guard SystemCall.lend(unixName: name, { Glibc.connect(number, $0, $1) }) == 0 else { return nil }
  }

  deinit { Glibc.close(number) }

  func accept() -> PlainSocket? {
    let connection = oncilla_accept(number)
    return connection >= 0 ? PlainSocket(owning: connection) : nil
  }

  /// What has come; nothing is `[]`, and so is the end, which `hasEnded` tells.
  func read() -> [UInt8] {
    var buffer = [UInt8](repeating: 0, count: 1 << 16)
    let count = recv(number, &buffer, buffer.count, Int32(MSG_DONTWAIT))
    if count == 0 || count < 0 && errno != EAGAIN && errno != EINTR { hasEnded = true }
    return Array(buffer.prefix(max(0, count)))
  }

  /// Whether all was taken.
  @discardableResult
  func write(_ bytes: [UInt8]) -> Bool {
    let count = Glibc.send(number, bytes, bytes.count, Int32(MSG_DONTWAIT) | Int32(MSG_NOSIGNAL))
    if count != bytes.count { hasEnded = true }
    return count == bytes.count
  }

  /// Lets it count as ended.
  func end() { hasEnded = true }

  /// Sends a datagram; whether it was taken.
  @discardableResult
  func send(_ bytes: [UInt8], to address: SocketAddress) -> Bool {
    address.withSocketAddress { pointer, size in
      sendto(number, bytes, bytes.count, Int32(MSG_DONTWAIT), pointer, size) == bytes.count
    }
  }

  /// The datagram that came first, and who sent it.
  func datagram() -> [UInt8]? {
    var buffer = [UInt8](repeating: 0, count: 1 << 16)
    let count = recv(number, &buffer, buffer.count, Int32(MSG_DONTWAIT))
    return count >= 0 ? Array(buffer.prefix(count)) : nil
  }
}
