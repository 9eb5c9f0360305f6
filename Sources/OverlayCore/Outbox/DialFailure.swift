/// The reason why no circuit to an onion service was built.
///
/// SOCKS4a, by which circuits are dialled, says only that a circuit was refused. Asked again by SOCKS5, Tor tells more
/// (RFC 1928 section 6, and 0xf0 to 0xf7 where torrc gives its SOCKS port `ExtendedErrors`).
public enum DialFailure: Error, Equatable, Sendable {
  /// Tor refused the circuit with this code of SOCKS4, and was not asked why, or did not tell.
  case refused(code: UInt8)
  /// No directory of Tor has a descriptor of that name.
  case notFound
  /// No directory of Tor has a descriptor of that name, or it has no introduction point: the SOCKS port has no
  /// `ExtendedErrors`, and tells no more. Somebody else can have put such a descriptor there.
  case notFoundOrUseless
  /// The descriptor cannot be used.
  case badDescriptor
  /// The onion service did not answer at its introduction points, or not at the rendezvous point.
  case noRendezvous
  /// The onion service admits only who has a key, and there is none for it.
  case keyMissing
  /// The onion service does not admit the key that there is for it.
  case keyWrong
  /// The onion service has no such port.
  case portNotMapped
  /// The onion service's Tor finds nobody listening where it passes the port on to.
  case nobodyListens
  /// Tor gave the code that stands for everything without one of its own: where the SOCKS port has no
  /// `ExtendedErrors`, that is the same, and a key that is missing or wrong, and a name that no service can have.
  case generalFailure
  /// No onion service can have that name: its key is none.
  case badName
  /// Tor took the request, and built no circuit in this time.
  case silence(Duration)
  /// What listens at the SOCKS port does not speak SOCKS: this byte came.
  case notSOCKS(byte: UInt8)
  /// The SOCKS port granted the circuit before it had the whole request: it is not Tor's.
  case early
  /// Tor gave this code of SOCKS5, which has no meaning here.
  case other(code: UInt8)
  /// The connection to the SOCKS port broke, for this reason.
  case broken(String)

  /// The codes that a SOCKS port with `ExtendedErrors` alone gives.
  static let extendedCodes: ClosedRange<UInt8> = 0xf0...0xf7
  /// The code that a SOCKS port without `ExtendedErrors` gives in place of the first of these.
  static let hostUnreachable: UInt8 = 0x04

  /// Makes the failure that a code of SOCKS5 stands for; `nil` for the code of success. `isExtended` says that the
  /// SOCKS port is known to have `ExtendedErrors`.
  init?(socks5 code: UInt8, isExtended: Bool) {
    switch code {
    case 0x00: return nil
    case 0x01: self = isExtended ? .nobodyListens : .generalFailure
    case DialFailure.hostUnreachable: self = .notFoundOrUseless
    case 0xf0: self = .notFound
    case 0x05: self = .portNotMapped
    case 0xf1: self = .badDescriptor
    case 0xf2, 0xf3, 0xf7: self = .noRendezvous
    case 0xf4: self = .keyMissing
    case 0xf5: self = .keyWrong
    case 0xf6: self = .badName
    default: self = .other(code: code)
    }
  }

  /// Whether Tor was reached, and refused without a reason.
  var isUnexplained: Bool { if case .refused = self { true } else { false } }
}

extension DialFailure: CustomStringConvertible {
  /// The text for the operator, about a peer.
  public var description: String {
    switch self {
    case .refused(let code): "refused by Tor (SOCKS code \(code))"
    case .notFound, .notFoundOrUseless: "its Tor is off or the name is wrong (descriptor not found)"
    case .badDescriptor: "its descriptor cannot be used (perhaps its Tor is much newer than this one)"
    case .noRendezvous: "its Tor does not answer, though its descriptor is there: it went off a short time ago"
    case .keyMissing: "the key of its invitation is missing: it admits only whom it has invited"
    case .keyWrong: "the key of this invitation is wrong or was revoked"
    case .portNotMapped: "it does not listen at this port: its HiddenServicePort is another"
    case .nobodyListens: "its daemon is not running"
    case .generalFailure:
      "its daemon is not running, or the key of its invitation is missing or wrong, or nobody can have its name "
        + "(ExtendedErrors at SocksPort in torrc tells which)"
    case .badName: "nobody can have its name: it is mistyped"
    case .silence(let time): "Tor built no circuit in \(time.wholeSeconds) s"
    case .notSOCKS(let byte): "not answered in SOCKS (byte \(byte)): is it Tor's SOCKS port?"
    case .early: "granted by the SOCKS port before it was asked: is it Tor's?"
    case .other(let code): "refused by Tor (SOCKS5 code \(code))"
    case .broken(let reason): reason
    }
  }
}
