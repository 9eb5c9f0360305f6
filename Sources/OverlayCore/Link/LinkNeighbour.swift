/// A host of the LAN as the operator is shown it.
public struct LinkNeighbour: Equatable, Sendable {
  /// Its IPv6 or IPv4 address.
  public let address: String
  /// The station where it is.
  public let macAddress: MACAddress
  /// The time since a frame last confirmed it.
  public let age: Duration
  /// Whether its address is that of an identity of this host.
  public let isIdentity: Bool
}

extension NeighbourTable {
  /// Returns the hosts that were heard of lately, in the order of their addresses.
  func list(at now: Instant) -> [LinkNeighbour] {
    heard(at: now).sorted { ($0.address.high, $0.address.low) < ($1.address.high, $1.address.low) }.map { entry in
      LinkNeighbour(
        address: entry.address.mappedAddress.map { "\($0)" } ?? "\(entry.address)", macAddress: entry.macAddress,
        age: now - entry.heard, isIdentity: entry.isOwn)
    }
  }
}
