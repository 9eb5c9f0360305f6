/// An overlay address that a LAN host has, or had: expired ones are remembered, so that the host gets it again.
public struct Lease: Equatable, Sendable {
  /// The address.
  var address: IPv6Address
  /// The host's, by which it is known.
  var macAddress: MACAddress
  /// What the host calls itself.
  var client: DUID
  /// Until when it is the host's: seconds since 1970.
  var expiry: Int64

  /// A lease of these.
  public init(address: IPv6Address, macAddress: MACAddress, client: DUID, expiry: Int64) {
    self.address = address
    self.macAddress = macAddress
    self.client = client
    self.expiry = expiry
  }
}
