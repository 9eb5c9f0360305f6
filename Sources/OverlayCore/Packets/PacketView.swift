/// A packet view is a whole IP packet, of version 6 or 4 alike, that was parsed once. Its existence proves that the
/// packet has exactly the length that it announces, and that the headers of which `upper` tells lie within it.
///
/// The view holds no bytes of its own: it is valid as long as the caller's memory is, and nobody may change there what
/// the view tells. The parse of an IPv6 packet is compiled into each caller, which saves a third of its time, because
/// each packet passes here.
public struct PacketView {
  /// The whole packet.
  public let memory: UnsafeMutableRawBufferPointer
  /// The address of the sender. An IPv4 address is mapped (`IPv6Address(mapping:)`).
  public let source: IPv6Address
  /// The address of the receiver. An IPv4 address is mapped, too.
  public let destination: IPv6Address
  /// What the packet carries behind its extension headers, and where that begins.
  let upper: UpperLayer.Chain
  /// Whether the packet is of version 4. An address alone does not tell: a packet of version 6 can hold a mapped one.
  public let isIPv4: Bool
  /// The assigned number of what follows the fixed header of IPv6, or the protocol of IPv4.
  let nextHeader: UInt8

  /// Parses the packet that `memory` holds. It is `nil` for what neither `IPv6Header` nor `IPv4Header` takes.
  @inline(__always)
  public init?(_ memory: UnsafeMutableRawBufferPointer) {
    let bytes = UnsafeRawBufferPointer(memory)
    if let header = IPv6Header(bytes) {
      source = header.source
      destination = header.destination
      upper = UpperLayer.chain(of: bytes, header.nextHeader)
      isIPv4 = false
      nextHeader = header.nextHeader
    } else if let header = IPv4Header(bytes) {
      source = IPv6Address(mapping: header.source)
      destination = IPv6Address(mapping: header.destination)
      upper = UpperLayer.chain(of: header)
      isIPv4 = true
      nextHeader = header.protocolNumber
    } else {
      return nil
    }
    self.memory = memory
  }

  /// Parses the packet in `bytes` for somebody who only reads it, and writes nothing through `memory`.
  public init?(reading bytes: UnsafeRawBufferPointer) {
    self.init(UnsafeMutableRawBufferPointer(mutating: bytes))
  }

  /// The whole packet, to be read.
  public var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(memory) }

  /// The length of the packet in bytes.
  public var count: Int { memory.count }
}

extension PacketView {
  /// The number of routers that may still forward the packet. It is read from memory each time.
  var hopLimit: UInt8 { memory[isIPv4 ? IPv4Header.Field.timeToLive : IPv6Header.Field.hopLimit] }

  /// Whether the packet is a keepalive. Peers send each other no other packet that ends behind its IPv6 header.
  var isKeepalive: Bool { !isIPv4 && nextHeader == NextHeader.none }

  /// Whether no router may cut the packet: an IPv6 packet, or an IPv4 packet that says so.
  var mayNotBeFragmented: Bool {
    !isIPv4 || bytes.number(at: IPv4Header.Field.fragment) & IPv4Header.Field.mayNotBeFragmented != 0
  }

  /// Where the TCP header begins, in bytes from the packet's start. It is `nil` unless the header stands right behind
  /// the IP header and lies within the packet, and if the packet is a fragment.
  var tcpStart: Int? {
    guard nextHeader == NextHeader.tcp, case .whole(let upper) = upper, !upper.isFragment,
      count - upper.offset >= TCPHeader.size
    else { return nil }
    let size = Int(memory[upper.offset + TCPHeader.dataOffset] >> 4) * 4
    return size >= TCPHeader.size && size <= count - upper.offset ? upper.offset : nil
  }
}
