extension Node {
  /// Delivers a packet that was admitted to the device, or tells its sender that it is too long for it.
  mutating func deliver<Device: PacketSink & ~Copyable>(
    _ packet: PacketView, at now: Instant, device: inout Device
  ) {
    let mtu = max(egressMTU, ICMPv6TooBig.smallestMTU)
    if settings.egress == .mtu, packet.count > mtu, !isCutByDevice(packet) {
      return refuseTooLong(packet, mtu, at: now)
    }
    counters[.delivered] += 1
    guard settings.isOffloading else { return hand(packet.bytes, to: &device) }
    counters[.deviceRefused] += UInt64(
      joiner.add(packet, egressMTU: min(egressMTU, Node.superSegment), to: &device))
  }

  /// Delivers an IPv4 packet that was admitted, in fragments where the device does not carry it whole.
  mutating func deliverIPv4<Device: PacketSink & ~Copyable>(
    _ packet: PacketView, at now: Instant, device: inout Device
  ) {
    let mtu = max(egressMTU, IPv4Header.smallestMTU)
    guard settings.egress == .mtu, packet.count > mtu else {
      counters[.delivered] += 1
      return hand(packet.bytes, to: &device)
    }
    guard !packet.mayNotBeFragmented else { return refuseTooLong(packet, mtu, at: now) }
    guard var fragmenter = IPv4Fragmenter(packet, mtu: mtu) else {
      counters[.malformed] += 1
      return
    }
    counters[.delivered] += 1
    counters[.fragmented] += 1
    withUnsafeTemporaryAllocation(byteCount: mtu, alignment: 8) { buffer in
      while true {
        let length = fragmenter.next(into: buffer)
        guard length > 0 else { break }
        hand(UnsafeRawBufferPointer(rebasing: buffer[..<length]), to: &device)
      }
    }
  }

  /// Whether the packet is a TCP super-packet, which goes out in segments of the size that the device carries.
  private func isCutByDevice(_ packet: PacketView) -> Bool {
    guard settings.isOffloading, let segment = TCPSegment(packet) else { return false }
    return segment.mayBeCut && segment.headersSize < egressMTU
  }

  private mutating func refuseTooLong(_ packet: PacketView, _ mtu: Int, at now: Instant) {
    counters[.tooLong] += 1
    refuse(fromOverlay: packet.bytes, .tooLong(mtu: mtu), at: now)
  }

  private mutating func hand<Device: PacketSink & ~Copyable>(
    _ packet: UnsafeRawBufferPointer, to device: inout Device
  ) {
    if !device.deliver(packet) { counters[.deviceRefused] += 1 }
  }
}
