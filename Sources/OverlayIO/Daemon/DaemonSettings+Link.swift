import OverlayCore

extension DaemonSettings {
  /// Returns the Ethernet side of a device that carries frames, for the identities with these addresses. `station` is
  /// the daemon's own MAC address there. It is `nil` if the device carries packets.
  func link(for addresses: [IPv6Address], station: MACAddress?) -> EthernetLink? {
    guard let station else { return nil }
    var link = LinkSettings(macAddress: station, ownAddresses: addresses, mtu: interface.mtu.bytes)
    setPrefixes(of: &link)
    link.carriesIPv4 = ipv4
    link.answersNames = lanDNS
    return EthernetLink(link)
  }

  /// Sets which prefixes are on which side of the link.
  func setPrefixes(of link: inout LinkSettings) {
    (link.servedIPv4, link.servedPrefixes, link.ipv4Routes, link.routes) = ([], [], [], [])
    for prefix in served {
      switch prefix {
      case .ipv4(let prefix): link.servedIPv4.append(prefix)
      case .ipv6(let prefix): link.servedPrefixes.append(prefix)
      }
    }
    for route in routes {
      switch route.prefix {
      case .ipv4(let prefix): link.ipv4Routes.append(prefix)
      case .ipv6(let prefix): link.routes.append(prefix)
      }
    }
    // The interface itself has this address, whatever is around it.
    if let own = ipv4Address?.address { link.servedIPv4.append(IPv4Prefix(own)) }
  }

  /// What answers about names, here and on the Ethernet side.
  var nameServer: LocalNameServer? { LocalNameServer(zone: dnsZone) }

  /// Returns the address service of the Ethernet side, for the identities with these addresses; `nil` if none is
  /// wanted.
  func addressService(for addresses: [IPv6Address], station: MACAddress) -> AddressServiceSettings? {
    guard dhcpv6 else { return nil }
    var service = AddressServiceSettings(
      macAddress: station, prefix: interface.prefix, mtu: UInt32(interface.mtu.bytes), addresses: addresses,
      isFirstReserved: hasAddress)
    service.names = lanDNS ? nameServer : nil
    for (identity, address) in zip(identities, addresses) {
      if let host = identity.macAddress { service.bindings[host] = address }
    }
    return service
  }
}
