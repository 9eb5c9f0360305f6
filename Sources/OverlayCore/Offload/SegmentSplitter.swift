/// A segment splitter cuts a super-packet of the kernel into the packets that it stands for, as the kernel itself would
/// (`tcp_gso_segment`, `__udp_gso_segment`). Each packet gets its own payload length, sequence number, flags and full
/// checksum. The last one keeps FIN and PSH, and the first CWR.
///
/// Extension headers and the options of IPv4 are copied. The offload header tells where the upper layer's header
/// begins. Each IPv4 packet gets an identification of its own, but for those that never need one and come without
/// (RFC 6864 section 4.1).
public struct SegmentSplitter {
  private enum Transport {
    case tcp(sequence: UInt32, flags: UInt8)
    case udp
  }

  private let packet: UnsafeRawBufferPointer
  private let transport: Transport
  /// The offset of the upper layer's header, and the end of all headers, in bytes.
  private let start: Int
  private let headersSize: Int
  private let segmentSize: Int
  private let isIPv4: Bool
  /// The sum of everything that all segments have in common: the pseudo-header, and the header without lengths,
  /// sequence number, flags and checksum.
  private let commonSum: InternetChecksum
  private var offset: Int

  /// Makes the splitter of `view`, whose memory must stay until the last packet was made. It is `nil` unless `header`
  /// asks for a cut, and if the headers do not lie within the packet.
  public init?(_ view: PacketView, header: OffloadHeader) {
    guard let checksum = header.checksum else { return nil }
    let start = Int(checksum.start)
    if view.isIPv4 {
      guard let upper = view.upper.layer, !upper.isFragment, start == upper.offset else { return nil }
    } else {
      guard start >= IPv6Header.size else { return nil }
    }
    let packet = view.bytes
    let size: UInt16
    switch header.segmentation {
    case .none: return nil
    case .tcp(let segmentSize, _):
      guard Int(checksum.offset) == TCPHeader.checksum, start + TCPHeader.size <= packet.count else { return nil }
      let length = Int(packet[start + TCPHeader.dataOffset] >> 4) * 4
      guard length >= TCPHeader.size, start + length <= packet.count else { return nil }
      size = segmentSize
      headersSize = start + length
      transport = .tcp(
        sequence: UInt32(bigEndian: packet.loadUnaligned(fromByteOffset: start + TCPHeader.sequence, as: UInt32.self)),
        flags: packet[start + TCPHeader.flags])
    case .udp(let segmentSize):
      guard Int(checksum.offset) == UDPHeader.checksum, start + UDPHeader.size <= packet.count else { return nil }
      size = segmentSize
      headersSize = start + UDPHeader.size
      transport = .udp
    }
    guard size > 0 else { return nil }
    self.packet = packet
    isIPv4 = view.isIPv4
    self.start = start
    segmentSize = Int(size)
    offset = headersSize
    commonSum = SegmentSplitter.commonSum(packet, transport, start: start, headersSize: headersSize)
    isFinished = false
  }

  private var isFinished: Bool

  /// The length of the next packet in bytes; `nil` when there are no more.
  public var nextLength: Int? {
    isFinished ? nil : headersSize + min(segmentSize, packet.count - offset)
  }

  /// The number of packets that are left.
  public var countLeft: Int {
    isFinished ? 0 : max(1, (packet.count - offset + segmentSize - 1) / segmentSize)
  }

