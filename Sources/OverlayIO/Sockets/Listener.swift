import Glibc
import OverlayCore

/// The reason why a listener cannot be made.
struct ListenerError: Error, Equatable, CustomStringConvertible {
  private let address: SocketAddress
  private let option: String?
  private let error: SystemError

  /// The error of the call that failed, at an address that this option gives; `nil` for those of onion services.
  init(_ address: SocketAddress, _ error: SystemError, option: String? = nil) {
    self.address = address
    self.option = option
    self.error = error
  }

  /// A description for the operator, with what is accepted.
  var description: String {
    switch error.number {
    case EADDRINUSE where option != nil:
      "\(address) is taken: end the program that listens there, or give another address to \(option ?? "")"
    case EADDRINUSE:
      "\(address) is taken, perhaps by another oncilla: end the program that listens there, or give another address to "
        + "--listen (or listen=) and to HiddenServicePort in torrc"
    case EADDRNOTAVAIL:
      "\(address) is not an address of this host: \(option ?? "--listen (or listen=)") accepts one that is"
    default: "\(error)"
    }
  }
}

/// A listener: Tor connects to it for each circuit that somebody dials to an onion service of this host, and a client
/// of the control socket, or of the metrics, for its requests.
final class Listener {
  /// The time for which nothing is accepted after the process ran out of descriptors. The connections that wait would
  /// make the loop spin.
  private static let pause = Duration.seconds(1)
  /// The greatest number of connections that are accepted before other events are served.
  private static let batch = 64
  /// The shortest time between two lines that nothing can be accepted.
  private static let complaintInterval = Duration.seconds(60)

  private let source: EventSource<FileDescriptor>
  private let name: String
  private let loop: EventLoop
  private let log: Log
  private var nextComplaint = Instant(nanoseconds: 0)
  private var resumption: TimerSource?
  private let handler: (EventSource<StreamSocket>) -> Void

  /// Makes a listener at `address`, which `option` gives unless it is one of an onion service. It hands each connection
  /// to `handler`, and tells `log` when it cannot accept.
  convenience init(
    _ address: SocketAddress, for option: String? = nil, on loop: EventLoop, log: Log,
    handler: @escaping (EventSource<StreamSocket>) -> Void
  ) throws {
    let socket = try SystemCall.socket(address.family, SOCK_STREAM)
    let number = socket.number
    // Without the option an address is not free at once after a daemon ended. If setting it fails, the next call tells.
    try? SystemCall.setOption(SO_REUSEADDR, of: number, at: SOL_SOCKET, to: 1)
    do throws(SystemError) {
      try address.withSocketAddress { pointer, size throws(SystemError) in
        try SystemCall.bind(number, to: pointer, size, "listen at \(address)")
      }
      try SystemCall.listen(number, "listen at \(address)")
    } catch {
      throw ListenerError(address, error, option: option)
    }
    try self.init(owning: socket, at: "\(address)", on: loop, log: log, handler: handler)
  }

  /// Makes a listener of a socket that listens at the place with this name.
  init(
    owning socket: consuming FileDescriptor, at name: String, on loop: EventLoop, log: Log,
    handler: @escaping (EventSource<StreamSocket>) -> Void
  ) throws(SystemError) {
    self.name = name
    self.loop = loop
    self.log = log
    self.handler = handler
    source = EventSource(socket, on: loop)
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
        // The caller has given up, or the network has (accept(2)). The next connection may be fine.
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
    log.warning("cannot take connections at \(name): \(error)")
  }
}
