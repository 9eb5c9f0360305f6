import CLinux
import Glibc

/// Sockets. All are made so that they never wait and no child process inherits them.
extension SystemCall {
  /// A socket of this family and type (`SOCK_…`).
  static func socket(
    _ family: Int32, _ type: __socket_type, protocol number: Int32 = 0, _ act: @autoclosure () -> String = "socket"
  ) throws(SystemError) -> FileDescriptor {
    let flags = SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue
    return try FileDescriptor(act()) { Glibc.socket(family, Int32(type.rawValue | flags), number) }
  }

  /// Gives the socket this address.
  static func bind(
    _ socket: Int32, to address: UnsafePointer<sockaddr>, _ size: socklen_t, _ act: @autoclosure () -> String = "bind"
  ) throws(SystemError) {
    try perform(act()) { Glibc.bind(socket, address, size) }
  }

  /// Lets the socket send by this interface, and hear from it, alone. Only who has CAP_NET_RAW can take that back.
  static func bind(_ socket: Int32, toInterface name: String) throws(SystemError) {
    try perform("setsockopt SO_BINDTODEVICE") {
      Glibc.setsockopt(socket, SOL_SOCKET, SO_BINDTODEVICE, name, socklen_t(name.utf8.count))
    }
  }

  /// Lets the socket take connections, as many as the system lets wait.
  static func listen(_ socket: Int32, _ act: @autoclosure () -> String = "listen") throws(SystemError) {
    try perform(act()) { Glibc.listen(socket, SOMAXCONN) }
  }

  /// Tells the other side of a connection that nothing more comes.
  static func endWriting(_ socket: Int32) {
    // Fails where the other side was faster.
    _ = Glibc.shutdown(socket, Int32(SHUT_WR))
  }

  /// Takes a connection; `nil` where none waits.
  static func accept(_ listener: Int32) throws(SystemError) -> FileDescriptor? {
    guard let number = try attempt("accept", { oncilla_accept(listener) }) else { return nil }
    return FileDescriptor(owning: number)
  }

  /// Begins to connect; whether the connection stands already.
  static func connect(
    _ socket: Int32, to address: UnsafePointer<sockaddr>, _ size: socklen_t,
    _ act: @autoclosure () -> String = "connect"
  ) throws(SystemError) -> Bool {
    do throws(SystemError) {
      try perform(act()) { Glibc.connect(socket, address, size) }
      return true
    } catch  where error.number == EINPROGRESS {
      return false
    }
  }

  /// Sets an option that is a number.
  static func setOption(_ option: Int32, of socket: Int32, at level: Int32, to value: Int32) throws(SystemError) {
    var value = value
    try perform("setsockopt") {
      Glibc.setsockopt(socket, level, option, &value, socklen_t(MemoryLayout<Int32>.size))
    }
  }

  /// The value of an option that is a number.
  static func option(_ option: Int32, of socket: Int32, at level: Int32) throws(SystemError) -> Int32 {
    var (value, size) = (Int32(0), socklen_t(MemoryLayout<Int32>.size))
    try perform("getsockopt") { Glibc.getsockopt(socket, level, option, &value, &size) }
    return value
  }

  /// Sends a message whole.
  static func send(_ socket: Int32, _ bytes: [UInt8], _ act: @autoclosure () -> String = "send") throws(SystemError) {
    try perform(act()) { Glibc.send(socket, bytes, bytes.count, 0) }
  }

  /// Sends a message whole to the UNIX socket of this name; whether it was taken, which it is not where too many wait
  /// there.
  static func send(
    _ socket: Int32, _ bytes: [UInt8], to name: [UInt8], _ act: @autoclosure () -> String = "send"
  ) throws(SystemError) -> Bool {
    try lend(unixName: name) { address, size throws(SystemError) in
      try attempt(act()) { Glibc.sendto(socket, bytes, bytes.count, Int32(MSG_NOSIGNAL), address, size) } != nil
    }
  }

  /// Sends the runs of bytes that `vectors` lists, in order, as far as they are taken, and with no signal where the
  /// connection is lost; how many bytes, `nil` where none can be taken now.
  static func send(_ socket: Int32, _ vectors: UnsafeMutableBufferPointer<iovec>) throws(SystemError) -> Int? {
    var message = msghdr()
    message.msg_iov = vectors.baseAddress
    message.msg_iovlen = vectors.count
    return try attempt("send") { Glibc.sendmsg(socket, &message, Int32(MSG_NOSIGNAL)) }
  }

  /// Sends bytes, as far as they are taken, and with no signal where the connection is lost; how many, `nil` where none
  /// can be taken now.
  static func send(_ socket: Int32, _ bytes: ArraySlice<UInt8>) throws(SystemError) -> Int? {
    try attempt("send") { bytes.withUnsafeBytes { Glibc.send(socket, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) } }
  }

  /// Takes what has come, as far as it fits, or with `MSG_PEEK` copies it; how many bytes, 0 at the end, `nil` where
  /// none are there yet.
  static func receive(
    _ socket: Int32, into buffer: UnsafeMutableRawBufferPointer, flags: Int32 = 0
  ) throws(SystemError) -> Int? {
    try attempt("receive") { Glibc.recv(socket, buffer.baseAddress, buffer.count, flags) }
  }

  /// Takes a message of netlink, and who sent it; how many bytes it has, which can be more than `buffer` has room for,
  /// `nil` where none waits.
  static func receive(
    _ socket: Int32, into buffer: UnsafeMutableRawBufferPointer, from sender: inout sockaddr_nl
  ) throws(SystemError) -> Int? {
    try attempt("receive from netlink") {
      withUnsafeMutablePointer(to: &sender) { pointer in
        pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
          var size = socklen_t(MemoryLayout<sockaddr_nl>.size)
          return Glibc.recvfrom(socket, buffer.baseAddress, buffer.count, Int32(MSG_TRUNC), $0, &size)
        }
      }
    }
  }

  /// Calls `body` with an address of one family as calls take those of all, good for the time of the call only.
  static func lend<Layout, Result, Failure: Error>(
    _ layout: Layout, _ body: (UnsafePointer<sockaddr>, socklen_t) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    try withUnsafePointer(to: layout) { (pointer: UnsafePointer<Layout>) throws(Failure) -> Result in
      try body(
        UnsafeRawPointer(pointer).assumingMemoryBound(to: sockaddr.self), socklen_t(MemoryLayout<Layout>.size))
    }
  }

  /// Calls `body` with the address of a UNIX socket, good for the time of the call only. Its name is a path, or begins
  /// with NUL and is one of the abstract namespace (unix(7)); the address ends where the name does.
  static func lend<Result, Failure: Error>(
    unixName name: [UInt8], _ body: (UnsafePointer<sockaddr>, socklen_t) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: name.prefix($0.count)) }
    let length = socklen_t(
      MemoryLayout<sa_family_t>.size + min(name.count, MemoryLayout.size(ofValue: address.sun_path)))
    return try lend(address) { (pointer, _) throws(Failure) -> Result in try body(pointer, length) }
  }
}
