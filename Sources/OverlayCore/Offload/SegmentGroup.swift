/// Consecutive segments of one flow that go to the device as one packet.
struct SegmentGroup {
  /// The first segment, whose headers become those of the packet.
  let first: TCPSegment
  /// The number of the place of its runs in the joiner's memory.
  let slot: Int
  /// The number of segments.
  private(set) var count = 1
  /// The number of bytes of payload of all segments.
  private(set) var payloadSize: Int
  /// Whether no segment may follow, because the last had PSH or was shorter than the others.
  private(set) var isClosed = false
  private(set) var isPushed = false

  init(_ first: TCPSegment, slot: Int) {
    self.first = first
    self.slot = slot
    payloadSize = first.payloadSize
  }

  /// The length of the packet in bytes.
  var length: Int { first.headersSize + payloadSize }

  /// Appends a segment if it follows the last one, as the kernel's GRO would (`tcp_gro_receive`). It returns whether it
  /// did.
  mutating func append(_ segment: TCPSegment) -> Bool {
    let size = segment.payloadSize
    guard !isClosed, count < PacketRuns.limit, size <= first.payloadSize,
      length + size <= IPv6Header.largestPacket,
      segment.sequence == first.sequence &+ UInt32(truncatingIfNeeded: payloadSize),
      segment.hasSameHeaders(as: first)
    else { return false }
    count += 1
    payloadSize += size
    isPushed = segment.isPushed
    isClosed = isPushed || size < first.payloadSize
    return true
  }
}
