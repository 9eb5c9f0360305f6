/// The identity that a circuit is for, if several identities share a listener. The first bytes of the circuit tell it.
public enum CallDestination: Equatable, Sendable {
  /// The identity with this address.
  case address(IPv6Address)
  /// No identity: Tor has written a PROXY line first.
  case proxyLine
  /// No identity: the bytes are no IPv6 packet.
  case none

  /// The number of bytes that tell the identity.
  public static let bytesNeeded = IPv6Header.size

  /// Reads the destination in the first bytes of a circuit: `bytesNeeded` of them, or all that came before the circuit
  /// was closed.
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
