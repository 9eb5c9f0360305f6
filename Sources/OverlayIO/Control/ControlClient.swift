import Glibc
import OverlayCore

/// The reason why a client got no result.
public enum ControlClientError: Error, Equatable {
  /// No daemon listens at this path.
  case unreachable(String)
  /// This user may not use the socket at this path.
  case forbidden(String)
  /// The daemon refused the request.
  case refused(ControlError)
  /// Nothing came in time.
  case timeout
  /// The connection was lost, or what came is no reply.
  case broken(String)
}

/// A client of a daemon's control socket. It waits for what it asks for, each time up to a limit.
public final class ControlClient {
  /// How long a reply may take that needs nobody but the daemon.
  public static let patience = OverlayCore.Duration.seconds(10)
  /// The greatest number of bytes of a line of the daemon.
  private static let longestLine = 8 << 20

  private let path: String
  private let socket: FileDescriptor
  private var lines = LineSplitter(longest: ControlClient.longestLine)
  private var chunk = [UInt8](repeating: 0, count: 1 << 16)
  /// The version of the daemon, once it has replied.
  public private(set) var daemonVersion: String?

  /// Connects to the socket at this path.
  public init(_ path: String) throws(ControlClientError) {
    self.path = path
    do throws(SystemError) {
      let socket = try SystemCall.socket(AF_UNIX, SOCK_STREAM)
      let number = socket.number
      self.socket = socket
      _ = try SocketAddress.unix(path).withSocketAddress { pointer, size throws(SystemError) in
        try SystemCall.connect(number, to: pointer, size, "connect to \(path)")
      }
    } catch {
      switch error.number {
      case EACCES, EPERM: throw .forbidden(path)
      case ENOENT, ECONNREFUSED, ENOTDIR, ENOTSOCK: throw .unreachable(path)
      default: throw .broken("\(error)")
      }
    }
  }

  /// The process of the daemon.
  var daemonProcess: Int32? { (try? SystemCall.peerCredentials(of: socket.number))?.process }

  /// Asks for a command, and returns the result.
  public func ask(
    _ command: String, _ arguments: JSONObject = [:], patience: OverlayCore.Duration = ControlClient.patience
  ) throws(ControlClientError) -> JSONObject {
    var request: JSONObject = ["schema": .integer(ControlRequest.schema), "command": .string(command)]
    for member in arguments.members { request[member.name] = member.value }
    try send(JSONValue.object(request).bytes + [UInt8(ascii: "\n")])
    let deadline = SystemCall.now + patience
    while let reply = try receive(until: deadline) {
      // An event may come before the reply.
      guard let isOK = reply["ok"]?.boolean else { continue }
      daemonVersion = reply["version"]?.string
      guard isOK else { throw .refused(ControlError(reply["error"])) }
      return reply["result"]?.object ?? [:]
    }
    throw .timeout
  }

  /// Waits for the next line of the daemon; `nil` if none comes in this time.
  public func next(within patience: OverlayCore.Duration) throws(ControlClientError) -> JSONObject? {
    try receive(until: SystemCall.now + patience)
  }

  private func send(_ bytes: [UInt8]) throws(ControlClientError) {
    let deadline = SystemCall.now + ControlClient.patience
    var rest = bytes[...]
    do throws(SystemError) {
      while !rest.isEmpty {
        if let count = try SystemCall.send(socket.number, rest) {
          rest = rest.dropFirst(count)
        } else if try !SystemCall.wait(for: POLLOUT, of: socket.number, until: deadline) {
          throw SystemError(call: "write to \(path)", number: ETIMEDOUT)
        }
      }
    } catch {
      // A daemon that has no room for one more client says so before it closes.
      if error.number == EPIPE { return }
      throw error.number == ETIMEDOUT ? .timeout : .broken("\(error)")
    }
  }

  private func receive(until deadline: Instant) throws(ControlClientError) -> JSONObject? {
    while true {
      switch lines.next() {
      case .line(let line):
        do throws(JSONError) {
          if let object = try JSONValue(parsing: line, limit: ControlClient.longestLine).object { return object }
        } catch {
          throw .broken("the daemon sent what is no reply: \(error)")
        }
      case .tooLong: throw .broken("the daemon sent a line that is too long")
      case .incomplete:
        guard try read(until: deadline) else { return nil }
      }
    }
  }

  /// Reads what has come, or comes until then. It returns false when the time is over.
  private func read(until deadline: Instant) throws(ControlClientError) -> Bool {
    do throws(SystemError) {
      if let count = try SystemCall.read(socket.number, into: &chunk, "read from \(path)") {
        guard count > 0 else { throw SystemError(call: "read from \(path)", number: ECONNRESET) }
        lines.append(chunk.prefix(count))
        return true
      }
      return try SystemCall.wait(for: POLLIN, of: socket.number, until: deadline)
    } catch {
      throw .broken(error.number == ECONNRESET ? "the daemon closed the connection" : "\(error)")
    }
  }
}
