import Glibc
import OverlayCore

/// Why nothing can be listened at an address.
struct ListenerError: Error, Equatable, CustomStringConvertible {
  private let address: SocketAddress
  private let error: SystemError

  /// The error of the call that failed.
  init(_ address: SocketAddress, _ error: SystemError) {
    self.address = address
    self.error = error
  }

  /// What was wrong and what is accepted, for the operator.
  var description: String {
    switch error.number {
    case EADDRINUSE:
      "\(address) is taken, perhaps by another oncilla: end the program that listens there, or give another address to "
        + "--listen (or listen=) and to HiddenServicePort in torrc"
    case EADDRNOTAVAIL: "\(address) is not an address of this host: --listen (or listen=) accepts one that is"
    default: "\(error)"
    }
  }
}

/// Where Tor connects to for each circuit that somebody dials to our onion service.
final class Listener {
  /// How long nothing is accepted after the process ran out of descriptors: the waiting ones would make the
  /// loop spin.
  private static let pause = Duration.seconds(1)
  /// How many connections are accepted before others get their turn.
  private static let batch = 64
  /// How often it is said at most that nothing can be accepted.
  private static let complaintInterval = Duration.seconds(60)

  private let source: EventSource<FileDescriptor>
  private let address: SocketAddress
  private let loop: EventLoop
  private let log: Log
  private var nextComplaint = Instant(nanoseconds: 0)
  private var resumption: TimerSource?
  private let handler: (EventSource<StreamSocket>) -> Void

  /// A listener at `address` that hands every connection to `handler`, and tells `log` when it cannot.
  init(
    _ address: SocketAddress, on loop: EventLoop, log: Log, handler: @escaping (EventSource<StreamSocket>) -> Void
  ) throws {
    self.address = address
    self.loop = loop
    self.log = log
    self.handler = handler
    source = EventSource(try SystemCall.socket(address.family, SOCK_STREAM), on: loop)
    let number = source.file.number
    // Without it an address is not free at once after a daemon ended, which the next call would tell.
    try? SystemCall.setOption(SO_REUSEADDR, of: number, at: SOL_SOCKET, to: 1)
    do throws(SystemError) {
      try address.withSocketAddress { pointer, size throws(SystemError) in
        try SystemCall.bind(number, to: pointer, size, "listen at \(address)")
      }
      try SystemCall.listen(number, "listen at \(address)")
    } catch {
      throw ListenerError(address, error)
    }
    source.handle(.readable) { [unowned self] in accept() }
    resumption = try TimerSource(on: loop) { [unowned self] in source.start(.readable) }
    source.start(.readable)
  }

  private func accept() {
    for _ in 0..<Listener.batch {
      do throws(SystemError) {
        guard let connection = try SystemCall.accept(source.file.number) else { return }
        handler(EventSource(StreamSocket(owning: connection), on: loop))
      } catch {
        // The caller gave up already, or the network did (accept(2)): the next one may be fine.
        if [ECONNABORTED, EPROTO, ENETDOWN, ENOPROTOOPT, EHOSTDOWN, EHOSTUNREACH, ENETUNREACH].contains(error.number) {
          continue
        }
        complain(of: error)
        source.cancel(.readable)
        resumption?.start(after: Listener.pause)
        return
      }
    }
  }

  private func complain(of error: SystemError) {
    let now = loop.now
    guard nextComplaint <= now else { return }
    nextComplaint = now + Listener.complaintInterval
    log.warning("cannot take connections at \(address): \(error)")
  }
}
