import Glibc
import OverlayCore

/// A connected, or connecting, TCP or UNIX stream that never waits.
struct StreamSocket: Pollable, ~Copyable {
  /// What a read brought.
  enum Read: Equatable {
    /// This many bytes.
    case bytes(Int)
    /// Nothing yet.
    case nothing
    /// The other side sends no more.
    case end
    /// The connection is lost.
    case failed(SystemError)
  }

  /// What became of a write.
  enum Write: Equatable {
    /// This many bytes were taken; zero if none fit now.
    case bytes(Int)
    /// The connection is lost.
    case failed(SystemError)
  }

  /// What became of a connection attempt.
  enum Connection: Equatable {
    /// It stands.
    case established
    /// The socket gets writable when it is known.
    case pending
  }

  /// How many bytes the kernel may hold beside those that the other side has room for.
  private static let mostUnsent: Int32 = 16 << 10

  private let file: FileDescriptor
  /// Whether it is a TCP socket: a UNIX socket has no delays of its own, and no low-water mark that polling heeds.
  let isTCP: Bool

  /// The descriptor for the event loop.
  var descriptor: Int32 { file.number }

  /// Takes over a connected descriptor that does not block.
  init(owning descriptor: consuming FileDescriptor) {
    isTCP = StreamSocket.sendAtOnce(descriptor.number)
    file = descriptor
  }

  /// A socket that is not connected yet.
  init(for address: SocketAddress) throws(SystemError) {
    file = try SystemCall.socket(address.family, SOCK_STREAM)
    isTCP = StreamSocket.sendAtOnce(file.number)
  }

  /// Begins to connect.
  func connect(to address: SocketAddress) throws(SystemError) -> Connection {
    let number = file.number
    return try address.withSocketAddress { pointer, size throws(SystemError) in
      try SystemCall.connect(number, to: pointer, size, "connect to \(address)") ? .established : .pending
    }
  }

  /// What became of the attempt, once the socket is writable.
  func finishConnecting(to address: SocketAddress) throws(SystemError) {
    let outcome = try SystemCall.option(SO_ERROR, of: file.number, at: SOL_SOCKET)
    if outcome != 0 { throw SystemError(call: "connect to \(address)", number: outcome) }
  }

  /// Takes what has come, as far as it fits.
  func read(into buffer: UnsafeMutableRawBufferPointer) -> Read {
    do throws(SystemError) {
      guard let count = try SystemCall.receive(file.number, into: buffer) else { return .nothing }
      return count > 0 ? .bytes(count) : .end
    } catch {
      return .failed(error)
    }
  }

  /// Copies what has come to `buffer`, as far as it fits, and leaves it there; how many bytes, 0 for none.
  func peek(into buffer: UnsafeMutableRawBufferPointer) -> Int {
    (try? SystemCall.receive(file.number, into: buffer, flags: Int32(MSG_PEEK))) ?? 0
  }

  /// Lets the socket be readable only when so many bytes have come, or the end.
  func wakeAfter(bytes: Int) {
    // Without it what comes is found earlier.
    try? SystemCall.setOption(SO_RCVLOWAT, of: file.number, at: SOL_SOCKET, to: Int32(bytes))
  }

  /// Sends the runs of bytes in order, as far as they are taken, in one call: no more of them than `vectors` has room
  /// to list.
  func write(
    _ runs: UnsafeBufferPointer<UnsafeRawBufferPointer>, listedIn vectors: UnsafeMutableBufferPointer<iovec>
  ) -> Write {
    let count = min(runs.count, vectors.count)
    for (index, run) in runs[..<count].enumerated() {
      vectors.initializeElement(
        at: index, to: iovec(iov_base: UnsafeMutableRawPointer(mutating: run.baseAddress), iov_len: run.count))
    }
    do throws(SystemError) {
      return .bytes(
        try SystemCall.send(file.number, UnsafeMutableBufferPointer(rebasing: vectors[..<count])) ?? 0)
    } catch {
      return .failed(error)
    }
  }

  /// Whether it is a TCP socket; a UNIX socket knows none of these, and has no such delays.
  private static func sendAtOnce(_ socket: Int32) -> Bool {
    // What the kernel holds, no queue of ours can put into another order.
    set(TCP_NODELAY, to: 1, of: socket) && set(TCP_NOTSENT_LOWAT, to: mostUnsent, of: socket)
  }

  private static func set(_ option: Int32, to value: Int32, of socket: Int32) -> Bool {
    do throws(SystemError) {
      try SystemCall.setOption(option, of: socket, at: Int32(IPPROTO_TCP), to: value)
      return true
    } catch {
      return false
    }
  }
}
