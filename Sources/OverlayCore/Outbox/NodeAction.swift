/// What the node wants done, in this order, by whoever owns the sockets.
public enum NodeAction: Equatable, Sendable {
  /// Connect to the SOCKS server for this circuit, then tell `connected` or `ended`.
  case dial(CircuitIdentifier)
  /// There is something to send: call `transmit` once the socket can take it.
  case flush(CircuitIdentifier)
  /// Close the circuit's socket; the node knows it no more.
  case close(CircuitIdentifier)
  /// Find out whether the SOCKS server takes connections, then tell `torProbed`.
  case probeTor
  /// Tor came into reach or went out of it.
  case torReachable(Bool)
  /// Give memory that was freed back to the system.
  case trimMemory
  /// Tell whoever wants to know.
  case tell(NodeEvent)
}
