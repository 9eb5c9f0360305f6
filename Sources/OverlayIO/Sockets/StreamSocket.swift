import Glibc
import OverlayCore

/// A TCP or UNIX stream socket that never blocks. It is connected, or being connected.
struct StreamSocket: Pollable, ~Copyable {
  /// The result of a read.
  enum Read: Equatable {
    /// So many bytes came.
    case bytes(Int)
    /// Nothing yet.
    case nothing
    /// The other side sends no more.
    case end
    /// The connection is lost.
    case failed(SystemError)
  }

  /// The result of a write.
  enum Write: Equatable {
    /// So many bytes were taken; zero if none fit now.
    case bytes(Int)
    /// The connection is lost.
    case failed(SystemError)
  }

  /// The result of an attempt to connect.
  enum Connection: Equatable {
    /// The socket is connected.
    case established
    /// The result is not known yet. The socket gets writable when it is.
    case pending
  }

  /// The greatest number of bytes that the kernel holds at first beside those that the other side has room for.
  private static let mostUnsent: Int32 = 16 << 10
  /// The least memory for what the other side of a UNIX socket has not read, in bytes: a packet fits.
  private static let leastMemory = 4 << 10

  private let file: FileDescriptor
  // Whether somebody else has connected it, who alone may.
  private let isConnected: Bool
  /// Whether the socket is a TCP socket. A UNIX socket has no delays of its own, and no low-water mark that polling
  /// heeds.
  let isTCP: Bool

  /// The descriptor for the event loop.
  var descriptor: Int32 { file.number }

  /// Takes over a connected descriptor that does not block.
  init(owning descriptor: consuming FileDescriptor) {
    isTCP = StreamSocket.sendAtOnce(descriptor.number)
    file = descriptor
    isConnected = true
  }

  /// Makes a socket that `connect` connects to the address. A process in its room makes none but of TCP: the helper
  /// makes one to a path, and connects it at once.
  init(for address: SocketAddress) throws(SystemError) {
    if case .unix(let path) = address, let broker = SystemCall.broker {
      file = try broker.connect(toPath: path)
      isConnected = true
    } else {
      file = try SystemCall.socket(address.family, SOCK_STREAM)
      isConnected = false
    }
    isTCP = StreamSocket.sendAtOnce(file.number)
  }

  /// Begins to connect.
  func connect(to address: SocketAddress) throws(SystemError) -> Connection {
    if isConnected { return .established }
    let number = file.number
    return try address.withSocketAddress { pointer, size throws(SystemError) in
      try SystemCall.connect(number, to: pointer, size, "connect to \(address)") ? .established : .pending
    }
  }

  /// Returns the result of the attempt, once the socket is writable.
  func finishConnecting(to address: SocketAddress) throws(SystemError) {
    let outcome = try SystemCall.option(SO_ERROR, of: file.number, at: SOL_SOCKET)
    if outcome != 0 { throw SystemError(call: "connect to \(address)", number: outcome) }
  }

  /// Returns a socket that is connected to `address`, and waits for that. It throws ETIMEDOUT after so many
  /// milliseconds.
  static func connected(to address: SocketAddress, milliseconds: Int32) throws(SystemError) -> StreamSocket {
    let socket = try StreamSocket(for: address)
    if try socket.connect(to: address) == .pending {
      guard try SystemCall.wait(for: POLLOUT, of: socket.descriptor, milliseconds: milliseconds) else {
        throw SystemError(call: "connect to \(address)", number: ETIMEDOUT)
      }
      try socket.finishConnecting(to: address)
    }
    return socket
  }

  /// Reads the bytes that have come, as far as they fit.
  func read(into buffer: UnsafeMutableRawBufferPointer) -> Read {
    do throws(SystemError) {
      guard let count = try SystemCall.receive(file.number, into: buffer) else { return .nothing }
      return count > 0 ? .bytes(count) : .end
    } catch {
      return .failed(error)
    }
  }

  /// Copies the bytes that have come to `buffer`, as far as they fit, and leaves them in the socket. It returns their
  /// number, 0 for none.
  func peek(into buffer: UnsafeMutableRawBufferPointer) -> Int {
    (try? SystemCall.receive(file.number, into: buffer, flags: Int32(MSG_PEEK))) ?? 0
  }

  /// Makes the kernel take no more than about so many bytes beside those that the other side has room for. If this
  /// fails, packets only wait longer.
  func limitUnsent(to bytes: Int) {
    guard !isTCP else { return _ = StreamSocket.set(TCP_NOTSENT_LOWAT, to: Int32(bytes), of: file.number) }
    // The kernel doubles it, and counts more than the bytes. What it holds of a UNIX socket is what was not read.
    let memory = Int32(max(StreamSocket.leastMemory, 2 * bytes))
    try? SystemCall.setOption(SO_SNDBUF, of: file.number, at: SOL_SOCKET, to: memory)
  }

  /// Makes the socket readable only once so many bytes have come, or at the end.
  func wakeAfter(bytes: Int) {
    // If this fails, bytes are only found earlier.
    try? SystemCall.setOption(SO_RCVLOWAT, of: file.number, at: SOL_SOCKET, to: Int32(bytes))
  }

  /// Writes the runs of bytes in order, as far as they are taken, in one call. It writes no more runs than `vectors`
  /// has room for.
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

  /// Writes bytes, as far as they are taken.
  func write(_ bytes: ArraySlice<UInt8>) -> Write {
    do throws(SystemError) {
      return .bytes(try SystemCall.send(file.number, bytes) ?? 0)
    } catch {
      return .failed(error)
    }
  }

  /// Tells the other side that nothing more comes.
  func endWriting() { SystemCall.endWriting(file.number) }

  /// Sets the TCP options, and returns whether the socket is a TCP socket. A UNIX socket has none of these options.
  private static func sendAtOnce(_ socket: Int32) -> Bool {
    // No queue of the program can reorder the bytes that the kernel holds.
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
