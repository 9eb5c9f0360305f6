/// What an Ethernet link to the hosts of a LAN must know: who it is, and which addresses lie on which side of it.
public struct LinkSettings: Sendable {
  /// The daemon's own address on the link: what it answers with. One station's, not a group's.
  public var macAddress: MACAddress
  /// Which addresses are the overlay's.
  public var network: OverlayNetwork
  /// The overlay addresses that are on this side: the identities.
  public var ownAddresses: [IPv6Address]
  /// IPv6 prefixes that are on this side, too.
  public var servedPrefixes: [IPv6Prefix]
  /// IPv6 prefixes that are behind peers.
  public var routes: [IPv6Prefix]
  /// Whether IPv4 packets are carried: without it neither these nor ARP are looked at.
  public var carriesIPv4: Bool
  /// IPv4 prefixes that are on this side.
  public var servedIPv4: [IPv4Prefix]
  /// IPv4 prefixes that are behind peers: ARP is answered for their addresses.
  public var ipv4Routes: [IPv4Prefix]
  /// The longest packet in bytes that a frame from this link may carry unless it is still to be cut: the interface's
  /// MTU. Longer ones are dropped and counted.
  public var mtu: Int

  /// The settings of a link that carries IPv6 only, and addresses of the overlay only.
  public init(
    macAddress: MACAddress, network: OverlayNetwork = .tor, ownAddresses: [IPv6Address],
    mtu: Int = IPv6Header.largestPacket
  ) {
    self.macAddress = macAddress
    self.network = network
    self.ownAddresses = ownAddresses
    self.mtu = mtu
    servedPrefixes = []
    routes = []
    carriesIPv4 = false
    servedIPv4 = []
    ipv4Routes = []
  }

  /// Whether `address` is an identity's, and so on this side.
  func isOwn(_ address: IPv6Address) -> Bool { ownAddresses.contains(address) }

  /// Whether packets to `address` are taken by this daemon, so that it answers for it: a peer's overlay address or a
  /// responder's, or one in a prefix behind a peer unless a longer or equal prefix is on this side.
  func isElsewhere(_ address: IPv6Address) -> Bool {
    guard LinkSettings.isHost(address), !isOwn(address) else { return false }
    let overlay = network.contains(address) ? network.prefix.length : -1
    return max(overlay, LinkSettings.longest(routes, address)) > LinkSettings.longest(servedPrefixes, address)
  }

  /// Whether `address` is behind a peer, as above.
  func isElsewhere(_ address: IPv4Address) -> Bool {
    address.isHost
      && LinkSettings.longest(ipv4Routes, address) > LinkSettings.longest(servedIPv4, address)
  }

  /// Whether `address` can be a host's on this side: neither a group's, a link's own or none at all, nor one behind a
  /// peer by a route. An overlay address that is no identity's can: its host must hear that it may not send.
  func canBeNeighbour(_ address: IPv6Address) -> Bool {
    guard LinkSettings.isHost(address), !isResponder(address) else { return false }
    return network.contains(address)
      || LinkSettings.longest(routes, address) <= LinkSettings.longest(servedPrefixes, address)
  }

  /// Whether `address` can be a host's on this side, as above.
  func canBeNeighbour(_ address: IPv4Address) -> Bool {
    address.isHost && !isElsewhere(address)
  }

  /// Whether the daemon itself, or its like at the end of a circuit, answers for `address`.
  func isResponder(_ address: IPv6Address) -> Bool {
    address == network.localResponder || address == network.circuitResponder
  }

  /// Whether a host beyond this link can have `address`. The link takes no other address of `::/64` for a host's,
  /// either: all that is defined there means none.
  static func isHost(_ address: IPv6Address) -> Bool { address.isHost && address.high != 0 }

  private static func longest(_ prefixes: [IPv6Prefix], _ address: IPv6Address) -> Int {
    prefixes.reduce(-1) { $1.contains(address) ? max($0, $1.length) : $0 }
  }

  private static func longest(_ prefixes: [IPv4Prefix], _ address: IPv4Address) -> Int {
    prefixes.reduce(-1) { $1.contains(address) ? max($0, $1.length) : $0 }
  }
}
