/// Delivery is the one door to the device. Everything that is delivered to this host, errors and answers of the node
/// included, passes here. It joins TCP segments if the device takes super-packets, and cuts or refuses a packet that is
/// longer than the device carries.
struct Delivery: ~Copyable {
  private var joiner = SegmentJoiner()
  private var mtu: Int
  private let egress: EgressLimit
  private let isOffloading: Bool

  /// The reason why a packet was not delivered, for its sender.
  struct TooLong {
    /// The MTU of the device in bytes.
    let mtu: Int
  }

  /// Makes a door to a device with this MTU in bytes.
  init(mtu: Int, egress: EgressLimit, isOffloading: Bool) {
    self.mtu = mtu
    self.egress = egress
    self.isOffloading = isOffloading
  }

  /// Sets the MTU of the device in bytes.
  mutating func mtuChanged(to bytes: Int) { mtu = bytes }

  /// Delivers a packet that was admitted. A segment that can be joined is held back, so the packet's memory must stay
  /// until `flush`.
  mutating func deliver<Device: PacketDevice & ~Copyable>(
    _ packet: PacketView, out: inout Outbox, turn: inout Turn<Device>
  ) -> TooLong? {
    if packet.isIPv4 { return deliverIPv4(packet, out: &out, turn: &turn) }
    let most = max(mtu, ICMPv6TooBig.smallestMTU)
    if egress == .mtu, packet.bytes.count > most, !isCutByDevice(packet) { return refuse(most, out: &out) }
    out.counters[.delivered] += 1
    guard isOffloading else {
      hand(packet.bytes, out: &out, turn: &turn)
      return nil
    }
    let refused = joiner.add(packet, egressMTU: min(mtu, Circuit.superSegment), to: &turn)
    out.counters[.deviceRefused] += UInt64(refused)
    return nil
  }

  /// Hands a packet to the device as it is.
  func hand<Device: PacketDevice & ~Copyable>(
    _ packet: UnsafeRawBufferPointer, _ offload: OffloadHeader = .none, out: inout Outbox, turn: inout Turn<Device>
  ) {
    if !turn.deliver(packet, offload) { out.counters[.deviceRefused] += 1 }
  }

  /// Hands out all packets that are held back.
  mutating func flush<Device: PacketDevice & ~Copyable>(out: inout Outbox, turn: inout Turn<Device>) {
    out.counters[.deviceRefused] += UInt64(joiner.flush(to: &turn))
  }

  /// Delivers an IPv4 packet, in fragments if the device does not carry it whole.
  private func deliverIPv4<Device: PacketDevice & ~Copyable>(
    _ packet: PacketView, out: inout Outbox, turn: inout Turn<Device>
  ) -> TooLong? {
    let most = max(mtu, IPv4Header.smallestMTU)
    guard egress == .mtu, packet.bytes.count > most else {
      out.counters[.delivered] += 1
      hand(packet.bytes, out: &out, turn: &turn)
      return nil
    }
    guard !packet.mayNotBeFragmented else { return refuse(most, out: &out) }
    guard var fragmenter = IPv4Fragmenter(packet, mtu: most) else {
      out.counters[.malformed] += 1
      return nil
    }
    out.counters[.delivered] += 1
    out.counters[.fragmented] += 1
    withUnsafeTemporaryAllocation(byteCount: most, alignment: 8) { buffer in
      while true {
        let length = fragmenter.next(into: buffer)
        guard length > 0 else { break }
        hand(UnsafeRawBufferPointer(rebasing: buffer[..<length]), out: &out, turn: &turn)
      }
    }
    return nil
  }

  /// Returns whether the packet is a TCP super-packet, which goes out in segments that the device carries.
  private func isCutByDevice(_ packet: PacketView) -> Bool {
    guard isOffloading, let segment = TCPSegment(packet) else { return false }
    return segment.mayBeCut && segment.headersSize < mtu
  }

  private func refuse(_ mtu: Int, out: inout Outbox) -> TooLong {
    out.counters[.tooLong] += 1
    return TooLong(mtu: mtu)
  }
}

/// The limit on the length of delivered packets.
public enum EgressLimit: Sendable {
  /// No limit but that of IP. Behind the device is a kernel, which takes its own packets in any size, and forwards,
  /// fragments or refuses those of others.
  case none
  /// The MTU of the device, because behind it is a link. A longer packet is cut where that is permitted, and refused
  /// otherwise.
  case mtu
}
