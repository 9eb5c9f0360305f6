extension MACAddress {
  /// The six bytes in network byte order.
  var bytes: [UInt8] {
    (0..<MACAddress.size).map { UInt8(truncatingIfNeeded: value >> UInt64(40 - 8 * $0)) }
  }

  /// The link-local address that is made of it (RFC 4291 appendix A: `ff:fe` in the middle, the universal bit turned
  /// over).
  var stationLinkLocalAddress: IPv6Address {
    let identifier = (value >> 24) << 40 | 0xff_fe00_0000 | value & 0xff_ffff
    return IPv6Address(high: 0xfe80 << 48, low: identifier ^ 0x0200 << 48)
  }

  /// Where Ethernet delivers what is for an IPv6 group (RFC 2464 section 7).
  init(group: IPv6Address) {
    self.init(value: 0x3333_0000_0000 | group.low & 0xffff_ffff)
  }
}

extension IPv6Address {
  /// All hosts of the link (RFC 4291 section 2.7.1).
  static let allNodes = IPv6Address(high: 0xff02 << 48, low: 1)
  /// All DHCPv6 servers and relay agents of the link (RFC 8415 section 7.1).
  static let allServersAndRelays = IPv6Address(high: 0xff02 << 48, low: 0x1_0002)
}
