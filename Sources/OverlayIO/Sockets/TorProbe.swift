import Glibc
import OverlayCore

/// A try whether Tor's SOCKS port takes connections; nothing is sent.
final class TorProbe {
  /// How long the port may take to answer: it is mostly on this host.
  private static let patience = Duration.seconds(5)

  private let stream: StreamSocket
  private var answer: EventSource?
  private var timeout: TimerSource?

  /// Begins to connect and tells `handler` once why the port cannot be reached, `nil` if it can; that may drop the
  /// probe. An error if it failed already.
  init(
    _ address: SocketAddress, on loop: EventLoop, handler: @escaping (_ failure: SystemError?) -> Void
  ) throws(SystemError) {
    stream = try StreamSocket(for: address)
    _ = try stream.connect(to: address)
    answer = EventSource(.writable(stream.descriptor), on: loop) { [unowned self] in
      waitNoMore()
      do throws(SystemError) {
        try stream.finishConnecting(to: address)
        handler(nil)
      } catch {
        handler(error)
      }
    }
    timeout = try TimerSource(on: loop) { [unowned self] in
      waitNoMore()
      handler(SystemError(call: "connect to \(address)", number: ETIMEDOUT))
    }
    answer?.start()
    timeout?.start(after: TorProbe.patience)
  }

  deinit {
    // Before the descriptor is closed: libevent must not watch a number that means another file.
    waitNoMore()
  }

  private func waitNoMore() {
    answer = nil
    timeout = nil
  }
}
