/// Memory for an Ethernet header and the list of a frame's runs, so that a frame allocates none.
struct FrameRuns: ~Copyable {
  private let header = UnsafeMutableRawBufferPointer.allocate(byteCount: EthernetHeader.size, alignment: 8)
  private let runs = UnsafeMutableBufferPointer<UnsafeRawBufferPointer>.allocate(capacity: PacketRuns.limit + 1)

  init() {
    runs.initialize(repeating: UnsafeRawBufferPointer(header))
  }

  /// Returns the frame of this header and this packet, in one run more than the packet. It is valid until the next one,
  /// and `nil` if the packet has more runs than `PacketRuns.limit`.
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