  /// Writes the next packet to the start of `buffer` and returns its length; 0 if there is none left, or if it does not
  /// fit.
  public mutating func next(into buffer: UnsafeMutableRawBufferPointer) -> Int {
    guard let length = nextLength, length <= buffer.count, let target = buffer.baseAddress,
      let source = packet.baseAddress
    else { return 0 }
    let isFirst = offset == headersSize
    let payloadSize = length - headersSize
    target.copyMemory(from: source, byteCount: headersSize)
    (target + headersSize).copyMemory(from: source + offset, byteCount: payloadSize)
    if isIPv4 {
      completeVersion4(buffer, length: length)
    } else {
      buffer.store(UInt16(truncatingIfNeeded: length - IPv6Header.size), at: IPv6Header.Field.payloadLength)
    }

    let upper = UnsafeMutableRawBufferPointer(rebasing: buffer[start..<length])
    let upperLength = UInt16(truncatingIfNeeded: upper.count)
    var sum = commonSum
    sum.add(upperLength)
    sum.add(UnsafeRawBufferPointer(start: target + headersSize, count: payloadSize))
    let done = UInt32(truncatingIfNeeded: offset - headersSize)
    offset += payloadSize
    isFinished = offset == packet.count
    switch transport {
    case .tcp(let firstSequence, var flags):
      if !isFirst { flags &= ~TCPHeader.Flag.congestionWindowReduced }
      if !isFinished { flags &= ~(TCPHeader.Flag.fin | TCPHeader.Flag.push) }
      upper[TCPHeader.flags] = flags
      let sequence = firstSequence &+ done
      upper.storeBytes(of: sequence.bigEndian, toByteOffset: TCPHeader.sequence, as: UInt32.self)
      sum.add(UInt16(truncatingIfNeeded: sequence >> 16))
      sum.add(UInt16(truncatingIfNeeded: sequence))
      sum.add(UInt16(upper[TCPHeader.dataOffset]) << 8 | UInt16(flags))
      upper.storeBytes(of: sum.field, toByteOffset: TCPHeader.checksum, as: UInt16.self)
    case .udp:
      upper.store(upperLength, at: UDPHeader.length)
      sum.add(upperLength)
      // Zero would say that there is no checksum, which IPv6 does not allow (RFC 8200 section 8.1).
      upper.storeBytes(of: sum.field == 0 ? 0xffff : sum.field, toByteOffset: UDPHeader.checksum, as: UInt16.self)
    }
    return length
  }

  private func completeVersion4(_ segment: UnsafeMutableRawBufferPointer, length: Int) {
    let index = (offset - headersSize) / segmentSize
    let first = packet.number(at: IPv4Header.Field.identification)
    segment.store(UInt16(truncatingIfNeeded: length), at: IPv4Header.Field.totalLength)
    let isNeeded = first != 0 || packet.number(at: IPv4Header.Field.fragment) & IPv4Header.Field.mayNotBeFragmented == 0
    segment.store(isNeeded ? first &+ UInt16(truncatingIfNeeded: index) : 0, at: IPv4Header.Field.identification)
    IPv4Header.complete(UnsafeMutableRawBufferPointer(rebasing: segment[..<start]))
  }

  private static func commonSum(
    _ packet: UnsafeRawBufferPointer, _ transport: Transport, start: Int, headersSize: Int
  ) -> InternetChecksum {
    let upper = UnsafeRawBufferPointer(rebasing: packet[start...])
    var sum = InternetChecksum()
    // The pseudo-header is taken as the kernel left it: with a routing header it is not made of the addresses in front.
    switch transport {
    case .tcp:
      sum.add(upper.number(at: TCPHeader.checksum))
      sum.add(UnsafeRawBufferPointer(rebasing: upper[..<TCPHeader.sequence]))
      sum.add(UnsafeRawBufferPointer(rebasing: upper[TCPHeader.acknowledgement..<TCPHeader.dataOffset]))
      sum.add(upper.number(at: TCPHeader.window))
      sum.add(UnsafeRawBufferPointer(rebasing: upper[TCPHeader.urgentPointer..<headersSize - start]))
    case .udp:
      sum.add(upper.number(at: UDPHeader.checksum))
      sum.add(UnsafeRawBufferPointer(rebasing: upper[..<UDPHeader.length]))
    }
    sum.subtract(UInt16(truncatingIfNeeded: upper.count))
    return sum
  }
}
