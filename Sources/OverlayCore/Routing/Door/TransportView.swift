/// What a packet shows of its flow: the protocol, the ports and what kind of message it is.
struct TransportView {
  /// The kind of a message.
  enum Message: Equatable {
    /// A segment of TCP with these flags.
    case segment(flags: UInt8)
    /// A datagram of UDP, or a packet of a protocol that has no ports here.
    case datagram
    /// A request for an echo. Its identifier stands for both ports.
    case echoRequest
    /// The answer to one.
    case echoReply
    /// An ICMP error about the packet that is quoted at this offset.
    case error(quote: Int)
    /// Another ICMP message.
    case other
  }

  /// The assigned number of the protocol.
  let protocolNumber: UInt8
  /// The sender's port, or the identifier of an echo; 0 without one.
  let source: UInt16
  /// The receiver's port, or the identifier of an echo; 0 without one.
  let destination: UInt16
  /// The kind of the message.
  let message: Message

  /// Reads a packet that came in. It is `nil` for a fragment, the first one included, for headers that cannot be read
  /// up to what they carry, and for an upper layer's header that is cut off.
  @inline(__always)
  init?(received packet: PacketView) {
    guard case .whole(let upper) = packet.upper, !upper.isFragment else { return nil }
    self.init(upper, of: packet)
  }

  /// Reads a packet that our side sends. Of a packet in fragments the first tells what it is: nobody has to be kept
  /// from making our own kernel put together something else.
  @inline(__always)
  init?(sent packet: PacketView) {
    guard case .whole(let upper) = packet.upper else { return nil }
    self.init(upper, of: packet)
  }

  @inline(__always)
  private init?(_ upper: UpperLayer, of packet: PacketView) {
    let (bytes, offset) = (packet.bytes, upper.offset)
    let room = bytes.count - offset
    switch upper.nextHeader {
    case NextHeader.tcp:
      guard room >= TCPHeader.size else { return nil }
      self.init(NextHeader.tcp, .segment(flags: bytes[offset + TCPHeader.flags]), portsAt: offset, in: bytes)
    case NextHeader.udp:
      guard room >= UDPHeader.size else { return nil }
      self.init(NextHeader.udp, .datagram, portsAt: offset, in: bytes)
    case NextHeader.icmp where !packet.isIPv4, ICMPv4Error.protocolNumber where packet.isIPv4:
      guard room >= EchoHeader.size else { return nil }
      self.init(icmpAt: offset, in: bytes, isIPv4: packet.isIPv4)
    default:
      self.init(upper.nextHeader, .datagram, 0, 0)
    }
  }

  /// Reads what an ICMP error quotes of a packet, which is cut off somewhere: its addresses, and its flow as far as its
  /// first bytes tell. It is `nil` if they do not tell.
  init?(quoted bytes: UnsafeRawBufferPointer, isIPv4: Bool) {
    let (number, offset): (UInt8, Int)
    if isIPv4 {
      guard bytes.count >= IPv4Header.size, bytes[0] >> 4 == 4,
        bytes.number(at: IPv4Header.Field.fragment) & IPv4Header.Field.fragmentOffset == 0
      else { return nil }
      (number, offset) = (bytes[IPv4Header.Field.protocolNumber], max(Int(bytes[0] & 0xf) * 4, IPv4Header.size))
    } else {
      guard bytes.count >= IPv6Header.size, bytes[0] >> 4 == 6,
        let upper = UpperLayer.chain(of: bytes, bytes[IPv6Header.Field.nextHeader]).layer
      else { return nil }
      (number, offset) = (upper.nextHeader, upper.offset)
    }
    let room = bytes.count - offset
    switch number {
    case NextHeader.tcp, NextHeader.udp:
      guard room >= 4 else { return nil }
      self.init(number, .datagram, portsAt: offset, in: bytes)
    case NextHeader.icmp where !isIPv4, ICMPv4Error.protocolNumber where isIPv4:
      guard room >= EchoHeader.size else { return nil }
      self.init(icmpAt: offset, in: bytes, isIPv4: isIPv4)
    default:
      self.init(number, .datagram, 0, 0)
    }
  }

  @inline(__always)
  private init(_ protocolNumber: UInt8, _ message: Message, _ source: UInt16, _ destination: UInt16) {
    self.protocolNumber = protocolNumber
    self.message = message
    self.source = source
    self.destination = destination
  }

  @inline(__always)
  private init(_ protocolNumber: UInt8, _ message: Message, portsAt offset: Int, in bytes: UnsafeRawBufferPointer) {
    self.init(protocolNumber, message, bytes.number(at: offset), bytes.number(at: offset + 2))
  }

  private init(icmpAt offset: Int, in bytes: UnsafeRawBufferPointer, isIPv4: Bool) {
    let number = isIPv4 ? ICMPv4Error.protocolNumber : NextHeader.icmp
    let message: Message =
      switch (bytes[offset], isIPv4) {
      case (128, false), (8, true): .echoRequest
      case (129, false), (0, true): .echoReply
      case (..<ICMPv6Error.firstOther, false), (3, true), (4, true), (11, true), (12, true):
        .error(quote: offset + ICMPv6Error.quoteOffset)
      default: .other
      }
    let isEcho = message == .echoRequest || message == .echoReply
    let identifier = isEcho ? bytes.number(at: offset + EchoHeader.identifier) : 0
    self.init(number, message, identifier, identifier)
  }
}

/// The offsets of fields in an echo message (RFC 792, RFC 4443 section 4.1), in bytes from its start.
private enum EchoHeader {
  static let size = 8
  static let identifier = 4
}
