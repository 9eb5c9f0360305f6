import OverlayCore

/// A circuit's socket and what the loop waits for on it.
final class CircuitSocket {
  /// The socket itself, on which the loop waits.
  let source: EventSource<StreamSocket>
  /// Whether the connection to the SOCKS server is still being made.
  var isConnecting = false
  /// Whether it is readable only when as much has come as ends a pause, or the end.
  var isCoalesced = false {
    didSet { stream.wakeAfter(bytes: isCoalesced ? ReadCoalescing.pauseBytes : 1) }
  }
  private var isWaiting = false

  /// The stream of bytes.
  var stream: StreamSocket { _read { yield source.file } }

  /// A socket on which nothing is awaited.
  init(_ source: EventSource<StreamSocket>) {
    self.source = source
  }

  /// Waits, or waits no more, until the socket takes bytes.
  func waitUntilWritable(_ wait: Bool) {
    guard wait != isWaiting else { return }
    isWaiting = wait
    if wait { source.start(.writable) } else { source.cancel(.writable) }
  }
}
