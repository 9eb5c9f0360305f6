/// The ICMPv6 error "packet too big" (RFC 4443 section 3.2), by which a sender learns what the way carries. Its parameter
/// is the MTU of the link that the packet did not fit.
enum ICMPv6TooBig {
  /// What every IPv6 link carries, and so the least that an egress is taken for, in bytes (RFC 8200 section 5).
  static let smallestMTU = 1_280

  private static let type: UInt8 = 2

  /// Hands `body` the error about `packet` as sent by `source`, or does nothing where none may be sent.
  static func withError(
    mtu: UInt32, about packet: UnsafeRawBufferPointer, from source: IPv6Address,
    _ body: (UnsafeRawBufferPointer) -> Void
  ) {
    ICMPv6Error.withError(type: type, code: 0, parameter: mtu, about: packet, from: source, body)
  }
}
