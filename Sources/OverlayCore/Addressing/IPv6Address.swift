/// An IPv6 address (RFC 4291), as two halves in host byte order so that it is compared and hashed in two words.
public struct IPv6Address: Hashable, Sendable {
  /// The first eight bytes as a number: the subnet's half.
  public var high: UInt64
  /// The last eight bytes as a number: the interface identifier's half.
  public var low: UInt64

  /// The number of bytes of an address in a packet.
  public static let size = 16

  /// `::`, which stands for no address.
  public static let unspecified = IPv6Address(high: 0, low: 0)

  /// Makes the address of these two halves in host byte order.
  public init(high: UInt64, low: UInt64) {
    self.high = high
    self.low = low
  }

  /// Makes the address of 16 bytes in network byte order; `nil` for any other count.
  public init?(bytes: some Collection<UInt8>) {
    guard bytes.count == IPv6Address.size else { return nil }
    var halves: (UInt64, UInt64) = (0, 0)
    for (index, byte) in bytes.enumerated() {
      if index < 8 { halves.0 = halves.0 << 8 | UInt64(byte) } else { halves.1 = halves.1 << 8 | UInt64(byte) }
    }
    self.init(high: halves.0, low: halves.1)
  }

  /// Reads the address at `offset`, in network byte order. The packet must hold its 16 bytes.
  @inlinable
  public init(loading packet: UnsafeRawBufferPointer, at offset: Int) {
    high = UInt64(bigEndian: packet.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
    low = UInt64(bigEndian: packet.loadUnaligned(fromByteOffset: offset + 8, as: UInt64.self))
  }

  /// Writes the 16 bytes at `offset`, in network byte order. The packet must have room for them.
  @inlinable
  public func store(into packet: UnsafeMutableRawBufferPointer, at offset: Int) {
    packet.storeBytes(of: high.bigEndian, toByteOffset: offset, as: UInt64.self)
    packet.storeBytes(of: low.bigEndian, toByteOffset: offset + 8, as: UInt64.self)
  }

  /// The 16 bytes in network byte order.
  public var bytes: [UInt8] {
    [high, low].flatMap { half in (0..<8).map { UInt8(truncatingIfNeeded: half >> UInt64(56 - 8 * $0)) } }
  }

  /// The eight groups of 16 bits, in the order in which they are written.
  public var groups: [UInt16] {
    [high, low].flatMap { half in (0..<4).map { UInt16(truncatingIfNeeded: half >> UInt64(48 - 16 * $0)) } }
  }
}

extension IPv6Address {
  /// Makes the address that represents an IPv4 address where only IPv6 ones can be: `::ffff:a.b.c.d` (RFC 4291 section
  /// 2.5.5.2).
  public init(mapping address: IPv4Address) {
    self.init(high: 0, low: 0xffff_0000_0000 | UInt64(address.value))
  }

  /// The IPv4 address that it represents; `nil` if it represents none.
  public var mappedAddress: IPv4Address? {
    high == 0 && low >> 32 == 0xffff ? IPv4Address(value: UInt32(truncatingIfNeeded: low)) : nil
  }

  /// Whether it means the host that uses it: `::1` (RFC 4291 section 2.5.3).
  public var isLoopback: Bool { high == 0 && low == 1 }

  /// Whether it names a group of hosts: `ff00::/8`.
  public var isMulticast: Bool { high >> 56 == 0xff }

  /// Whether it means this link alone: `fe80::/10`.
  public var isLinkLocal: Bool { high >> 54 == 0xfe80 >> 6 }

  /// Whether a host beyond this link can have it. No such host has the unspecified address, the loopback address, a
  /// link-local address, a group's address, or one that represents an IPv4 address. `IPPrefix.hostless` lists the same
  /// addresses as prefixes.
  public var isHost: Bool {
    !isMulticast && !isLinkLocal && (high != 0 || low > 1 && mappedAddress == nil)
  }
}

extension IPv6Address: CustomStringConvertible, LosslessStringConvertible {
  /// The address as RFC 5952 recommends it: in lower case, with `::` for the longest run of two or more zero groups.
  public var description: String {
    let groups = groups
    var longest = 0..<0
    var start = 0
    while start < groups.count {
      var end = start
      while end < groups.count, groups[end] == 0 { end += 1 }
      if end - start > max(longest.count, 1) { longest = start..<end }
      start = end + 1
    }
    func hexadecimal(_ range: Range<Int>) -> String {
      groups[range].map { String($0, radix: 16) }.joined(separator: ":")
    }
    guard !longest.isEmpty else { return hexadecimal(0..<8) }
    return hexadecimal(0..<longest.lowerBound) + "::" + hexadecimal(longest.upperBound..<8)
  }

  /// Reads an address that is written in any form of RFC 4291 section 2.2, without a zone. It is `nil` for any other
  /// text.
  public init?(_ text: some StringProtocol) {
    var bytes: [UInt8] = []
    var gap: Int?
    var rest = Substring(text)
    if rest.hasPrefix("::") {
      gap = 0
      rest = rest.dropFirst(2)
    }
    while !rest.isEmpty {
      let group = rest.prefix { $0 != ":" }
      rest = rest.dropFirst(group.utf8.count)
      if rest.isEmpty, let quad = IPv4Address(group) {
        bytes += quad.bytes
        break
      }
      // The standard library's reading of numbers takes a sign, too.
      guard (1...4).contains(group.utf8.count), group.first?.isHexDigit == true,
        let value = UInt16(group, radix: 16)
      else { return nil }
      bytes += [UInt8(value >> 8), UInt8(value & 0xff)]
      if rest.isEmpty { break }
      rest = rest.dropFirst()
      if rest.first == ":" {
        guard gap == nil else { return nil }
        gap = bytes.count
        rest = rest.dropFirst()
      } else if rest.isEmpty {
        return nil
      }
    }
    if let gap {
      guard bytes.count <= IPv6Address.size - 2 else { return nil }
      bytes.insert(contentsOf: repeatElement(0, count: IPv6Address.size - bytes.count), at: gap)
    }
    self.init(bytes: bytes)
  }
}

extension ByteCursor {
  /// Takes the next 16 bytes as an address.
  mutating func address() -> IPv6Address? {
    bytes(IPv6Address.size).map { IPv6Address(loading: $0, at: 0) }
  }
}
