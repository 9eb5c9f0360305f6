/// Consecutive segments of one flow that go to the device as one packet.
struct SegmentGroup {
  /// The first, whose headers stand for all.
  let first: TCPSegment
  /// Which place its runs have in the joiner's memory.
  let slot: Int
  /// How many segments there are.
  private(set) var count = 1
  /// How many bytes of payload they have altogether.
  private(set) var payloadSize: Int
  /// Whether no more may follow: the last had PSH, or was shorter than the others.
  private(set) var isClosed = false
  private(set) var isPushed = false

  init(_ first: TCPSegment, slot: Int) {
    self.first = first
    self.slot = slot
    payloadSize = first.payloadSize
  }

  /// How long the packet is that they make.
  var length: Int { first.headersSize + payloadSize }

  /// Takes the segment in if it follows on the last, as GRO of the kernel would (`tcp_gro_receive`).
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
