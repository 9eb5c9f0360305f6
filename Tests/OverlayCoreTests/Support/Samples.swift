import Testing

@testable import OverlayCore

extension OnionName {
  /// A valid version 3 name, another for each number.
  static func sample(_ number: UInt64) throws -> OnionName {
    var generator = SeededGenerator(seed: number)
    let key = generator.bytes(32)
    let checksum = SHA3.sha256(Array(".onion checksum".utf8) + key + [3]).prefix(2)
    return try OnionName(Base32.encode(key + checksum + [3]))
  }

  /// A name like one of version 3 that maps to the same address. Its checksum is wrong.
  var rival: OnionName {
    OnionName(unverified: Base32.decode(Array(repeating: UInt8(ascii: "b"), count: 40) + label.utf8.suffix(16)) ?? [])
  }

  /// Others of the same kind, another for each number in 0..<32.
  func rival(_ number: Int) -> OnionName {
    let digit = Base32.encode([UInt8(number) << 3]).utf8.prefix(1)
    return OnionName(
      unverified: Base32.decode(digit + Array(repeating: UInt8(ascii: "c"), count: 39) + label.utf8.suffix(16)) ?? [])
  }

  /// Names with a right checksum that map to the address of `sample(3)`, made up by hashing about 2^16 keys for each.
  static var madeUp: [OnionName] {
    get throws {
      try [
        "nprk72h23lud63bbw6osh5tiojbq4ndtf7wk346gzgvwn63eu4joxeyd",
        "jf5jl25y6ip2usukhhvbbeq6cysp7k5icyvxefgizgvwn63eu4joxeyd",
        "uvvxafpe6zcq2vykq4wvd2p6hk5dml42h5fpslrqzgvwn63eu4joxeyd",
        "tigdczepfqvytnex4g423xtrof7zu5gpwomsobqfzgvwn63eu4joxeyd",
      ].map { try OnionName($0) }
    }
  }

  /// The version 2 name that maps to the same address.
  var twin: OnionName {
    get throws { try OnionName(label.suffix(16)) }
  }
}

extension IPv6Address {
  /// The address that `text` writes.
  static func sample(_ text: String) throws -> IPv6Address { try #require(IPv6Address(text)) }
}

/// Packets to test with.
enum Sample {
  /// A whole IPv6 packet.
  static func packet(
    from source: IPv6Address, to destination: IPv6Address, nextHeader: UInt8 = 17, payload: [UInt8] = []
  ) -> [UInt8] {
    var packet = [UInt8](repeating: 0, count: IPv6Header.size)
    packet.withUnsafeMutableBytes {
      IPv6Header(
        payloadLength: UInt16(payload.count), nextHeader: nextHeader, hopLimit: 64, source: source,
        destination: destination
      ).store(into: $0)
    }
    return packet + payload
  }

  /// An IPv6 packet of no particular addresses whose payload is `count` bytes, no two packets alike.
  static func packet(payload count: Int, _ random: inout SeededGenerator) -> [UInt8] {
    packet(
      from: IPv6Address(high: random.next(), low: random.next()), to: .unspecified, payload: random.bytes(count))
  }

  /// An IPv4 packet of `count` bytes in all, 20 at least.
  static func version4(_ count: Int, _ random: inout SeededGenerator) -> [UInt8] {
    [0x45, 0, UInt8(count >> 8), UInt8(count & 0xff)] + random.bytes(count - 4)
  }

  /// An ICMPv6 echo request with its right checksum.
  static func echoRequest(
    from source: IPv6Address, to destination: IPv6Address, sequence: UInt16 = 1, data: [UInt8] = []
  ) -> [UInt8] {
    echo(128, from: source, to: destination, sequence: sequence, data: data)
  }

  /// What a kernel answers to an echo request.
  static func echoReply(to request: [UInt8]) -> [UInt8] {
    request.withUnsafeBytes {
      echo(
        129, from: IPv6Address(loading: $0, at: 24), to: IPv6Address(loading: $0, at: 8),
        sequence: UInt16(request[46]) << 8 | UInt16(request[47]), data: Array(request[48...]))
    }
  }

  private static func echo(
    _ type: UInt8, from source: IPv6Address, to destination: IPv6Address, sequence: UInt16, data: [UInt8]
  ) -> [UInt8] {
    var body: [UInt8] = [type, 0, 0, 0, 0x12, 0x34, UInt8(sequence >> 8), UInt8(sequence & 0xff)] + data
    let sum = NaiveChecksum.field(source: source, destination: destination, nextHeader: 58, body)
    (body[2], body[3]) = (UInt8(sum >> 8), UInt8(sum & 0xff))
    return packet(from: source, to: destination, nextHeader: 58, payload: body)
  }
}

/// RFC 1071 in its plainest form, to compare with.
enum NaiveChecksum {
  /// The checksum of `bytes`, in host byte order.
  static func field(_ bytes: [UInt8]) -> UInt16 {
    var sum: UInt32 = 0
    for index in stride(from: 0, to: bytes.count, by: 2) {
      sum += UInt32(bytes[index]) << 8 + (index + 1 < bytes.count ? UInt32(bytes[index + 1]) : 0)
      if sum > 0xffff { sum -= 0xffff }
    }
    return ~UInt16(sum)
  }

  /// The checksum of `body` with its pseudo-header before it.
  static func field(source: IPv6Address, destination: IPv6Address, nextHeader: UInt8, _ body: [UInt8]) -> UInt16 {
    let length = UInt32(body.count)
    let lengthBytes = [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: length >> UInt32($0)) }
    return field(source.bytes + destination.bytes + lengthBytes + [0, 0, 0, nextHeader] + body)
  }
}

/// The bytes that `text` writes in hexadecimal, white space aside.
func hexadecimal(_ text: String) throws -> [UInt8] {
  let digits = try text.filter { !$0.isWhitespace }.map { try #require($0.hexDigitValue) }
  try #require(digits.count % 2 == 0)
  return stride(from: 0, to: digits.count, by: 2).map { UInt8(digits[$0] << 4 | digits[$0 + 1]) }
}
