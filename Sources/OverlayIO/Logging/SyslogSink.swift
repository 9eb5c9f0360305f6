import Glibc
import OverlayCore

/// Lines for the system's log, facility daemon, with the process identifier: datagrams to its socket, as syslog(3)
/// sends them. That one waits until its receiver takes them, and everybody's packets would wait with it.
///
/// The receiver knows the time better than a process that may not read which time zone this host has (RFC 3164 section
/// 4.3.2: who gets a line without a time adds its own).
final class SyslogSink: LogSink {
  /// Where the receiver listens.
  static let standardPath = "/dev/log"

  private static let act = "send to the system's log"
  private let name: [UInt8]
  private let socket: FileDescriptor

  /// Makes a socket to send from. The receiver need not be there yet; an error if it is, and takes no datagrams.
  init(path: String = standardPath) throws(SystemError) {
    name = Array(path.utf8)
    socket = try SystemCall.socket(AF_UNIX, SOCK_DGRAM, SyslogSink.act)
    let number = socket.number
    do throws(SystemError) {
      _ = try SystemCall.lend(unixName: name) { address, size throws(SystemError) in
        try SystemCall.connect(number, to: address, size, "\(SyslogSink.act) at \(path)")
      }
    } catch {
      if error.number == EPROTOTYPE { throw error }
    }
  }

  /// Hands the line over, unless too many wait or nobody is there. A receiver that was started again is there.
  public func write(_ level: LogLevel, _ line: String) -> Bool {
    let text = "<\(LOG_DAEMON | Int32(level.rawValue))>oncilla[\(SystemCall.processIdentifier)]: \(line)"
    return (try? SystemCall.send(socket.number, Array(text.utf8), to: name, SyslogSink.act)) == true
  }
}
