import PacketSamples

@testable import OverlayCore

/// A link, what it sent, and the time.
struct LinkWorld: ~Copyable {
  static let mac = MACAddress(value: 0x02_11_22_33_44_55)
  static let kernel = MACAddress(value: 0x02_99_00_00_00_01)
  static let hostA = MACAddress(value: 0x02_aa_00_00_00_01)
  static let hostB = MACAddress(value: 0x02_bb_00_00_00_02)

  static let own = overlay(0x1111_0000_0000_0001)
  static let second = overlay(0x2222_0000_0000_0002)
  static let peer = overlay(0x3333_0000_0012_3456)
  static let served = IPv6Address(high: 0x2001_0db8_0001_0000, low: 0x42)
  static let routed = IPv6Address(high: 0x2001_0db8_0002_0000, low: 0x43)

  var link: EthernetLink
  var wire = CollectingSink()
  var now = Instant(nanoseconds: 5_000_000_000)
  var live: Set<IPv6Address> = []

  init(_ change: (inout LinkSettings) -> Void = { _ in }) {
    link = EthernetLink(LinkWorld.settings(change))
  }

  /// Identities `own` and `second`, a LAN that is served, another one behind a peer.
  static func settings(_ change: (inout LinkSettings) -> Void = { _ in }) -> LinkSettings {
    var settings = LinkSettings(macAddress: mac, ownAddresses: [own, second], mtu: 1_500)
    settings.servedPrefixes = [served, IPv6Address(high: 0x2001_0db8_0002_00ff, low: 0)].compactMap {
      IPv6Prefix($0, length: 64)
    }
    settings.routes = [IPv6Prefix(routed, length: 48)].compactMap { $0 }
    change(&settings)
    return settings
  }

  /// The same with IPv4: 10.1.0.0/16 is served, 10.2.0.0/16 is behind a peer.
  static func withIPv4() -> LinkWorld {
    LinkWorld {
      $0.carriesIPv4 = true
      $0.servedIPv4 = [IPv4Prefix(IPv4Address(value: 0x0a01_0000), length: 16)].compactMap { $0 }
      $0.ipv4Routes = [IPv4Prefix(IPv4Address(value: 0x0a02_0000), length: 16)].compactMap { $0 }
    }
  }

  static func overlay(_ low: UInt64) -> IPv6Address { IPv6Address(high: 0xfd87_d87e_eb43_0001, low: low) }

  /// What the link makes of a frame.
  mutating func receive(_ frame: [UInt8], _ offload: OffloadHeader = .none) -> EthernetLink.Inbound {
    var frame = frame
    let live = live
    return frame.withUnsafeMutableBytes {
      link.receive($0, offload, at: now, wire: &wire, isLive: { live.contains($0) })
    }
  }

  /// The frames that the link sends when this one comes in.
  mutating func answers(to frame: [UInt8]) -> [[UInt8]] {
    wire.frames = []
    _ = receive(frame)
    return sent()
  }

  mutating func deliver(_ packet: [UInt8], _ offload: OffloadHeader = .none) -> Bool {
    packet.withUnsafeBytes { bytes in
      withUnsafePointer(to: bytes) {
        link.deliver(UnsafeBufferPointer(start: $0, count: 1), offload, at: now, wire: &wire)
      }
    }
  }

  /// Lets time pass, as far as the link asks to be called on the way.
  mutating func pass(_ seconds: Double) {
    let end = now + .seconds(seconds)
    while let next = link.nextDeadline, next <= end {
      now = max(now, next)
      link.advance(to: now, wire: &wire)
    }
    now = end
  }

  /// What was sent since this was asked last.
  mutating func sent() -> [[UInt8]] {
    defer { wire.frames = [] }
    return wire.frames.map(\.bytes)
  }

  mutating func events() -> [EthernetLink.Event] {
    var events: [EthernetLink.Event] = []
    while let event = link.nextEvent() { events.append(event) }
    return events
  }

  func count(_ counter: Counter) -> UInt64 { link.counters[counter] }
}
