/// What the service that gives addresses to LAN hosts is told when it is made.
public struct AddressServiceSettings: Sendable {
  /// The daemon's own on the link: of it are made the source address of what is sent and the server's identifier.
  var macAddress: MACAddress
  /// What is on the link.
  var prefix: IPv6Prefix
  /// How many bytes a packet on the link may have, told to all of its hosts; `nil` if nothing is to be said.
  var mtu: UInt32?
  /// The identities' overlay addresses, in the order in which they are handed out.
  var addresses: [IPv6Address]
  /// Whether the first of them is on the daemon's own interface and not handed out.
  var isFirstReserved: Bool
  /// What answers about names on the link: hosts are told of it. `nil` if nothing does.
  public var names: LocalNameServer?
  /// Hosts whose address is configured; nobody else gets it. A host has one, an address one host.
  public var bindings: [MACAddress: IPv6Address]

  /// Settings of these.
  public init(
    macAddress: MACAddress, prefix: IPv6Prefix = OverlayNetwork.tor.prefix, mtu: UInt32? = nil,
    addresses: [IPv6Address], isFirstReserved: Bool, bindings: [MACAddress: IPv6Address] = [:]
  ) {
    self.macAddress = macAddress
    self.prefix = prefix
    self.mtu = mtu
    self.addresses = addresses
    self.isFirstReserved = isFirstReserved
    self.bindings = bindings
  }
}
