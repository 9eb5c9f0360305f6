/// Who told a learned name, for the operator. It is not kept on disk.
public enum NameTeller: Equatable, Sendable {
  /// The host itself, in a keepalive.
  case host
  /// A program of this host, which asked for the address of the name.
  case program
  /// The lookup service of this index.
  case lookupService(index: UInt8)
  /// The acquaintance with this address.
  case acquaintance(IPv6Address)
}

/// A teller in the little memory of a record: a kind, and the part of an overlay address that is not the network's.
struct PackedTeller: Sendable {
  private var low: UInt64 = 0
  private var high: UInt16 = 0
  private var kind: UInt8 = 0

  // The lookup service's indices follow.
  private static let (host, program, acquaintance, lookupService) = (UInt8(1), UInt8(2), UInt8(3), UInt8(4))

  /// Packs a teller; `nil` stands for one that is not known.
  init(_ teller: NameTeller?) {
    switch teller {
    case nil: break
    case .host: kind = PackedTeller.host
    case .program: kind = PackedTeller.program
    case .lookupService(let index): kind = PackedTeller.lookupService + min(index, LookupKey.indices.upperBound)
    case .acquaintance(let address):
      (kind, high, low) = (PackedTeller.acquaintance, UInt16(truncatingIfNeeded: address.high), address.low)
    }
  }

  /// The teller; `nil` if it is not known.
  var teller: NameTeller? {
    switch kind {
    case 0: nil
    case PackedTeller.host: .host
    case PackedTeller.program: .program
    case PackedTeller.acquaintance: .acquaintance(OverlayNetwork.tor.address(hostPart: (high, low)))
    default: .lookupService(index: kind - PackedTeller.lookupService)
    }
  }
}
