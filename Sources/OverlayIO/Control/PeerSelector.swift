import OverlayCore

/// A peer as the operator names it: by petname, overlay address, whole onion name, or the 16 characters of the name
/// that the address holds; in any case and as it is pasted.
public struct PeerSelector: Equatable {
  /// The overlay address, which is all that a petname, an address or a short name tells.
  public let address: IPv6Address
  /// The whole onion name; `nil` if it was not given, or is not known.
  public let name: OnionName?

  /// Reads a text, with the peers that have petnames. A port that follows a name has to be `servicePort`.
  public init(_ text: String, among peers: [ConfiguredPeer], servicePort: UInt16) throws(ControlError) {
    let trimmed = PastedName.trimmed(text[...])
    if let petname = Petname(trimmed), let peer = peers.first(where: { $0.petname == petname }) {
      (address, name) = (peer.name.address, peer.name)
      return
    }
    if let address = PeerSelector.address(trimmed) {
      guard OverlayNetwork.tor.contains(address) else {
        throw ControlError(
          .badArgument, "\(address) is no overlay address: one of \(OverlayNetwork.tor.prefix) is accepted")
      }
      self.address = address
      name = peers.first { $0.name.address == address }?.name
      return
    }
    do throws(OnionNameError) {
      let name = try OnionName(pasted: text, servicePort: servicePort)
      address = name.address
      // The short form of a name of version 3 is written as a name of version 2 is.
      self.name = name.isVersion2 ? peers.first { $0.name.address == name.address }?.name : name
    } catch {
      if Petname(trimmed) != nil, case .length = error {
        throw ControlError(.notFound, "there is no peer '\(text.quotedLine())'\(PeerSelector.hint(trimmed, peers))")
      }
      throw ControlError(.badArgument, "'\(text.quotedLine())': \(error)")
    }
  }

  private static func address(_ text: Substring) -> IPv6Address? {
    text.hasPrefix("[") && text.hasSuffix("]") ? IPv6Address(text.dropFirst().dropLast()) : IPv6Address(text)
  }

  private static func hint(_ text: Substring, _ peers: [ConfiguredPeer]) -> String {
    let petnames = peers.compactMap(\.petname).map(\.description)
    let start = petnames.filter { $0.hasPrefix(text.lowercased()) || text.lowercased().hasPrefix($0) }
    if start.count == 1 { return " (did you mean \(start[0])?)" }
    if petnames.isEmpty || petnames.count > 8 { return "" }
    return ": \(petnames.listed(with: "and")) \(petnames.count == 1 ? "is" : "are") known by petname"
  }
}
