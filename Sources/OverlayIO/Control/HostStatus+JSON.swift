import OverlayCore

extension HostStatus {
  /// The greatest number of peers of an identity in a reply. Configured ones come first.
  static let mostPeers = 1_000

  /// The members of `status` that tell of the identities, the link and the address service.
  var members: JSONObject {
    [
      "identities": .array(nodes.map { .object($0.members) }),
      "link": link.map { ["counters": .counters($0)] } ?? .null,
      "address_service": addressService.map { ["leases": .count($0.leases), "counters": .counters($0.counters)] }
        ?? .null,
    ]
  }
}

extension NodeStatus {
  /// The identity as `status` tells of it.
  var members: JSONObject {
    [
      "address": .text(name.address), "name": .text(name), "known_names": .count(knownNames),
      "tor": .string("\(tor)"), "accepted_circuits": .count(acceptedCircuits), "peers": peerList,
      "peers_omitted": .count(otherPeers + max(0, peers.count - HostStatus.mostPeers)),
      "counters": .counters(counters),
    ]
  }

  /// The peers, up to the bound of a reply.
  var peerList: JSONValue { .array(peers.prefix(HostStatus.mostPeers).map { .object($0.members) }) }
}

extension PeerStatus {
  /// The peer as replies tell of it.
  var members: JSONObject {
    [
      "petname": .text(petname), "address": .text(name.address), "name": .text(name),
      "configured": .boolean(isConfigured), "state": .string(stateName),
      "since": age.map { .time($0) } ?? .null,
      "last_error": lastError.map {
        [
          "text": .string($0.reason.text(withNextTry: false)), "time": .time($0.age),
          "age_seconds": .integer($0.age.wholeSeconds),
        ]
      } ?? .null,
      "next_try": nextTry?.json ?? .null, "round_trip_us": roundTrip.map { .microseconds($0) } ?? .null,
      "bytes_sent": .count(traffic.sent), "bytes_received": .count(traffic.received),
      "circuits_out": .count(dialledCircuits), "circuits_in": .count(acceptedCircuits),
    ]
  }

  private var stateName: String {
    switch state {
    case .up: "up"
    case .connecting: "connecting"
    case .idle: "idle"
    }
  }

  private var age: OverlayCore.Duration? {
    switch state {
    case .up(let age, _), .connecting(let age): age
    case .idle: lastError?.age
    }
  }
}

extension NextTry {
  /// When that is.
  var json: JSONValue {
    switch self {
    case .after(let wait): ["when": "after", "seconds": .integer(wait.wholeSeconds)]
    case .ifWanted(let wait): ["when": "if_wanted", "seconds": .integer(wait.wholeSeconds)]
    case .whenTorIsBack: ["when": "tor_is_back", "seconds": .null]
    }
  }
}
