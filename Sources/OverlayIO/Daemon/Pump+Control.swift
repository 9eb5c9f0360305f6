import OverlayCore

/// What the operator asks of single peers.
extension Pump {
  /// Dials a peer now; `nil` if there is no identity.
  func connect(_ name: OnionName) -> PeerConnection? { withFirst { node, turn in node.connect(name, turn: &turn) } }

  /// Closes the circuits of a peer, and dials it anew.
  func reconnect(_ name: OnionName) -> PeerConnection? {
    _ = withEach { node, turn in node.disconnect(name.address, turn: &turn) }
    return connect(name)
  }

  /// Closes all circuits of peers to which one stands, and dials those of the configuration anew; a packet dials
  /// others.
  func renewCircuits() {
    var renewed: Set<OnionName> = []
    // The first identity is first, which is the one that keeps circuits: not to a peer that it was told to leave.
    for (number, node) in status().nodes.enumerated() {
      for peer in node.peers {
        guard case .up = peer.state, renewed.insert(peer.name).inserted else { continue }
        _ = withEach { node, turn in node.disconnect(peer.name.address, turn: &turn) }
        if number == 0, peer.isConfigured { _ = connect(peer.name) }
      }
    }
  }

  /// Returns what replies tell of a peer. It throws if there is none, which `shown` names.
  func members(
    of peer: PeerSelector, _ settings: DaemonSettings, shown: () -> String
  ) throws(ControlError) -> JSONValue {
    let found = withEach { node, turn in node.status(of: peer.address, at: turn.now) }.compactMap(\.self)
    // A circuit to it tells more than one from it.
    guard let status = found.first(where: { $0.dialledCircuits > 0 }) ?? found.first else {
      let known = withFirst { node, _ in node.name(of: peer.address) } ?? nil
      guard let known else { throw ControlError(.notFound, "there is no peer \(shown())") }
      return ["petname": .null, "address": .text(known.address), "name": .text(known), "state": "idle"]
    }
    var members = status.members
    members["dropped"] = PeerStatus.dropped(found.flatMap(\.drops))
    return .object(members)
  }
}

extension HostStatus {
  /// The members of `peers`.
  var peersMembers: JSONObject {
    var peers: [JSONValue] = []
    var omitted = 0
    for node in nodes {
      omitted += node.otherPeers
      for peer in node.others {
        guard peers.count < HostStatus.mostPeers else {
          omitted += 1
          continue
        }
        var members = peer.members
        members["identity"] = .text(node.name.address)
        peers.append(.object(members))
      }
    }
    return ["peers": .array(peers), "peers_omitted": .count(omitted)]
  }
}

extension DaemonSettings {
  /// The members of `routes`.
  var routesMembers: JSONObject {
    let routes = routes.map { route -> JSONValue in
      let petname = peers.first { $0.name == route.via }?.petname
      return [
        "prefix": .text(route.prefix), "petname": .text(petname), "address": .text(route.via.address),
        "name": .text(route.via),
      ]
    }
    return ["routes": .array(routes), "served": .array(served.map { .text($0) })]
  }
}

extension LinkNeighbour {
  /// The host as replies tell of it.
  var json: JSONValue {
    [
      "address": .string(address), "mac_address": .text(macAddress), "heard": .time(age),
      "heard_seconds": .integer(age.wholeSeconds), "identity": .boolean(isIdentity),
    ]
  }
}
