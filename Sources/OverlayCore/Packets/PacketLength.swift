/// Why bytes of a circuit are no packets. There is no marker to find the next packet by: the circuit is lost.
public enum StreamError: Error, Equatable, Sendable, CustomStringConvertible {
  /// A packet of this version; only 4 and 6 exist.
  case version(UInt8)
  /// An IPv4 header of this many bytes; 20 is the least.
  case headerLength(Int)
  /// An IPv4 packet whose total length is less than its header's.
  case totalLength(Int)
  /// A web browser that found the port.
  case webRequest
  /// The line of a "PROXY" protocol before the first packet: Tor writes it where `torrc` says
  /// `HiddenServiceExportCircuitID haproxy`.
  case proxyLine
  /// A cut packet for which there is no room: all that is lent is in use.
  case noRoom

  /// What was wrong, for the log.
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

  /// What a PROXY line begins with.
  public static let proxyLineStart = Array("PROXY ".utf8)
}

/// How long a packet is, read off its first bytes.
enum PacketLength {
  /// How many bytes tell the length of any packet.
  static let bytesNeeded = 6

  /// The length in bytes of the packet that begins with `bytes`, at most 65,575; `nil` if more bytes are needed.
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
