/// The onion service by which a host is found by its overlay address alone: its key follows from the address, so that
/// everybody can compute its name, and the host can let Tor serve it. Whoever dials it is told the host's full name.
///
///     seed  = SHA3-256( "oncilla lookup service 1" | 00 | address[16] | index[1] )
///     key   = the Ed25519 private key that is this seed
///
/// The key is nobody's secret: another can serve the name, too, and hide the host so, but is not believed
/// (`LookupAnswer`). The host then serves the next index as well.
public struct LookupKey: Equatable, Sendable {
  /// The indices that a host can serve.
  public static let indices: ClosedRange<UInt8> = 0...3

  /// The overlay address that is looked up.
  public let address: IPv6Address
  /// Which of its lookup services.
  public let index: UInt8
  /// The Ed25519 private key as RFC 8032 has it.
  let seed: [UInt8]
  /// The name of the lookup service.
  public let name: OnionName
  /// The key as Tor takes it: for `ADD_ONION`, and, with `identity`, for the files of a directory.
  public let key: TorServiceKey

  /// Makes the key of an address of the overlay. It is `nil` for an address of another network, and for an index that
  /// nobody serves.
  public init?(of address: IPv6Address, index: UInt8) {
    guard OverlayNetwork.tor.contains(address), LookupKey.indices.contains(index) else { return nil }
    let seed = SHA3.sha256(Array("oncilla lookup service 1".utf8) + [0] + address.bytes + [index])
    guard let name = Ed25519.publicKey(of: seed).flatMap(OnionName.init(publicKey:)),
      let key = Ed25519.expanded(seed).flatMap({ TorServiceKey($0) })
    else { return nil }
    (self.address, self.index, self.seed, self.name, self.key) = (address, index, seed, name, key)
  }

  /// Returns whether a host that Tor serves today can have this address: the last byte of its name is the version.
  public static func mayBelong(to address: IPv6Address) -> Bool { address.low & 0xff == 3 }

  /// The lookup service's name and key together: `TorKeyFiles` makes of it what a `HiddenServiceDir` holds.
  public var identity: StoredIdentity { StoredIdentity(name: name, key: key) }
}
