extension SamplePacket {
  /// The packets that the kernel would cut this one into, after each `size` bytes of payload.
  package func segments(_ size: Int) -> [SamplePacket] {
    stride(from: 0, to: max(payload.count, 1), by: size).map { offset in
      var segment = self
      let end = min(offset + size, payload.count)
      segment.payload = Array(payload[offset..<end])
      segment.checksum = .full
      if case .tcp(var tcp) = upper {
        tcp.sequence &+= UInt32(offset)
        if offset > 0 { tcp.flags &= 0x7f }
        if end < payload.count { tcp.flags &= ~0x09 }
        segment.upper = .tcp(tcp)
      }
      return segment
    }
  }

  /// Extension headers that every host skips: hop-by-hop and destination options, of padding alone.
  package static let padding: [(number: UInt8, rest: [UInt8])] = [
    (0, [0, 1, 4, 0, 0, 0, 0]), (60, [1, 1, 12] + [UInt8](repeating: 0, count: 12)),
  ]

  /// Bytes that differ, and differ from call to call only by `seed`.
  package static func payload(_ count: Int, seed: Int = 1) -> [UInt8] {
    (0..<count).map { UInt8(truncatingIfNeeded: ($0 &+ seed) &* 2_654_435_761 >> 11) }
  }
}
