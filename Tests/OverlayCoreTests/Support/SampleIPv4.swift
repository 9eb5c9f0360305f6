import Testing

@testable import OverlayCore

extension IPv4Address {
  /// The address that `text` writes.
  static func sample(_ text: String) throws -> IPv4Address { try #require(IPv4Address(text)) }

  /// The four bytes in network byte order.
  var bytes: [UInt8] { [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: value >> UInt32($0)) } }
}

extension IPPrefix {
  /// The prefix that `text` writes.
  static func sample(_ text: String) throws -> IPPrefix { try #require(IPPrefix(text)) }
}

extension Sample {
  /// A whole IPv4 packet; `options` are a multiple of four bytes, `fragment` is the field of flags and offset.
  static func ipv4(
    from source: String, to destination: String, protocolNumber: UInt8 = 17, identification: UInt16 = 0x1234,
    fragment: UInt16 = 0, typeOfService: UInt8 = 0, options: [UInt8] = [], payload: [UInt8] = []
  ) throws -> [UInt8] {
    let length = 20 + options.count + payload.count
    var header: [UInt8] = [
      0x40 | UInt8(5 + options.count / 4), typeOfService, UInt8(length >> 8), UInt8(length & 0xff),
    ]
    header += [UInt8(identification >> 8), UInt8(identification & 0xff), UInt8(fragment >> 8), UInt8(fragment & 0xff)]
    header += [64, protocolNumber, 0, 0]
    header += try IPv4Address.sample(source).bytes + IPv4Address.sample(destination).bytes + options
    let sum = NaiveChecksum.field(header)
    (header[10], header[11]) = (UInt8(sum >> 8), UInt8(sum & 0xff))
    return header + payload
  }
}
