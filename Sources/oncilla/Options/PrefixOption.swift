import OverlayCore
import OverlayIO

/// The value of `--serve`: `PREFIX`.
struct PrefixOption {
  /// The value as it was given.
  let text: String
  /// The prefix.
  let prefix: IPPrefix

  /// Reads one value, the `count`th of its option.
  static func read(_ text: String, count: Int) throws(Value.Refusal) -> PrefixOption {
    PrefixOption(text: text, prefix: try PrefixOption.prefix(text, count: count))
  }

  /// The prefix that `text` writes.
  static func prefix(_ text: String, count: Int) throws(Value.Refusal) -> IPPrefix {
    guard let masked = IPPrefix(masking: text) else {
      throw Value.Refusal("'\(text)' is not a prefix; ADDRESS/LENGTH is accepted, such as fd00:1::/64 or 10.20.0.0/16")
    }
    guard let prefix = IPPrefix(text) else {
      throw Value.Refusal("'\(text)' names a host in a prefix; the prefix is \(masked)")
    }
    guard count <= DaemonSettings.mostPrefixes else {
      throw Value.Refusal("at most \(DaemonSettings.mostPrefixes) prefixes are accepted")
    }
    return prefix
  }
}

/// The value of `--route`: `PREFIX,via=NAME`.
struct RouteOption {
  /// The value as it was given.
  let text: String
  /// What lies behind the peer.
  let prefix: IPPrefix
  /// The peer's onion name or petname.
  let via: String

  /// Reads one value, the `count`th of its option.
  static func read(_ text: String, count: Int) throws(Value.Refusal) -> RouteOption {
    let parts = text.split(separator: ",", omittingEmptySubsequences: false)
    guard parts.count == 2, parts[1].hasPrefix("via=") else { throw Value.Refusal("PREFIX,via=NAME is accepted") }
    let prefix = try PrefixOption.prefix(String(parts[0]), count: count)
    return RouteOption(text: text, prefix: prefix, via: String(parts[1].dropFirst("via=".count)))
  }

  /// The peer that `via` names: by the petname that one of `peers` has, or by its onion name.
  func peer(among peers: [ConfiguredPeer], servicePort: UInt16) throws(Value.Refusal) -> OnionName {
    let petname = Petname(PastedName.trimmed(via[...]))
    if let petname, let peer = peers.first(where: { $0.petname == petname }) { return peer.name }
    do throws(OnionNameError) {
      return try OnionName(pasted: via, servicePort: servicePort)
    } catch {
      if petname != nil, case .length = error {
        throw Value.Refusal("'\(via)' is neither an onion name nor the petname of a --peer")
      }
      throw Value.Refusal("'\(via)' is not accepted: \(error)")
    }
  }
}

extension Value {
  /// An address with the length of its prefix, `A/LEN`, that a host of IPv4 can have.
  static func ipv4Address(_ text: String) throws(Refusal) -> IPv4InterfaceAddress {
    let parts = text.split(separator: "/", omittingEmptySubsequences: false)
    guard parts.count == 2, let address = IPv4Address(String(parts[0])), let length = Int(decimal: parts[1]),
      let found = IPv4InterfaceAddress(address, length: length)
    else { throw Refusal("A/LEN is accepted: an IPv4 address and 1 to 32, such as 10.20.0.1/16") }
    // RFC 1122 section 3.2.1.3; a prefix of 31 bits has neither (RFC 3021).
    let last = found.prefix.address.value | ~(~UInt32(0) << UInt32(32 - length))
    guard length > 30 || address.value != found.prefix.address.value && address.value != last else {
      throw Refusal("\(address) is the first or the last address of \(IPPrefix.ipv4(found.prefix)), which is no host's")
    }
    return found
  }
}
