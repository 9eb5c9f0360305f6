/// A segment joiner joins consecutive TCP segments that come in, so that the kernel takes them in one call and one
/// piece. It copies nothing: it hands out the packets' own bytes, and changes only the headers of the first in place.
///
/// It joins only what the kernel's own GRO would join: intact segments of plain data with like headers, of which each
/// follows the last. Within a flow the order stays. It joins at most eight flows at a time, and at most 64 segments or
/// 65,575 bytes of each; the flow that began first is handed out to make room.
public struct SegmentJoiner: ~Copyable {
  private static let flowLimit = 8

  // The groups, the oldest first, and 64 runs for each slot.
  private let groups: UnsafeMutableBufferPointer<SegmentGroup>
  private let runs: UnsafeMutableBufferPointer<UnsafeRawBufferPointer>
  private var count = 0
  private var freeSlots = UInt8.max

  /// Makes an empty joiner. Its memory is 9 KiB.
  public init() {
    groups = .allocate(capacity: SegmentJoiner.flowLimit)
    runs = .allocate(capacity: SegmentJoiner.flowLimit * PacketRuns.limit)
  }

  deinit {
    groups.deallocate()
    runs.deallocate()
  }

  /// Adds a packet, whose memory must stay until `flush`. It returns the number of packets that the sink refused.
  ///
  /// A TCP packet longer than `egressMTU` bytes is a super-packet, which a peer did not cut. It is handed out to be cut
  /// into packets of that length. What cannot be joined or cut is handed out unchanged, and the kernel decides.
  public mutating func add<Sink: PacketSink & ~Copyable>(
    _ packet: PacketView, egressMTU: Int, to sink: inout Sink
  ) -> Int {
    guard let segment = TCPSegment(packet) else {
      let refused = flush(before: packet, to: &sink)
      return refused + forward(packet.bytes, to: &sink)
    }
    // With ThreadSanitizer the compiler (6.3) fails where memory is changed through a field of a noncopyable value.
    let groups = groups
    let isIntact = segment.isIntact
    let flow = (0..<count).first { groups[$0].first.isOfSameFlow(as: segment) }
    if isIntact, packet.count <= egressMTU, segment.mayBeJoined {
      if let flow, groups[flow].append(segment) {
        runs[groups[flow].slot * PacketRuns.limit + groups[flow].count - 1] = segment.payload
        return groups[flow].isClosed ? flush(flow, to: &sink) : 0
      }
      let refused = flow.map { flush($0, to: &sink) } ?? 0
      return refused + (segment.isPushed ? forward(packet.bytes, to: &sink) : begin(segment, to: &sink))
    }
    let refused = flow.map { flush($0, to: &sink) } ?? 0
    let segmentSize = egressMTU - segment.headersSize
    guard isIntact, segment.payloadSize > segmentSize, segmentSize > 0, segment.mayBeCut else {
      return refused + forward(packet.bytes, to: &sink)
    }
    segment.lead(packet.count, isPushed: false)
    let isTaken = sink.deliver(packet.bytes, segment.offload(segmentSize: segmentSize))
    return refused + (isTaken ? 0 : 1)
  }

  /// Hands out all packets that are held back, the flow that began first at first. It returns the number of packets
  /// that the sink refused.
  public mutating func flush<Sink: PacketSink & ~Copyable>(to sink: inout Sink) -> Int {
    var refused = 0
    while count > 0 { refused += flush(0, to: &sink) }
    return refused
  }

  private mutating func begin<Sink: PacketSink & ~Copyable>(_ segment: TCPSegment, to sink: inout Sink) -> Int {
    let refused = count == SegmentJoiner.flowLimit ? flush(0, to: &sink) : 0
    let slot = freeSlots.trailingZeroBitCount
    freeSlots &= ~(1 << slot)
    groups.initializeElement(at: count, to: SegmentGroup(segment, slot: slot))
    runs.initializeElement(at: slot * PacketRuns.limit, to: UnsafeRawBufferPointer(segment.packet))
    count += 1
    return refused
  }

  /// Hands out the segments that `packet`, which is no plain TCP segment, must not overtake. It may be of the same
  /// flow: behind an extension header, or in fragments.
  private mutating func flush<Sink: PacketSink & ~Copyable>(
    before packet: PacketView, to sink: inout Sink
  ) -> Int {
    guard count > 0, !packet.isIPv4, packet.nextHeader != NextHeader.udp, packet.nextHeader != NextHeader.icmp else {
      return 0
    }
    var refused = 0
    for index in (0..<count).reversed() where groups[index].first.isBetweenSameHosts(as: packet.bytes) {
      refused += flush(index, to: &sink)
    }
    return refused
  }

  private mutating func flush<Sink: PacketSink & ~Copyable>(_ index: Int, to sink: inout Sink) -> Int {
    let group = groups[index]
    count -= 1
    for later in index..<count { groups[later] = groups[later + 1] }
    freeSlots |= 1 << group.slot
    guard group.count > 1 else { return forward(UnsafeRawBufferPointer(group.first.packet), to: &sink) }
    group.first.lead(group.length, isPushed: group.isPushed)
    let start = group.slot * PacketRuns.limit
    let isTaken = sink.deliver(
      UnsafeBufferPointer(rebasing: runs[start..<start + group.count]),
      group.first.offload(segmentSize: group.first.payloadSize))
    return isTaken ? 0 : group.count
  }

  private func forward<Sink: PacketSink & ~Copyable>(
    _ packet: UnsafeRawBufferPointer, to sink: inout Sink
  ) -> Int {
    sink.deliver(packet) ? 0 : 1
  }
}
