import CLinux
import Glibc
import OverlayCore

/// Which of its own addresses the host speaks from along the routes to what lies behind peers. A router's ICMP errors
/// come from the route's preferred source, else from the interface's own address, else from any other: without one of
/// these they would tell a peer the router's address on the internet, and be dropped for it, so that TCP would hang.
extension Privileges {
  /// For each family the first address of the host that lies in a prefix that it serves; the interface's own IPv4
  /// address needs no other.
  mutating func sourceAddresses() throws(PrivilegeError) -> [UInt8: IPPrefix] {
    var sources: [UInt8: IPPrefix] = [:]
    let settings = settings
    for family in Set(settings.routedPrefixes.map(\.family))
    where settings.ipv4Address == nil || family != UInt8(AF_INET) {
      try look(AddressRecord.query(family: family)) { record in
        guard let found = AddressRecord(record), settings.serves(found), found.isUsable else { return }
        sources[family] = sources[family] ?? found.address
      }
    }
    return sources
  }

  /// What the operator has to know where the host has no address of its own to speak from; `nil` where it has.
  mutating func missingSourceAddress() throws(PrivilegeError) -> String? {
    let isNeeded = settings.ipv4Address == nil && settings.routedPrefixes.contains { $0.family == UInt8(AF_INET) }
    guard isNeeded, try sourceAddresses()[UInt8(AF_INET)] == nil else { return nil }
    return
      "this host has no IPv4 address in a prefix that it serves: its errors about peers' packets would come from any "
      + "other address, and are dropped; give it one with --ipv4-address"
  }
}
