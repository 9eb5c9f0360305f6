extension IPv4Address {
  /// All hosts of this link: `255.255.255.255` (RFC 919).
  static let broadcast = IPv4Address(value: .max)

  /// Whether it may name a single host other than the one that asks: no group, no broadcast nor another reserved
  /// address, no loopback, none of "this network" (RFC 1122 section 3.2.1.3).
  var isHost: Bool { value >> 29 != 0b111 && value >> 24 != 127 && value >> 24 != 0 }
}
