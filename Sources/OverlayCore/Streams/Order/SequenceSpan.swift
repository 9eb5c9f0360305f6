/// What a TCP packet takes of the sequence numbers of its flow (RFC 9293 section 3.4). They are counted modulo 2^32.
struct SequenceSpan {
  /// The number of the first byte, or of SYN.
  let start: UInt32
  /// The number behind the last byte, and behind FIN.
  let end: UInt32
  /// Whether the packet begins a flow (SYN).
  let beginsFlow: Bool
  /// Where the TCP header begins, in bytes from the packet's start.
  let header: Int

  /// Reads the span of `packet`. It is `nil` unless a TCP header stands right behind that of IP, and for an
  /// acknowledgement without data, which may come before or behind others.
  @inline(__always)
  init?(_ packet: PacketView) {
    guard let header = packet.tcpStart else { return nil }
    let flags = packet.bytes[header + TCPHeader.flags]
    let payload = packet.count - header - Int(packet.bytes[header + TCPHeader.dataOffset] >> 4) * 4
    let isFirst = flags & TCPHeader.Flag.synchronise != 0
    let isLast = flags & TCPHeader.Flag.fin != 0
    guard payload > 0 || isFirst || isLast || flags & TCPHeader.Flag.reset != 0 else { return nil }
    let number = packet.bytes.loadUnaligned(fromByteOffset: header + TCPHeader.sequence, as: UInt32.self)
    start = UInt32(bigEndian: number)
    end = start &+ UInt32(truncatingIfNeeded: payload) &+ (isFirst ? 1 : 0) &+ (isLast ? 1 : 0)
    beginsFlow = isFirst
    self.header = header
  }

  /// Returns how far `number` is ahead of `other`; negative if it is behind. Both are less than 2^31 apart.
  static func distance(from other: UInt32, to number: UInt32) -> Int { Int(Int32(bitPattern: number &- other)) }

  /// Returns the clock of the sender that `packet`, which has this span, tells (RFC 7323); `nil` for none.
  func clock(of packet: PacketView) -> UInt32? {
    guard let option = packet.timestamps(ofHeaderAt: header), option.count == 10 else { return nil }
    return UInt32(bigEndian: option.loadUnaligned(fromByteOffset: 2, as: UInt32.self))
  }
}

extension PacketView {
  /// Whether the other end can restore the order of the packet's flow if it comes on several circuits. That is so for
  /// TCP without clocks: a kernel that has seen a later clock refuses what tells an earlier one (PAWS, RFC 7323 section
  /// 5), and so what was sent again on a fast circuit would make it refuse what is older on a slow one.
  var canBeSpread: Bool { tcpStart.map { timestamps(ofHeaderAt: $0) == nil } ?? false }

  /// Returns the option with the sender's clock of the TCP header that begins at `start`; `nil` if there is none.
  fileprivate func timestamps(ofHeaderAt start: Int) -> UnsafeRawBufferPointer? {
    let size = Int(bytes[start + TCPHeader.dataOffset] >> 4) * 4
    let options = UnsafeRawBufferPointer(rebasing: bytes[(start + TCPHeader.size)..<(start + size)])
    return HeaderOptions.first(HeaderOptions.TCP.timestamps, in: options)
  }
}
