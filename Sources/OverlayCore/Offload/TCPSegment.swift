/// An IPv6 packet whose TCP header stands right behind the IPv6 header: no extension header, no fragment.
struct TCPSegment {
  /// The whole packet.
  let packet: UnsafeMutableRawBufferPointer
  /// The length of both headers in bytes, with options.
  let headersSize: Int

  private static let start = IPv6Header.size

  /// Makes the segment that `packet` is; `nil` if it is anything else.
  init?(_ packet: PacketView) {
    guard !packet.isIPv4, packet.tcpStart != nil else { return nil }
    self.packet = packet.memory
    headersSize = TCPSegment.start + Int(packet.memory[TCPSegment.start + TCPHeader.dataOffset] >> 4) * 4
  }

  /// The bytes behind the headers.
  var payload: UnsafeRawBufferPointer { UnsafeRawBufferPointer(rebasing: packet[headersSize...]) }
  var payloadSize: Int { packet.count - headersSize }
  var sequence: UInt32 { UInt32(bigEndian: load(TCPHeader.sequence)) }
  var acknowledgement: UInt32 { UInt32(bigEndian: load(TCPHeader.acknowledgement)) }
  var flags: UInt8 { packet[TCPSegment.start + TCPHeader.flags] }
  var isPushed: Bool { flags & TCPHeader.Flag.push != 0 }

  /// Whether the checksum is right.
  var isIntact: Bool {
    var sum = InternetChecksum()
    // The addresses, which the pseudo-header begins with, stand right before the TCP header.
    sum.add(UnsafeRawBufferPointer(rebasing: packet[IPv6Header.Field.source...]))
    sum.add(UInt16(truncatingIfNeeded: packet.count - TCPSegment.start))
    sum.add(UInt16(NextHeader.tcp))
    return sum.field == 0
  }

  /// Whether the segment is plain data. A segment that says more (SYN, FIN, RST, URG, congestion, reserved bits) stays
  /// as it came.
  var mayBeJoined: Bool {
    payloadSize > 0 && packet[TCPSegment.start + TCPHeader.dataOffset] & 0xf == 0
      && flags & ~TCPHeader.Flag.push == TCPHeader.Flag.acknowledgement
  }

  /// Whether the segment can be cut without loss. Each piece keeps the reserved bits, of which Accurate ECN uses one
  /// (RFC 9768).
  var mayBeCut: Bool {
    let allowed =
      TCPHeader.Flag.acknowledgement | TCPHeader.Flag.push | TCPHeader.Flag.fin | TCPHeader.Flag.congestionEcho
      | TCPHeader.Flag.congestionWindowReduced
    return payloadSize > 0 && flags & ~allowed == 0
  }

  /// Returns whether both segments have the same addresses and ports.
  func isOfSameFlow(as other: TCPSegment) -> Bool {
    isBetweenSameHosts(as: UnsafeRawBufferPointer(other.packet)) && load(0) == other.load(0)
  }

  /// Returns whether `packet`, which has at least 40 bytes, has the same addresses.
  func isBetweenSameHosts(as packet: UnsafeRawBufferPointer) -> Bool {
    var difference: UInt64 = 0
    for offset in stride(from: IPv6Header.Field.source, to: IPv6Header.size, by: 8) {
      difference |=
        self.packet.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
        ^ packet.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
    }
    return difference == 0
  }

  /// Returns whether the headers of two segments of one flow are alike, apart from lengths, sequence number, PSH and
  /// checksum.
  func hasSameHeaders(as other: TCPSegment) -> Bool {
    guard headersSize == other.headersSize, word(0) as UInt32 == other.word(0), nextHeaders == other.nextHeaders,
      load(TCPHeader.acknowledgement) == other.load(TCPHeader.acknowledgement),
      (flags ^ other.flags) & ~TCPHeader.Flag.push == 0,
      word(TCPSegment.start + TCPHeader.window) as UInt16 == other.word(TCPSegment.start + TCPHeader.window),
      word(TCPSegment.start + TCPHeader.urgentPointer) as UInt16
        == other.word(TCPSegment.start + TCPHeader.urgentPointer)
    else { return false }
    for offset in stride(from: TCPSegment.start + TCPHeader.size, to: headersSize, by: 4)
    where word(offset) as UInt32 != other.word(offset) { return false }
    return true
  }

  /// Makes the segment the head of a packet of `length` bytes, and leaves the checksum to the kernel.
  func lead(_ length: Int, isPushed: Bool) {
    packet.store(UInt16(truncatingIfNeeded: length - IPv6Header.size), at: IPv6Header.Field.payloadLength)
    if isPushed { packet[TCPSegment.start + TCPHeader.flags] |= TCPHeader.Flag.push }
    var sum = InternetChecksum()
    sum.add(UnsafeRawBufferPointer(rebasing: packet[IPv6Header.Field.source..<IPv6Header.size]))
    sum.add(UInt16(truncatingIfNeeded: length - IPv6Header.size))
    sum.add(UInt16(NextHeader.tcp))
    packet.storeBytes(of: sum.folded, toByteOffset: TCPSegment.start + TCPHeader.checksum, as: UInt16.self)
  }

  /// Returns the offload header of a packet that begins with this segment, and is to be cut after each `size` bytes of
  /// payload.
  func offload(segmentSize size: Int) -> OffloadHeader {
    OffloadHeader(
      segmentation: .tcp(
        size: UInt16(truncatingIfNeeded: size), hasECN: flags & TCPHeader.Flag.congestionWindowReduced != 0),
      checksum: OffloadHeader.Checksum(start: UInt16(TCPSegment.start), offset: UInt16(TCPHeader.checksum)))
  }

  /// The next header and the hop limit.
  private var nextHeaders: UInt16 { word(IPv6Header.Field.nextHeader) }

  /// Returns four bytes of the TCP header.
  private func load(_ offset: Int) -> UInt32 { word(TCPSegment.start + offset) }

  private func word<Word: FixedWidthInteger & BitwiseCopyable>(_ offset: Int) -> Word {
    packet.loadUnaligned(fromByteOffset: offset, as: Word.self)
  }
}
