import OverlayCore

/// The value of `route`: `PREFIX,via=NAME`.
struct RouteSetting {
  /// The value as it was given.
  let given: GivenValue
  /// What lies behind the peer.
  let prefix: IPPrefix
  /// The peer's onion name or petname.
  let via: String

  /// Reads one value, the `count`th of this setting.
  static func read(_ given: GivenValue, count: Int) throws(SettingValue.Refusal) -> RouteSetting {
    let parts = given.text.split(separator: ",", omittingEmptySubsequences: false)
    guard parts.count == 2, parts[1].hasPrefix("via=") else {
      throw SettingValue.Refusal("PREFIX,via=NAME is accepted")
    }
    let prefix = try SettingValue.prefix(String(parts[0]), count: count)
    return RouteSetting(given: given, prefix: prefix, via: String(parts[1].dropFirst("via=".count)))
  }

  /// The peer that `via` names: by the petname that one of `peers` has, or by its onion name.
  func peer(among peers: [ConfiguredPeer], servicePort: UInt16) throws(SettingValue.Refusal) -> OnionName {
    let petname = Petname(PastedName.trimmed(via[...]))
    if let petname, let peer = peers.first(where: { $0.petname == petname }) { return peer.name }
    return try SettingValue.peerName(via, isPetname: petname != nil, servicePort: servicePort)
  }
}
