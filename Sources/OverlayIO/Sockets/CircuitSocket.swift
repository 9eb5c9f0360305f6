import OverlayCore

/// A circuit's socket and what the loop waits for on it.
final class CircuitSocket {
  /// The socket itself.
  let stream: StreamSocket
  /// Whether the connection to the SOCKS server is still being made.
  var isConnecting = false
  /// Whether it is readable only when as much has come as ends a turn, or the end.
  var isReadInTurns = false {
    didSet { stream.wakeAfter(bytes: isReadInTurns ? Node.readingTurnBytes : 1) }
  }
  /// Bytes have come.
  var reading: EventSource?
  /// The connection stands, or takes bytes again.
  var writing: EventSource?
  private var isWaiting = false

  /// A socket on which nothing is awaited.
  init(_ stream: consuming StreamSocket) {
    self.stream = stream
  }

  deinit {
    // Before the descriptor is closed: libevent must not watch a number that means another file.
    reading = nil
    writing = nil
  }

  /// Waits, or waits no more, until the socket takes bytes.
  func waitUntilWritable(_ wait: Bool) {
    guard wait != isWaiting else { return }
    isWaiting = wait
    if wait { writing?.start() } else { writing?.cancel() }
  }
}
