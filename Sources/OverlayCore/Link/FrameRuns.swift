/// Memory in which an Ethernet header is put before a packet in runs, so that none is taken for each.
struct FrameRuns: ~Copyable {
  private let header = UnsafeMutableRawBufferPointer.allocate(byteCount: EthernetHeader.size, alignment: 8)
  private let runs = UnsafeMutableBufferPointer<UnsafeRawBufferPointer>.allocate(capacity: PacketRuns.limit + 1)

  init() {
    runs.initialize(repeating: UnsafeRawBufferPointer(header))
  }

  /// The frame of this header and this packet in one run more, valid until the next; `nil` if the packet is in more
  /// runs than `PacketRuns.limit`.
  func frame(
    _ header: EthernetHeader, _ packet: UnsafeBufferPointer<UnsafeRawBufferPointer>
  ) -> UnsafeBufferPointer<UnsafeRawBufferPointer>? {
    guard packet.count <= PacketRuns.limit else { return nil }
    header.store(into: self.header)
    for index in 0..<packet.count { runs[1 + index] = packet[index] }
    return UnsafeBufferPointer(rebasing: runs[..<(1 + packet.count)])
  }

  deinit {
    header.deallocate()
    runs.deallocate()
  }
}
