import OverlayCore

extension SamplePacket {
  /// What the kernel says before such a super-packet.
  package func offload(size: Int) -> OffloadHeader {
    switch upper {
    case .tcp(let tcp):
      OffloadHeader(
        segmentation: .tcp(size: UInt16(size), hasECN: tcp.flags & 0x80 != 0),
        checksum: OffloadHeader.Checksum(start: UInt16(upperStart), offset: 16))
    case .udp:
      OffloadHeader(
        segmentation: .udp(size: UInt16(size)),
        checksum: OffloadHeader.Checksum(start: UInt16(upperStart), offset: 6))
    case .other: .none
    }
  }
}

/// The packets that `bytes` are split into; `nil` if they are refused.
package func packets(of bytes: UnsafeRawBufferPointer, _ header: OffloadHeader) -> [[UInt8]]? {
  guard let packet = PacketView(reading: bytes), var splitter = SegmentSplitter(packet, header: header) else {
    return nil
  }
  var packets: [[UInt8]] = []
  while let length = splitter.nextLength {
    packets.append(
      [UInt8](unsafeUninitializedCapacity: length) { buffer, count in
        count = splitter.next(into: UnsafeMutableRawBufferPointer(buffer))
      })
  }
  return packets
}

/// The packets that the super-packet is split into, as it comes from the kernel.
package func split(_ packet: SamplePacket, size: Int) -> [[UInt8]]? {
  var partial = packet
  partial.checksum = .partial
  return partial.bytes.withUnsafeBytes { packets(of: $0, partial.offload(size: size)) }
}

/// Keeps what it is given.
package struct CollectingSink: PacketSink {
  package struct Frame: Equatable {
    package let bytes: [UInt8]
    package let header: OffloadHeader
    package let runCount: Int

    package init(bytes: [UInt8], header: OffloadHeader, runCount: Int) {
      self.bytes = bytes
      self.header = header
      self.runCount = runCount
    }
  }

  package var frames: [Frame] = []
  package var isRefusing: Bool

  package init(isRefusing: Bool = false) {
    self.isRefusing = isRefusing
  }

  package mutating func deliver(_ runs: UnsafeBufferPointer<UnsafeRawBufferPointer>, _ header: OffloadHeader) -> Bool {
    frames.append(Frame(bytes: runs.flatMap { Array($0) }, header: header, runCount: runs.count))
    return !isRefusing
  }

  /// The packets that links would carry, in order.
  package var packets: [[UInt8]] {
    frames.flatMap { frame in
      guard frame.header != .none else { return [frame.bytes] }
      return frame.bytes.withUnsafeBytes { PacketSamples.packets(of: $0, frame.header) } ?? []
    }
  }
}

/// What a joiner makes of packets that come in one batch.
package func join(_ packets: [[UInt8]], egressMTU: Int = 1_500) -> CollectingSink {
  var sink = CollectingSink()
  var joiner = SegmentJoiner()
  withBatch(of: packets) { packet in
    _ = joiner.add(packet, egressMTU: egressMTU, to: &sink)
  } end: {
    _ = joiner.flush(to: &sink)
  }
  return sink
}

/// Hands each packet, a whole one, to `body`; all of them stay where they are until `end` was called.
package func withBatch(of packets: [[UInt8]], _ body: (PacketView) -> Void, end: () -> Void) {
  let memory = packets.map { packet in
    let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: packet.count, alignment: 1)
    copy.copyBytes(from: packet)
    return copy
  }
  for packet in memory {
    guard let view = PacketView(packet) else { preconditionFailure("a batch holds whole packets") }
    body(view)
  }
  end()
  for packet in memory { packet.deallocate() }
}
