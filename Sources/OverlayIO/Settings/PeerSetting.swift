import OverlayCore

/// The value of `peer`: `[PETNAME=][ADDRESS/]NAME`.
public struct PeerSetting {
  /// The peer.
  public let peer: ConfiguredPeer
  /// The port that was given with the name.
  public let port: UInt16?

  /// The peer that `text` describes, unless it is in the way of one of `earlier`.
  public static func read(_ text: String, after earlier: [ConfiguredPeer]) throws(SettingValue.Refusal) -> PeerSetting {
    let (label, place) = split(text[...], at: "=")
    let petname = try label.map { label throws(SettingValue.Refusal) in try readPetname(label) }
    let (addressText, nameText) = splitAddress(place)
    let pasted = try readName(nameText, isAfterPetname: petname != nil)
    let name = pasted.name
    if let addressText { try check(addressText, of: name) }
    for peer in earlier {
      if peer.name == name { throw SettingValue.Refusal("this peer is already given") }
      if peer.name.address == name.address {
        throw SettingValue.Refusal("\(peer.name) is already given and has the same address \(name.address)")
      }
      if let petname, peer.petname == petname {
        throw SettingValue.Refusal("the petname '\(petname)' is already that of another peer")
      }
    }
    return PeerSetting(peer: ConfiguredPeer(name: name, petname: petname), port: pasted.port)
  }

  private static func readPetname(_ text: Substring) throws(SettingValue.Refusal) -> Petname {
    if let petname = Petname(text) { return petname }
    guard IPv6Address(text) == nil else {
      throw SettingValue.Refusal(
        "an address is followed by '/', a petname by '=': [PETNAME=][ADDRESS/]NAME is accepted")
    }
    throw SettingValue.Refusal(
      "the petname '\(text)' is not a DNS label: 1 to 63 letters, digits and inner hyphens are accepted")
  }

  private static func readName(_ text: Substring, isAfterPetname: Bool) throws(SettingValue.Refusal) -> PastedName {
    guard !text.isEmpty else {
      throw SettingValue.Refusal("the name is missing: [PETNAME=][ADDRESS/]NAME is accepted")
    }
    do {
      return try PastedName(text)
    } catch {
      if !isAfterPetname, let petname = lonePetname(text) ?? petname(in: text) {
        throw SettingValue.Refusal("after a petname, '=' and the onion name are accepted: \(petname)=NAME")
      }
      throw SettingValue.Refusal(error.description)
    }
  }

  private static func check(_ text: Substring, of name: OnionName) throws(SettingValue.Refusal) {
    guard let address = IPv6Address(text) else {
      let advice = Petname(text).map { "; a petname is followed by '=': \($0)=NAME is accepted" } ?? ""
      throw SettingValue.Refusal("'\(text)' is not an IPv6 address\(advice)")
    }
    guard address == name.address else {
      throw SettingValue.Refusal("\(address) is not the address of this name, which is \(name.address)")
    }
  }

  /// The petname that `text` is, where it is too short for an onion name that was cut off.
  private static func lonePetname(_ text: Substring) -> Petname? {
    text.utf8.count < OverlayNetwork.labelCharactersInAddress ? Petname(text) : nil
  }

  /// The petname before a name and another separator than '='.
  private static func petname(in text: Substring) -> Petname? {
    guard let separator = text.firstIndex(where: { $0 == ":" || $0 == "," || $0.isWhitespace }) else { return nil }
    let name = try? PastedName(text[text.index(after: separator)...])
    return name == nil ? nil : Petname(text[..<separator])
  }

  /// What stands before the first `separator`, if there is one, and what stands after it, without blanks around them.
  private static func split(_ text: Substring, at separator: Character) -> (before: Substring?, after: Substring) {
    guard let index = text.firstIndex(of: separator) else { return (nil, PastedName.trimmed(text)) }
    return (PastedName.trimmed(text[..<index]), PastedName.trimmed(text[text.index(after: index)...]))
  }

  /// The address before the name, and the name: a slash that ends a name or is part of a URL separates nothing.
  private static func splitAddress(_ text: Substring) -> (address: Substring?, name: Substring) {
    let (before, after) = split(text, at: "/")
    guard let before, !after.isEmpty, !before.hasSuffix(":") || !after.hasPrefix("/") else { return (nil, text) }
    return (before, after)
  }
}
