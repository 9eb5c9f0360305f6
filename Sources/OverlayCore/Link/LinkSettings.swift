/// The settings of an Ethernet link to the hosts of a LAN: who it is, and which addresses are on which side of it.
public struct LinkSettings: Sendable {
  /// The daemon's own address on the link, with which it answers. It is the address of one station, not of a group.
  var macAddress: MACAddress
  /// The overlay.
  var network: OverlayNetwork
  /// The overlay addresses that are on this side: the identities.
  var ownAddresses: [IPv6Address]
  /// IPv6 prefixes that are on this side, too.
  public var servedPrefixes: [IPv6Prefix]
  /// IPv6 prefixes that are behind peers.
  public var routes: [IPv6Prefix]
  /// Whether IPv4 is carried. If not, IPv4 packets and ARP are ignored.
  public var carriesIPv4: Bool
  /// IPv4 prefixes that are on this side.
  public var servedIPv4: [IPv4Prefix]
  /// IPv4 prefixes that are behind peers. The link answers ARP for their addresses.
  public var ipv4Routes: [IPv4Prefix]
  /// Whether hosts of the LAN are answered about names at the local responder's port 53.
  public var answersNames = false
  /// The MTU of the interface, in bytes. A frame with a longer packet is dropped and counted, unless the packet is
  /// still to be cut.
  var mtu: Int

  /// Makes the settings of a link that carries IPv6 packets of the overlay alone.
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

  /// Returns whether `address` is an identity's, and so on this side.
  func isOwn(_ address: IPv6Address) -> Bool { ownAddresses.contains(address) }

  /// Returns whether `address` is on this side by a prefix.
  func isServed(_ address: IPv6Address) -> Bool {
    LinkSettings.longest(servedPrefixes, address) >= 0 && !isElsewhere(address) && canBeNeighbour(address)
  }

  /// Returns whether this daemon takes packets to `address`, and so answers for it. It does for the overlay addresses
  /// of peers and responders, and for a prefix behind a peer, unless a prefix on this side is longer or as long.
  func isElsewhere(_ address: IPv6Address) -> Bool {
    guard LinkSettings.isHost(address), !isOwn(address) else { return false }
    let overlay = network.contains(address) ? network.prefix.length : -1
    return max(overlay, LinkSettings.longest(routes, address)) > LinkSettings.longest(servedPrefixes, address)
  }

  /// Returns whether `address` is behind a peer, as above.
  func isElsewhere(_ address: IPv4Address) -> Bool {
    address.isHost
      && LinkSettings.longest(ipv4Routes, address) > LinkSettings.longest(servedIPv4, address)
  }

  /// Returns whether a host on this side can have `address`: any that a host can have and that is not behind a peer by
  /// a route. An overlay address that is no identity's is among them, because its host must be told that it may not
  /// send.
  func canBeNeighbour(_ address: IPv6Address) -> Bool {
    guard LinkSettings.isHost(address), !isResponder(address) else { return false }
    return network.contains(address)
      || LinkSettings.longest(routes, address) <= LinkSettings.longest(servedPrefixes, address)
  }

  /// Returns whether a host on this side can have `address`, as above.
  func canBeNeighbour(_ address: IPv4Address) -> Bool {
    address.isHost && !isElsewhere(address)
  }

  /// Returns whether `address` is one that daemons answer themselves.
  func isResponder(_ address: IPv6Address) -> Bool {
    address == network.localResponder || address == network.circuitResponder
  }

  /// Returns whether a host beyond this link can have `address`. The link excludes all of `::/64`, in which no host is
  /// given an address.
  static func isHost(_ address: IPv6Address) -> Bool { address.isHost && address.high != 0 }

  private static func longest(_ prefixes: [IPv6Prefix], _ address: IPv6Address) -> Int {
    prefixes.reduce(-1) { $1.contains(address) ? max($0, $1.length) : $0 }
  }

  private static func longest(_ prefixes: [IPv4Prefix], _ address: IPv4Address) -> Int {
    prefixes.reduce(-1) { $1.contains(address) ? max($0, $1.length) : $0 }
  }
}
