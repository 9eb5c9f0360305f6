/// The SOCKS4a CONNECT request (B. Fischer, "Building an Anonymous VPN", 2009, section 3.3.1). Tor never lets streams
/// of different user identifiers share a circuit (its socks-extensions specification).
///
///     +------+------+---------+------------+-------------+----+------+----+
///     | 0x04 | 0x01 | port[2] |  0 0 0 1   | user id ... | 00 | name | 00 |
///     +------+------+---------+------------+-------------+----+------+----+
struct SOCKS4aRequest: Equatable {
  /// The onion service that is asked for.
  let name: OnionName
  /// Its port.
  let port: UInt16
  /// The identifier that keeps the stream apart from others (`UserIdentifier`).
  let userIdentifier: String

  /// The request's bytes.
  var bytes: [UInt8] {
    [4, 1, UInt8(port >> 8), UInt8(port & 0xff), 0, 0, 0, 1] + Array(userIdentifier.utf8) + [0] + Array("\(name)".utf8)
      + [0]
  }
}

/// The SOCKS user identifier of streams. Tor lets streams with the same identifier share a circuit, and no others. It
/// is random, so that it tells nothing of this host.
struct UserIdentifier: Equatable {
  private let high: UInt64
  private let low: UInt16

  /// Makes a new identifier.
  init(using random: inout any RandomNumberGenerator) {
    high = random.next()
    low = random.next()
  }

  /// The identifier as 16 letters and digits of base32.
  var text: String {
    var bytes: [UInt8] = []
    bytes.append(bigEndian: high)
    bytes.append(bigEndian: low)
    return Base32.encode(bytes)
  }
}

/// The reply to a SOCKS4 request: a zero, the code, and six bytes without meaning. The 8 bytes can come one at a time.
struct SOCKS4aReply: Sendable {
  private var received = 0

  /// Makes a reply of which nothing has come.
  init() {}

  /// Takes the bytes of the reply off the front of `bytes`. It returns whether the reply is complete, and throws unless
  /// it grants the circuit.
  mutating func consume(_ bytes: inout UnsafeRawBufferPointer) throws(DialFailure) -> Bool {
    while received < SOCKS4aReply.size, let byte = bytes.first {
      switch (received, byte) {
      case (0, 0), (1, 0x5a), (2..., _): break
      case (1, 0x5b...0x5d): throw .refused(code: byte)
      default: throw .notSOCKS(byte: byte)
      }
      received += 1
      bytes = UnsafeRawBufferPointer(rebasing: bytes.dropFirst())
    }
    return received == SOCKS4aReply.size
  }

  private static let size = 8
}
