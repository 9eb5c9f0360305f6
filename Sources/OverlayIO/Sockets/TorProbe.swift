import OverlayCore

/// A try whether Tor's SOCKS port takes connections; nothing is sent.
final class TorProbe {
  private let stream: StreamSocket
  private var answer: EventSource?

  /// Begins to connect and tells `handler` what became of it, which may drop the probe.
  init?(_ address: SocketAddress, on loop: EventLoop, handler: @escaping (_ isReachable: Bool) -> Void) {
    do throws(SystemError) {
      stream = try StreamSocket(for: address)
      _ = try stream.connect(to: address)
    } catch {
      return nil
    }
    answer = EventSource(.writable(stream.descriptor), on: loop) { [unowned self] in
      answer?.cancel()
      handler((try? stream.finishConnecting(to: address)) != nil)
    }
    answer?.start()
  }
}
