import Glibc
import OverlayCore

/// An attempt to connect to Tor's SOCKS port. It sends nothing.
final class TorProbe {
  /// The time that the port may take to answer. It is mostly on this host.
  private static let patience = Duration.seconds(5)

  private let source: EventSource<StreamSocket>
  private var timeout: TimerSource?

  /// Begins to connect, and calls `handler` once with the reason why the port cannot be reached, or `nil` if it can.
  /// The handler may drop the probe. It throws if the attempt failed at once.
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
