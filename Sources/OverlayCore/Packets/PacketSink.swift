/// Takes the packets that are delivered to this host.
public protocol PacketSink: ~Copyable {
  /// Takes one whole packet, which stands in up to `PacketRuns.limit` runs of bytes that are valid during the call, the
  /// headers all in the first; `header` says what is left to be done to it. Whether it was taken.
  mutating func deliver(_ runs: UnsafeBufferPointer<UnsafeRawBufferPointer>, _ header: OffloadHeader) -> Bool
}

extension PacketSink where Self: ~Copyable {
  /// Takes one whole packet to which nothing is left to do, valid during the call; whether it was taken.
  public mutating func deliver(_ packet: UnsafeRawBufferPointer) -> Bool {
    deliver(packet, .none)
  }

  /// Takes one whole packet in one run.
  mutating func deliver(_ packet: UnsafeRawBufferPointer, _ header: OffloadHeader) -> Bool {
    withUnsafePointer(to: packet) { deliver(UnsafeBufferPointer(start: $0, count: 1), header) }
  }
}

/// A packet in pieces.
public enum PacketRuns {
  /// In how many runs of bytes a packet is handed out at most.
  public static let limit = 64
}
