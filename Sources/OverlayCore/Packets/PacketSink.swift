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

/// Takes the packets that are delivered to this host, and is told when.
public protocol PacketDevice: ~Copyable {
  /// Takes one whole packet, as `PacketSink` does, at this time.
  mutating func deliver(
    _ runs: UnsafeBufferPointer<UnsafeRawBufferPointer>, _ header: OffloadHeader, at now: Instant
  ) -> Bool
}

extension PacketDevice where Self: PacketSink & ~Copyable {
  /// Takes one whole packet, whenever it comes.
  public mutating func deliver(
    _ runs: UnsafeBufferPointer<UnsafeRawBufferPointer>, _ header: OffloadHeader, at now: Instant
  ) -> Bool {
    deliver(runs, header)
  }
}

/// What an event is handled with: the time at which it came, and the device. Both are the same for all that follows from
/// the event, and whoever owns the device sets the time before each.
public struct Turn<Device: PacketDevice & ~Copyable>: ~Copyable, PacketSink {
  /// The time.
  public var now: Instant
  /// The device.
  public var device: Device

  /// The first turn with a device.
  public init(_ device: consuming Device, at now: Instant = Instant(nanoseconds: 0)) {
    self.now = now
    self.device = device
  }

  /// Takes one whole packet for the device, now.
  public mutating func deliver(
    _ runs: UnsafeBufferPointer<UnsafeRawBufferPointer>, _ header: OffloadHeader
  ) -> Bool {
    device.deliver(runs, header, at: now)
  }
}

/// A packet in pieces.
public enum PacketRuns {
  /// In how many runs of bytes a packet is handed out at most.
  public static let limit = 64
}
