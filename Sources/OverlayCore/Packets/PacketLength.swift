/// The reason why the bytes of a circuit are no packets. Nothing marks the start of the next packet, so the circuit is
/// lost.
enum StreamError: Error, Equatable, Sendable, CustomStringConvertible {
  /// A packet of this version. Only 4 and 6 exist.
  case version(UInt8)
  /// An IPv4 header of so many bytes. The smallest has 20.
  case headerLength(Int)
  /// An IPv4 packet whose total length is less than its header's.
  case totalLength(Int)
  /// A request of a web browser.
  case webRequest
  /// The line of a "PROXY" protocol before the first packet: Tor writes it where `torrc` says
  /// `HiddenServiceExportCircuitID haproxy`.
  case proxyLine
  /// There is no memory for a cut packet.
  case noRoom

  /// A description for the log.
  public var description: String {
    switch self {
    case .version(let version): "a packet of IP version \(version)"
    case .headerLength(let length): "an IPv4 header of \(length) bytes"
    case .totalLength(let length): "an IPv4 packet of \(length) bytes in all"
    case .webRequest: "a web request"
    case .proxyLine: "a PROXY line"
    case .noRoom: "a cut packet while there was no room for one"
    }
  }

  /// The first bytes of a PROXY line.
  static let proxyLineStart = Array("PROXY ".utf8)
}

/// The length of a packet, as its first bytes tell it.
enum PacketLength {
  /// The number of bytes that tell the length of any packet.
  static let bytesNeeded = 6

  /// Returns the length of the packet that begins with `bytes`, at most 65,575 bytes; `nil` if more bytes are needed.
  static func read(_ bytes: UnsafeRawBufferPointer) throws(StreamError) -> Int? {
    guard let first = bytes.first else { return nil }
    switch first >> 4 {
    case 6:
      guard bytes.count >= bytesNeeded else { return nil }
      return IPv6Header.size + Int(bytes.number(at: IPv6Header.Field.payloadLength))
    case 4:
      let header = Int(first & 0xf) * 4
      guard header >= IPv4Header.size else { throw .headerLength(header) }
      guard bytes.count >= bytesNeeded else { return nil }
      let total = Int(bytes.number(at: IPv4Header.Field.totalLength))
      guard total >= header else { throw .totalLength(total) }
      return total
    default:
      throw .version(first >> 4)
    }
  }
}
