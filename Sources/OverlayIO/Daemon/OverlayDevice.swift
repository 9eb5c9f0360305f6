import OverlayCore

/// What carries packets between the kernel and this host's identities: a tunnel of IP packets, or one of Ethernet frames
/// with the link on which neighbours are found.
struct OverlayDevice: Pollable, ~Copyable {
  /// The tunnel.
  var tunnel: TunnelDevice
  /// The Ethernet side; `nil` where the tunnel carries bare IP packets.
  var link: EthernetLink?
  /// Whether it carries Ethernet frames. To ask `link` itself is to move it out and back.
  let hasLink: Bool

  /// The tunnel's.
  var descriptor: Int32 { tunnel.descriptor }

  /// A device without a link, or with one.
  init(_ tunnel: consuming TunnelDevice, link: consuming EthernetLink?) {
    self.tunnel = tunnel
    hasLink = link != nil
    self.link = link
  }

  /// Finds the packet in what was read, in which a link may find something else, and answer it.
  mutating func open(
    _ frame: UnsafeMutableRawBufferPointer, _ offload: OffloadHeader, at now: Instant, isLive: (IPv6Address) -> Bool
  ) -> EthernetLink.Inbound {
    link?.receive(frame, offload, at: now, wire: &tunnel, isLive: isLive) ?? .packet(0..<frame.count, offload)
  }

  /// Does what the link has to do by now.
  mutating func advance(to now: Instant) {
    link?.advance(to: now, wire: &tunnel)
  }

  /// Sends what an address service says to the hosts of the link.
  mutating func send(_ packet: UnsafeRawBufferPointer, to station: MACAddress) {
    _ = link?.send(packet, to: station, wire: &tunnel)
  }
}

extension OverlayDevice: PacketDevice {
  mutating func deliver(
    _ runs: UnsafeBufferPointer<UnsafeRawBufferPointer>, _ header: OffloadHeader, at now: Instant
  ) -> Bool {
    guard hasLink else { return tunnel.deliver(runs, header) }
    return link?.deliver(runs, header, at: now, wire: &tunnel) ?? false
  }
}

extension Turn: Pollable where Device: Pollable & ~Copyable {
  /// The device's.
  var descriptor: Int32 { device.descriptor }
}
