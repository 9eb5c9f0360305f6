import OverlayCore

/// A circuit's socket, with what the loop waits for on it.
final class CircuitSocket {
  /// The socket itself, on which the loop waits.
  let source: EventSource<StreamSocket>
  /// Whether the connection to the SOCKS server is still being made.
  var isConnecting = false
  /// Whether the socket is readable only after as many bytes as end a pause, or at the end.
  var isCoalesced = false {
    didSet { stream.wakeAfter(bytes: isCoalesced ? ReadCoalescing.pauseBytes : 1) }
  }
  private var isWaiting = false

  /// The stream of bytes.
  var stream: StreamSocket { _read { yield source.file } }

  /// Makes a socket for which the loop does not wait.
  init(_ source: EventSource<StreamSocket>) {
    self.source = source
  }

  /// Begins or ends to wait until the socket takes bytes.
  func waitUntilWritable(_ wait: Bool) {
    guard wait != isWaiting else { return }
    isWaiting = wait
    if wait { source.start(.writable) } else { source.cancel(.writable) }
  }
}
