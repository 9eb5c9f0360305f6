/// Which identity a circuit is for where several share a listener, as its first bytes tell.
public enum CallDestination: Equatable, Sendable {
  /// The identity with this address.
  case address(IPv6Address)
  /// None: Tor has said first where the circuit comes from.
  case proxyLine
  /// None: these bytes are no IPv6 packet.
  case none

  /// How many bytes tell it.
  public static let bytesNeeded = IPv6Header.size

  /// Reads it off what a circuit began with before it was closed, or as soon as there were enough bytes.
  public init(_ start: UnsafeRawBufferPointer) {
    if start.starts(with: StreamError.proxyLineStart) {
      self = .proxyLine
    } else if start.count >= CallDestination.bytesNeeded, start[0] >> 4 == 6 {
      self = .address(IPv6Header.destination(in: start))
    } else {
      self = .none
    }
  }
}
