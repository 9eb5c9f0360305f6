/// A packet sink takes the packets that are delivered to this host.
public protocol PacketSink: ~Copyable {
  /// Takes one whole packet, and returns whether it did. The packet stands in up to `PacketRuns.limit` runs of bytes,
  /// which are valid during the call, with all headers in the first. `header` says what is left to be done to it.
  mutating func deliver(_ runs: UnsafeBufferPointer<UnsafeRawBufferPointer>, _ header: OffloadHeader) -> Bool
}

extension PacketSink where Self: ~Copyable {
  /// Takes one whole packet to which nothing is left to be done, and returns whether it did.
  mutating func deliver(_ packet: UnsafeRawBufferPointer) -> Bool {
    deliver(packet, .none)
  }

  /// Takes one whole packet in one run, and returns whether it did.
  mutating func deliver(_ packet: UnsafeRawBufferPointer, _ header: OffloadHeader) -> Bool {
    withUnsafePointer(to: packet) { deliver(UnsafeBufferPointer(start: $0, count: 1), header) }
  }
}

/// A packet device is a sink that is told the time.
public protocol PacketDevice: ~Copyable {
  /// Takes one whole packet at this time, as `PacketSink` does.
  mutating func deliver(
    _ runs: UnsafeBufferPointer<UnsafeRawBufferPointer>, _ header: OffloadHeader, at now: Instant
  ) -> Bool
}

extension PacketDevice where Self: PacketSink & ~Copyable {
  /// Takes one whole packet, and ignores the time.
  public mutating func deliver(
    _ runs: UnsafeBufferPointer<UnsafeRawBufferPointer>, _ header: OffloadHeader, at now: Instant
  ) -> Bool {
    deliver(runs, header)
  }
}

/// A turn is the time and the device of one event. Both are the same for everything that follows from the event. The
/// owner of the device sets the time before each event.
public struct Turn<Device: PacketDevice & ~Copyable>: ~Copyable, PacketSink {
  /// The time.
  public var now: Instant
  /// The device.
  public var device: Device

  /// Makes a turn with a device.
  public init(_ device: consuming Device, at now: Instant = Instant(nanoseconds: 0)) {
    self.now = now
    self.device = device
  }

  /// Delivers one whole packet to the device.
  public mutating func deliver(
    _ runs: UnsafeBufferPointer<UnsafeRawBufferPointer>, _ header: OffloadHeader
  ) -> Bool {
    device.deliver(runs, header, at: now)
  }
}

/// The bounds of a packet in several runs of bytes.
public enum PacketRuns {
  /// The greatest number of runs of a packet.
  public static let limit = 64
}
