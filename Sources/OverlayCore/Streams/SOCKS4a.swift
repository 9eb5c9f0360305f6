/// What a SOCKS server said instead of granting a circuit.
public enum SOCKSError: Error, Equatable, Sendable, CustomStringConvertible {
  /// Tor has no circuit to that name now: code 0x5b to 0x5d.
  case refused(code: UInt8)
  /// Bytes that are no SOCKS4 reply: another service listens at that port.
  case malformed(byte: UInt8)
  /// It granted what it was not asked for yet: not Tor.
  case early

  /// What was wrong, for the log.
  public var description: String {
    switch self {
    case .refused(let code): "refused by Tor (SOCKS code \(code))"
    case .malformed(let byte): "not answered in SOCKS4 (byte \(byte)): is it Tor's SOCKS port?"
    case .early: "granted by the SOCKS port before it was asked: is it Tor's?"
    }
  }
}

/// The SOCKS4a CONNECT request (B. Fischer, "Building an Anonymous VPN", 2009, section 3.3.1). Tor never lets streams of
/// different user identifiers share a circuit (its socks-extensions specification).
///
///     +------+------+---------+------------+-------------+----+------+----+
///     | 0x04 | 0x01 | port[2] |  0 0 0 1   | user id ... | 00 | name | 00 |
///     +------+------+---------+------------+-------------+----+------+----+
struct SOCKS4aRequest: Equatable {
  /// The onion service that is asked for.
  let name: OnionName
  /// Its port.
  let port: UInt16
  /// What keeps the stream apart from others (`UserIdentifier`).
  let userIdentifier: String

  /// The request's bytes.
  var bytes: [UInt8] {
    [4, 1, UInt8(port >> 8), UInt8(port & 0xff), 0, 0, 0, 1] + Array(userIdentifier.utf8) + [0] + Array("\(name)".utf8)
      + [0]
  }
}

/// What streams are dialled with. Tor lets those of one user identifier share a circuit, and no others. It is random, so
/// it says nothing of us.
struct UserIdentifier: Equatable {
  private let high: UInt64
  private let low: UInt16

  /// Draws a new one.
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

/// The reply, 8 bytes that can come one at a time: a zero, the code, and six that mean nothing.
public struct SOCKS4aReply: Sendable {
  private var received = 0

  /// A reply of which nothing has come.
  public init() {}

  /// Takes what belongs to the reply off the front of `bytes`; whether it is complete and the circuit granted.
  public mutating func consume(_ bytes: inout UnsafeRawBufferPointer) throws(SOCKSError) -> Bool {
    while received < SOCKS4aReply.size, let byte = bytes.first {
      switch (received, byte) {
      case (0, 0), (1, 0x5a), (2..., _): break
      case (1, 0x5b...0x5d): throw .refused(code: byte)
      default: throw .malformed(byte: byte)
      }
      received += 1
      bytes = UnsafeRawBufferPointer(rebasing: bytes.dropFirst())
    }
    return received == SOCKS4aReply.size
  }

  private static let size = 8
}
