import Glibc
import OverlayCore
import Synchronization
import SystemProbes

@testable import OverlayIO

/// A daemon in a thread, from its start to its end, in a network namespace and with files of a test's own.
///
/// `@unchecked Sendable`: what the daemon's thread writes is read once it has ended.
final class DaemonRun: FaultyThread, @unchecked Sendable {
  private final class Lines: LogSink {
    // A daemon that does not end is asked while it runs.
    private let kept = Mutex<[String]>([])
    var lines: [String] { kept.withLock { $0 } }

    func write(_ level: LogLevel, _ line: String) -> Bool {
      kept.withLock { $0.append("\(level.name): \(line)") }
      return true
    }
  }

  private let injection: FaultInjection
  private let sink = Lines()
  private(set) var thread: SeparateThread?
  /// The exit status; `nil` where the daemon could not be made.
  private(set) var status: Int32?
  /// How many descriptors were open that were not open before.
  private(set) var leaks = 0

  /// Starts a daemon with the configuration of `source`, which ends on a datagram to `bell`.
  init(
    _ source: ConfigurationSource, in namespace: String, until bell: [UInt8], under injection: FaultInjection
  ) throws {
    self.injection = injection
    let configuration = try source.load()
    let place = "/run/netns/\(namespace)"
    thread = try SeparateThread { [self] in
      let file = try SystemCall.open(place, O_RDONLY)
      try SystemCall.enterNetworkNamespace(file.number, path: place)
      let before = openDescriptors()
      let ring = try SystemCall.socket(AF_UNIX, SOCK_DGRAM)
      try SystemCall.lend(unixName: bell) { address, size throws(SystemError) in
        try SystemCall.bind(ring.number, to: address, size)
      }
      run(configuration, from: source, until: ring)
      leaks = openDescriptors().subtracting(before).count
    }
  }

  /// What the log was told.
  var lines: [String] { sink.lines }

  private func run(
    _ configuration: Configuration, from source: ConfigurationSource, until ring: consuming FileDescriptor
  ) {
    guard let daemon = Daemon(configuration.settings.daemon, log: Log(level: .debug, sink: sink)) else { return }
    let bell = EventSource(ring, on: daemon.loop)
    bell.handle(.readable) { [unowned daemon, unowned bell] in
      bell.cancel(.readable)
      daemon.stop(status: 0)
    }
    bell.start(.readable)
    daemon.configuration = (configuration, source)
    daemon.heedsSignals = false
    injection.run { status = daemon.run() }
  }
}
