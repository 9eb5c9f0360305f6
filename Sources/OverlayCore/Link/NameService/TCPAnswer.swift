/// A segment of TCP that this side sends (RFC 9293 section 3.1).
///
///      0                   1                   2                   3
///      0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
///     +-------------------------------+-------------------------------+
///     |          source port          |       destination port        |
///     +-------------------------------+-------------------------------+
///     |                        sequence number                        |
///     +---------------------------------------------------------------+
///     |                     acknowledgement number                    |
///     +-------+-------+-+-+-+-+-+-+-+-+-------------------------------+
///     |offset |   0   |C|E|U|A|P|R|S|F|            window             |
///     +-------+-------+-+-+-+-+-+-+-+-+-------------------------------+
///     |           checksum            |       urgent pointer = 0      |
///     +-------------------------------+-------------------------------+
///     |  with SYN the option: kind 2, length 4, greatest segment      |
///     +---------------------------------------------------------------+
struct TCPAnswer: Equatable {
  /// The sequence number of the first byte.
  var sequence: UInt32
  /// The sequence number that is expected next.
  var acknowledgement: UInt32
  /// Bits of `TCPHeader.Flag`.
  var flags: UInt8
  /// How many bytes more are taken.
  var window: UInt16 = greatestSegment
  /// What it carries, at most `greatestSegment` bytes.
  var payload: [UInt8] = []

  /// What fits into any packet of IPv6, whatever the link (RFC 9293 section 3.7.1).
  static let greatestSegment: UInt16 = 1_220

  /// Returns the whole packet.
  func packet(
    from source: (address: IPv6Address, port: UInt16), to destination: (address: IPv6Address, port: UInt16)
  ) -> [UInt8] {
    let isFirst = flags & TCPHeader.Flag.synchronise != 0
    var segment: [UInt8] = []
    segment.append(bigEndian: source.port)
    segment.append(bigEndian: destination.port)
    segment.append(bigEndian: sequence)
    segment.append(bigEndian: acknowledgement)
    segment += [isFirst ? 0x60 : 0x50, flags]
    segment.append(bigEndian: window)
    segment += [0, 0, 0, 0]
    if isFirst {
      segment += [2, 4]
      segment.append(bigEndian: TCPAnswer.greatestSegment)
    }
    segment += payload
    segment.withUnsafeMutableBytes { bytes in
      var checksum = InternetChecksum(
        source: source.address, destination: destination.address, length: bytes.count, nextHeader: NextHeader.tcp)
      checksum.add(UnsafeRawBufferPointer(bytes))
      bytes.storeBytes(of: checksum.field, toByteOffset: TCPHeader.checksum, as: UInt16.self)
    }
    return IPv6Header(
      payloadLength: UInt16(segment.count), nextHeader: NextHeader.tcp, hopLimit: 64, source: source.address,
      destination: destination.address
    ).bytes + segment
  }
}
