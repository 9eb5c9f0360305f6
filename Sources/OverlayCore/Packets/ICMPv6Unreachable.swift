/// The ICMPv6 error "destination unreachable" (RFC 4443 section 3.1), by which applications learn at once that nobody
/// will answer. Its parameter is unused.
public enum ICMPv6Unreachable {
  /// Why the packet was not delivered.
  public enum Code: UInt8, Sendable {
    /// No route leads there: it is outside of the overlay.
    case noRoute = 0
    /// The sender may not use this way.
    case prohibited = 1
    /// The host cannot be reached: no name is known, or no circuit can be built.
    case addressUnreachable = 3
  }

  private static let type: UInt8 = 1

  /// Hands `body` the error about `packet` as sent by `source`, or does nothing where RFC 4443 section 2.4 (e) forbids
  /// one: about another error, to or from a group, from the unspecified address.
  public static func withError(
    _ code: Code, about packet: UnsafeRawBufferPointer, from source: IPv6Address,
    _ body: (UnsafeRawBufferPointer) -> Void
  ) {
    ICMPv6Error.withError(type: type, code: code.rawValue, parameter: 0, about: packet, from: source, body)
  }
}
