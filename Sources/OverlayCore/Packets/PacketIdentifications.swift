/// Packet identifications are the numbers of IPv4 by which fragments find together again (RFC 791 section 2.3). Kernels
/// count: who sees the numbers of two flows, or of two addresses, can tell whether one kernel counts them.
///
/// A packet that is never cut needs no number and gets zero (RFC 6864 section 4.1). Another gets a number that the
/// kernel's leads to, one to one: fragments of one packet still have the same, and two packets that the kernel
/// distinguishes still differ, but nobody sees a count. Each node has numbers of its own.
struct PacketIdentifications {
  /// Four functions from byte to byte, each a table. A Feistel network of four rounds makes a permutation of 16 bits of
  /// them that looks random to whoever does not know them (Luby and Rackoff, 1988).
  private let tables: [UInt8]

  private static let rounds = 4

  /// Draws the functions: 1 KiB.
  init(random: inout some RandomNumberGenerator) {
    // Eight at a time: each number that is drawn is a call of the kernel's.
    tables = (0..<PacketIdentifications.rounds << 5).flatMap { _ in
      let drawn = random.next()
      return (0..<8).map { UInt8(truncatingIfNeeded: drawn >> ($0 * 8)) }
    }
  }

  /// Returns the number that a packet of IPv4 gets.
  func identification(of packet: PacketView) -> UInt16 {
    let fields = packet.bytes.number(at: IPv4Header.Field.fragment)
    let isCut = fields & (IPv4Header.Field.hasMoreFragments | IPv4Header.Field.fragmentOffset) != 0
    if packet.mayNotBeFragmented, !isCut { return 0 }
    return shown(packet.bytes.number(at: IPv4Header.Field.identification))
  }

  /// Returns the number for one of the kernel's. No two have the same.
  func shown(_ number: UInt16) -> UInt16 {
    var (left, right) = (Int(number >> 8), Int(number & 0xff))
    for round in 0..<PacketIdentifications.rounds {
      (left, right) = (right, left ^ Int(tables[round << 8 | right]))
    }
    return UInt16(truncatingIfNeeded: left << 8 | right)
  }
}
