import OverlayCore

/// The value of `--peer`: `[PETNAME=][ADDRESS/]NAME`.
enum PeerOption {
  /// The peer that `text` describes, unless it is in the way of one of `earlier`.
  static func read(_ text: String, after earlier: [ConfiguredPeer]) throws(Value.Refusal) -> ConfiguredPeer {
    let (label, place) = split(text[...], at: UInt8(ascii: "="))
    let (addressText, nameText) = split(place, at: UInt8(ascii: "/"))
    var petname: Petname?
    if let label {
      petname = Petname(label)
      if petname == nil {
        throw Value.Refusal(
          "the petname '\(label)' is not a DNS label: 1 to 63 letters, digits and inner hyphens are accepted")
      }
    }
    let name: OnionName
    do { name = try OnionName(nameText) } catch { throw Value.Refusal(error.description) }
    if let addressText {
      guard let address = IPv6Address(String(addressText)) else {
        throw Value.Refusal("'\(addressText)' is not an IPv6 address")
      }
      guard address == name.address else {
        throw Value.Refusal("\(address) is not the address of this name, which is \(name.address)")
      }
    }
    for peer in earlier {
      if peer.name == name { throw Value.Refusal("this peer is already given") }
      if peer.name.address == name.address {
        throw Value.Refusal("\(peer.name) is already given and has the same address \(name.address)")
      }
      if let petname, peer.petname == petname {
        throw Value.Refusal("the petname '\(petname)' is already that of another peer")
      }
    }
    return ConfiguredPeer(name: name, petname: petname)
  }

  /// What stands before the first `separator`, if there is one, and what stands after it.
  private static func split(_ text: Substring, at separator: UInt8) -> (before: Substring?, after: Substring) {
    guard let index = text.utf8.firstIndex(of: separator) else { return (nil, text) }
    return (text[..<index], text[text.utf8.index(after: index)...])
  }
}
