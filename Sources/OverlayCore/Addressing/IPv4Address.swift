/// An IPv4 address (RFC 791), as a number in host byte order so that it is compared and hashed in one word.
public struct IPv4Address: Hashable, Sendable {
  /// The four bytes as a number; the first byte is the highest.
  public var value: UInt32

  /// The number of bytes of an address in a packet.
  static let size = 4

  /// `0.0.0.0`, which stands for no address.
  public static let unspecified = IPv4Address(value: 0)

  /// `127.0.0.1`, by which the host that uses it reaches itself.
  public static let loopback = IPv4Address(value: 0x7f00_0001)

  /// `255.255.255.255`, which means all hosts of this link (RFC 919).
  static let broadcast = IPv4Address(value: .max)

  /// Makes the address of this number in host byte order.
  public init(value: UInt32) {
    self.value = value
  }

  /// Makes the address of four bytes in network byte order; `nil` for any other count.
  public init?(bytes: some Collection<UInt8>) {
    guard bytes.count == IPv4Address.size else { return nil }
    self.init(value: bytes.reduce(0) { $0 << 8 | UInt32($1) })
  }

  /// Reads the address at `offset`, in network byte order. The packet must hold its four bytes.
  @inlinable
  public init(loading packet: UnsafeRawBufferPointer, at offset: Int) {
    value = UInt32(bigEndian: packet.loadUnaligned(fromByteOffset: offset, as: UInt32.self))
  }

  /// Writes the four bytes at `offset`, in network byte order. The packet must have room for them.
  @inlinable
  public func store(into packet: UnsafeMutableRawBufferPointer, at offset: Int) {
    packet.storeBytes(of: value.bigEndian, toByteOffset: offset, as: UInt32.self)
  }

  /// The four bytes in network byte order.
  public var bytes: [UInt8] { (0..<4).map { UInt8(truncatingIfNeeded: value >> UInt32(24 - 8 * $0)) } }
}

extension IPv4Address {
  /// Whether it means the host that uses it: `127.0.0.0/8` (RFC 1122 section 3.2.1.3).
  public var isLoopback: Bool { value >> 24 == 127 }

  /// Whether it names a group of hosts: `224.0.0.0/4` (RFC 5771).
  var isMulticast: Bool { value >> 28 == 0xe }

  /// Whether it means this link alone: `169.254.0.0/16` (RFC 3927).
  var isLinkLocal: Bool { value >> 16 == 0xa9fe }

  /// Whether a host beyond this link can have it. No such host has an address of `0.0.0.0/8`, which means this network
  /// alone, a loopback address, a link-local address, or an address of `224.0.0.0/3`: a group's, a reserved one, or
  /// broadcast. `IPPrefix.hostless` lists the same addresses as prefixes.
  var isHost: Bool { value >> 24 != 0 && value >> 29 != 0b111 && !isLoopback && !isLinkLocal }
}

extension IPv4Address: CustomStringConvertible, LosslessStringConvertible {
  /// The address as four decimal numbers with dots between them.
  public var description: String { bytes.map { String($0) }.joined(separator: ".") }

  /// Reads an address that is written as four decimal numbers with dots between them. It is `nil` for any other text,
  /// and for numbers with leading zeroes, which some programs read as octal.
  public init?(_ text: some StringProtocol) {
    let parts = text.split(separator: ".", omittingEmptySubsequences: false)
    guard parts.count == 4 else { return nil }
    var value: UInt32 = 0
    for part in parts {
      guard let byte = UInt8(canonical: part) else { return nil }
      value = value << 8 | UInt32(byte)
    }
    self.init(value: value)
  }
}
