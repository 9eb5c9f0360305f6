/// The device of a host: a wire to the kernel, which carries IP packets, or Ethernet frames with the link that finds
/// neighbours.
public struct LinkDevice<Wire: PacketSink & ~Copyable>: ~Copyable, PacketDevice {
  /// The wire.
  public var wire: Wire
  /// The Ethernet side; `nil` if the wire carries bare IP packets.
  var link: EthernetLink?
  /// Whether the wire carries Ethernet frames. Testing `link` would move it out and back.
  public let hasLink: Bool

  /// Makes a device without a link, or with one.
  public init(_ wire: consuming Wire, link: consuming EthernetLink? = nil) {
    self.wire = wire
    hasLink = link != nil
    self.link = link
  }

  /// Takes one whole packet for this host, or for one behind it.
  public mutating func deliver(
    _ runs: UnsafeBufferPointer<UnsafeRawBufferPointer>, _ header: OffloadHeader, at now: Instant
  ) -> Bool {
    guard hasLink else { return wire.deliver(runs, header) }
    return link?.deliver(runs, header, at: now, wire: &wire) ?? false
  }

  /// Changes which prefixes are on which side of the link, if there is one.
  public mutating func changeLink(_ body: (inout LinkSettings) -> Void) {
    if hasLink { link?.change(body) }
  }

  /// Finds the packet in a frame that was read from the wire. The link may find something else, and answer it.
  mutating func open(
    _ frame: UnsafeMutableRawBufferPointer, _ offload: OffloadHeader, at now: Instant, isLive: (IPv6Address) -> Bool
  ) -> EthernetLink.Inbound {
    guard hasLink else { return .packet(0..<frame.count, offload) }
    return link?.receive(frame, offload, at: now, wire: &wire, isLive: isLive) ?? .consumed
  }

  /// Returns whether the host of the LAN that has `address` is at this station, as far as the link knows by now.
  mutating func has(_ address: IPv6Address, at station: MACAddress, _ now: Instant) -> Bool {
    hasLink && link?.has(address, at: station, now, wire: &wire) == true
  }

  /// Returns whether a prefix on this side has `address`.
  func serves(_ address: IPv6Address) -> Bool {
    switch link {
    case .none: false
    case .some(let link): link.settings.isServed(address)
    }
  }

  /// Does what is due on the link.
  mutating func advance(to now: Instant) {
    if hasLink { link?.advance(to: now, wire: &wire) }
  }

  /// Sends a packet of the address service to one host of the link, or to all.
  mutating func send(_ packet: [UInt8], to station: MACAddress) {
    guard hasLink else { return }
    packet.withUnsafeBytes { _ = link?.send($0, to: station, wire: &wire) }
  }

  /// Adds to a counter of the link, if there is one.
  mutating func count(_ counter: Counter, _ times: Int = 1) {
    if hasLink { link?.counters[counter] += UInt64(times) }
  }

  /// The counters of the link; `nil` if there is none.
  var linkCounters: Counters? {
    switch link {
    case .none: nil
    case .some(let link): link.counters
    }
  }

  /// Returns the hosts of the LAN that were heard of lately; `nil` if there is no link.
  func neighbours(at now: Instant) -> [LinkNeighbour]? {
    switch link {
    case .none: nil
    case .some(let link): link.table.list(at: now)
    }
  }

  /// The time at which `advance` has to be called next.
  var nextDeadline: Instant {
    switch link {
    case .none: .distantFuture
    case .some(let link): link.nextDeadline ?? .distantFuture
    }
  }

  /// Removes the next event of the link and returns it; `nil` if there is none.
  mutating func nextEvent() -> EthernetLink.Event? { hasLink ? link?.nextEvent() : nil }
}
