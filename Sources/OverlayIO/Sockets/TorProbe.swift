import Glibc
import OverlayCore

/// A try whether Tor's SOCKS port takes connections; nothing is sent.
final class TorProbe {
  /// How long the port may take to answer: it is mostly on this host.
  private static let patience = Duration.seconds(5)

  private let source: EventSource<StreamSocket>
  private var timeout: TimerSource?

  /// Begins to connect and tells `handler` once why the port cannot be reached, `nil` if it can; that may drop the
  /// probe. An error if it failed already.
  init(
    _ address: SocketAddress, on loop: EventLoop, handler: @escaping (_ failure: SystemError?) -> Void
  ) throws(SystemError) {
    source = EventSource(try StreamSocket(for: address), on: loop)
    _ = try source.file.connect(to: address)
    source.handle(.writable) { [unowned self] in
      waitNoMore()
      do throws(SystemError) {
        try source.file.finishConnecting(to: address)
        handler(nil)
      } catch {
        handler(error)
      }
    }
    timeout = try TimerSource(on: loop) { [unowned self] in
      waitNoMore()
      handler(SystemError(call: "connect to \(address)", number: ETIMEDOUT))
    }
    source.start(.writable)
    timeout?.start(after: TorProbe.patience)
  }

  private func waitNoMore() {
    source.cancel(.writable)
    timeout = nil
  }
}
