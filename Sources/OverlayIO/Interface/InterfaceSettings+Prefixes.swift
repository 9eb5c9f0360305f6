import OverlayCore

/// Which prefixes and addresses of the kernel's concern the interface.
extension InterfaceSettings {
  /// What leads into the interface beside the overlay's own prefix: nothing where it is a bridge's port and no more.
  var routedPrefixes: [IPPrefix] { hasAddress ? outsidePrefixes : [] }

  /// What must not leave in the clear.
  var guardedPrefixes: [IPPrefix] {
    let own = IPPrefix.ipv6(prefix)
    return [own] + outsidePrefixes.filter { $0 != own }
  }

  /// Whether an address lies in what this host serves.
  func serves(_ address: AddressRecord) -> Bool {
    served.contains { $0.family == address.address.family && $0.contains(address.address) }
  }

  /// Whether an address is one that the interface is not to have: a link-local one where it is to have none, which the
  /// kernel or whoever manages interfaces gives it unasked. Any other is somebody's will.
  func isUnwanted(_ address: AddressRecord) -> Bool {
    guard !hasAddress, case .ipv6(let host) = address.address else { return false }
    return host.address.isLinkLocal
  }

  private var outsidePrefixes: [IPPrefix] {
    let connected = ipv4Address.map(\.prefix).flatMap { $0.length < 32 ? IPPrefix.ipv4($0) : nil }
    var known: Set<IPPrefix> = []
    return (routes + [connected].compactMap(\.self)).flatMap(\.halvesIfAll).filter { known.insert($0).inserted }
  }
}

extension IPPrefix {
  /// The two halves of all addresses, in place of the prefix of length 0, or else the prefix itself. A default route is
  /// less specific than either, whatever its metric, and the kernel takes a rule that is for all addresses for any
  /// other of its priority.
  fileprivate var halvesIfAll: [IPPrefix] {
    guard length == 0 else { return [self] }
    let halves =
      switch self {
      case .ipv4: ["0.0.0.0/1", "128.0.0.0/1"]
      case .ipv6: ["::/1", "8000::/1"]
      }
    return halves.compactMap { IPPrefix($0) }
  }
}
