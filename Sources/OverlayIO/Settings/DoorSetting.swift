import OverlayCore

/// The value of `allow-in`: `tcp/22 from alice,bob`.
struct DoorSetting {
  /// The value as it was given.
  let given: GivenValue
  /// The rule with the names of peers in it.
  let rule: WrittenDoorRule

  /// Reads one value, the `count`th of this setting.
  static func read(_ given: GivenValue, count: Int) throws(SettingValue.Refusal) -> DoorSetting {
    let rule: WrittenDoorRule
    do throws(DoorRuleError) {
      rule = try WrittenDoorRule(given.text)
    } catch {
      throw SettingValue.Refusal(error.description)
    }
    guard count <= DoorRule.limit else { throw SettingValue.Refusal("at most \(DoorRule.limit) rules are accepted") }
    return DoorSetting(given: given, rule: rule)
  }

  /// The rule with the addresses of the peers that it names: by the petnames that some of `peers` have, by overlay
  /// addresses or by onion names.
  func resolved(among peers: [ConfiguredPeer], servicePort: UInt16) throws(SettingValue.Refusal) -> DoorRule {
    guard let names = rule.callers else { return DoorRule(rule.subject) }
    var callers: [IPv6Address] = []
    for name in names { callers.append(try DoorSetting.address(of: name, among: peers, servicePort)) }
    // The log may hold petnames and addresses.
    let shown = callers.map { caller in
      peers.first { $0.name.address == caller }?.petname.map { "\($0)" } ?? "\(caller)"
    }
    return DoorRule(rule.subject, from: callers, called: shown)
  }

  private static func address(
    of text: String, among peers: [ConfiguredPeer], _ servicePort: UInt16
  ) throws(SettingValue.Refusal) -> IPv6Address {
    let petname = Petname(text)
    if let petname, let peer = peers.first(where: { $0.petname == petname }) { return peer.name.address }
    if let address = IPv6Address(text) {
      guard OverlayNetwork.tor.contains(address) else {
        throw SettingValue.Refusal(
          "'\(text)' is no peer's address; what is behind a peer comes from the peer, which is accepted")
      }
      return address
    }
    return try SettingValue.peerName(text, isPetname: petname != nil, servicePort: servicePort).address
  }
}
