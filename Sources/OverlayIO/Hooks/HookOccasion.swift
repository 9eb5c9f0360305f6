import OverlayCore

/// An event that has happened, with what a hook gets to know of it.
struct HookOccasion: Equatable {
  /// What a hook finds programs by.
  static let searchPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

  /// The daemon's own part of it.
  struct Place: Equatable {
    /// The name of the interface.
    let interface: String
    /// The namespace that the interface is in; `nil` for that of the hook.
    let namespace: String?
    /// The first identity.
    let name: OnionName

    /// A daemon with this interface.
    init(_ interface: InterfaceSettings, as name: OnionName) {
      self.init(
        interface: interface.name.description,
        namespace: interface.namespace.flatMap { $0.path.split(separator: "/").last }.map { String($0) }, name: name)
    }

    /// A daemon with this interface, in this namespace.
    init(interface: String, namespace: String?, name: OnionName) {
      (self.interface, self.namespace, self.name) = (interface, namespace, name)
    }
  }

  /// The event.
  let event: HookEvent
  /// The daemon.
  let place: Place
  /// The peer; `nil` if the event is about none.
  var peer: ConfiguredPeer?

  /// The environment of a hook: all of it. Those of OnionCat are as its ifup script gets them.
  var environment: [String] {
    let network = OverlayNetwork.tor
    var variables = [
      "PATH=" + HookOccasion.searchPath, "ONCILLA_EVENT=" + event.rawValue, "ONCILLA_INTERFACE=" + place.interface,
      "ONCILLA_ADDRESS=\(place.name.address)", "ONCILLA_NAME=\(place.name)",
    ]
    if let namespace = place.namespace { variables.append("ONCILLA_NETNS=" + namespace) }
    if let peer {
      variables += [
        "ONCILLA_PEER=" + (peer.petname?.description ?? "\(peer.name.address)"),
        "ONCILLA_PEER_ADDRESS=\(peer.name.address)", "ONCILLA_PEER_NAME=\(peer.name)",
      ]
    }
    return variables + [
      "OCAT_IFNAME=" + place.interface, "OCAT_ADDRESS=\(place.name.address)",
      "OCAT_PREFIX=\(network.prefix.address)", "OCAT_PREFIXLEN=\(network.prefix.length)",
      "OCAT_ONION_URL=\(place.name.label.suffix(OverlayNetwork.labelCharactersInAddress))",
      "OCAT_ONION3_URL=" + (place.name.isVersion2 ? "" : place.name.label), "OCAT_DOMAIN=" + network.suffix,
    ]
  }

  /// The peer that the event is about; `nil` for the daemon.
  var subject: OnionName? { peer?.name }

  /// Returns whether hooks of a later event have to wait for those of this one.
  func blocks(_ later: HookOccasion) -> Bool { subject == nil || subject == later.subject }

  /// The event in words for the log.
  var text: String {
    peer.map { "\(event.rawValue) of \($0.petname?.description ?? "\($0.name.address)")" } ?? event.rawValue
  }
}
