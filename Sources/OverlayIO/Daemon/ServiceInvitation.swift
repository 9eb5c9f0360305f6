import Glibc
import OverlayCore

/// What a service manager leaves in the environment of a daemon that is to tell it how it is (sd_notify(3),
/// sd_watchdog_enabled(3)).
struct ServiceInvitation: Equatable {
  /// The name of the manager's socket, as the kernel takes it: a path, or a NUL and a name in the abstract namespace.
  var address: [UInt8]?
  /// How often the daemon has to be heard of, half of what the manager allows; `nil` if the manager does not care.
  var watchdogInterval: Duration?

  /// Reads the variables. What is not understood is as good as missing: the daemon runs without a manager, too.
  init(socket: String?, watchdogMicroseconds: String? = nil, watchdogProcess: String? = nil, process: Int32 = 0) {
    address = socket.flatMap { ServiceInvitation.address(Array($0.utf8)) }
    let isForUs = watchdogProcess.map { Int32($0) == process } ?? true
    if isForUs, let text = watchdogMicroseconds, let period = Int64(text), (2...1 << 40).contains(period) {
      watchdogInterval = Duration.nanoseconds(period * 500)
    }
  }

  /// Reads the variables, and takes them out of the environment: they are not for the daemon's child processes.
  static func take() -> ServiceInvitation {
    ServiceInvitation(
      socket: SystemCall.takeVariable("NOTIFY_SOCKET"), watchdogMicroseconds: SystemCall.takeVariable("WATCHDOG_USEC"),
      watchdogProcess: SystemCall.takeVariable("WATCHDOG_PID"), process: SystemCall.processIdentifier)
  }

  private static func address(_ text: [UInt8]) -> [UInt8]? {
    guard (2...SocketAddress.longestPath).contains(text.count) else { return nil }
    switch text[0] {
    case UInt8(ascii: "/"): return text
    case UInt8(ascii: "@"): return [0] + text.dropFirst()
    default: return nil
    }
  }
}
