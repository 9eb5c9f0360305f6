import Glibc

/// Datagrams, which come from somebody and are answered there.
extension SystemCall {
  /// Who sent a datagram, as the kernel tells it.
  struct Sender {
    fileprivate var address = sockaddr_storage()
    fileprivate var size = socklen_t(MemoryLayout<sockaddr_storage>.size)
  }

  /// Takes a datagram, and who sent it; how many bytes it has, which can be more than `buffer` has room for, `nil`
  /// where none waits.
  static func receive(
    _ socket: Int32, into buffer: UnsafeMutableRawBufferPointer, from sender: inout Sender
  ) throws(SystemError) -> Int? {
    sender = Sender()
    return try attempt("receive") {
      withUnsafeMutablePointer(to: &sender.address) { pointer in
        pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
          Glibc.recvfrom(socket, buffer.baseAddress, buffer.count, Int32(MSG_TRUNC), $0, &sender.size)
        }
      }
    }
  }

  /// Sends a datagram to who sent one; whether it was taken, which it is not where too many wait.
  static func send(_ socket: Int32, _ bytes: [UInt8], to sender: Sender) throws(SystemError) -> Bool {
    var sender = sender
    let size = sender.size
    return try attempt("send") {
      withUnsafePointer(to: &sender.address) { pointer in
        pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
          Glibc.sendto(socket, bytes, bytes.count, Int32(MSG_NOSIGNAL), $0, size)
        }
      }
    } != nil
  }
}
