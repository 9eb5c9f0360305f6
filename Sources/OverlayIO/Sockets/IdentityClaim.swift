import Glibc
import OverlayCore

/// An identity claim tells every daemon of this host that one runs with an identity. It is a socket whose name in the
/// kernel's abstract namespace (unix(7)) only one process can have. It reaches as far as the loopback addresses that
/// Tor listens at, ends with the process, and does not tell the onion name to those who list sockets.
final class IdentityClaim {
  private let socket: FileDescriptor

  /// Makes the claim to this name. It throws EADDRINUSE if another process has it.
  init(_ name: OnionName) throws(SystemError) {
    let path = [0] + Array(IdentityClaim.text(of: name).utf8)
    socket = try SystemCall.socket(AF_UNIX, SOCK_DGRAM)
    try SystemCall.lend(unixName: path) { address, size throws(SystemError) in
      try SystemCall.bind(socket.number, to: address, size, "claim an identity")
    }
  }

  /// The socket's name, without the zero at its beginning.
  static func text(of name: OnionName) -> String {
    let digits = Array("0123456789abcdef".utf8)
    let fingerprint = name.fingerprint.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 0xf)]] }
    return "oncilla/" + String(decoding: fingerprint, as: UTF8.self)
  }
}
