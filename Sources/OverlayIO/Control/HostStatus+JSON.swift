import OverlayCore

extension HostStatus {
  /// The greatest number of peers of an identity in a reply. Configured ones come first.
  static let mostPeers = 1_000

  /// The members of `status` that tell of the identities, which are at these places, the link and the address service.
  func members(at places: [ServicePlace]) -> JSONObject {
    [
      "identities": .array(zip(nodes, places).map { .object($0.members(at: $1)) }),
      "link": link.map { ["counters": .counters($0)] } ?? .null,
      "address_service": addressService.map { ["leases": .count($0.leases), "counters": .counters($0.counters)] }
        ?? .null,
    ]
  }
}

extension NodeStatus {
  /// The identity as `status` tells of it.
  func members(at place: ServicePlace) -> JSONObject {
    [
      "address": .text(name.address), "name": .text(name), "label": .text(place.label),
      "state": .string(readiness.name),
      "loop_us": readiness.loop.map { .microseconds($0) } ?? .null, "known_names": .count(knownNames),
      "tor": .string("\(tor)"), "accepted_circuits": .count(acceptedCircuits),
      "lookup": lookup.map { .object($0.members(at: place)) } ?? .null, "peers": peerList,
      "peers_omitted": .count(otherPeers + max(0, others.count - HostStatus.mostPeers)),
      "order": .object(order.members), "door": .object(door.members), "counters": .counters(counters),
    ]
  }

  /// The peers without this host itself, whose state tells how it is reached.
  var others: [PeerStatus] { peers.filter { $0.name != name } }

  /// The peers, up to the bound of a reply.
  var peerList: JSONValue { .array(others.prefix(HostStatus.mostPeers).map { .object($0.members) }) }
}

extension DoorStatus {
  /// What comes in that nobody here asked for, and how much did.
  var members: JSONObject {
    [
      "allow_in": .array(rules.map { .object(["rule": .string("\($0.rule)"), "packets": .count($0.packets)]) }),
      "refuse": .string(refusal.rawValue), "flows": .count(flows),
    ]
  }
}

extension OrderStatus {
  /// What is known of TCP flows that came on several circuits.
  var members: JSONObject {
    ["held_bytes": .count(heldBytes), "longest_hold_us": .microseconds(longestHold)]
  }
}

extension LookupFinding {
  /// The finding for those who watch.
  var members: JSONObject {
    ["finding": .string(name), "index": index.map { .count(Int($0)) } ?? .null]
  }

  /// The finding as `status` tells of it, with what helps.
  func members(at place: ServicePlace) -> JSONObject {
    var members = members
    members["text"] = .string(text(at: place))
    return members
  }
}

extension Readiness {
  /// The state as replies and events name it.
  var name: String {
    switch self {
    case .waitingForTor: "waiting_for_tor"
    case .checking: "checking"
    case .publishing: "publishing"
    case .ready: "ready"
    case .notReady: "not_ready"
    }
  }

  /// The time that the first packet took to come back; `nil` if none did.
  var loop: OverlayCore.Duration? { if case .ready(let loop) = self { loop } else { nil } }
}

extension PeerStatus {
  /// The peer as replies tell of it.
  var members: JSONObject {
    [
      "petname": .text(petname), "address": .text(name.address), "name": .text(name),
      "configured": .boolean(isConfigured), "state": .string(stateName),
      "since": age.map { .time($0) } ?? .null, "since_seconds": age.map { .integer($0.wholeSeconds) } ?? .null,
      "last_error": lastError.map {
        [
          "text": .string($0.reason.text(withNextTry: false)), "time": .time($0.age),
          "age_seconds": .integer($0.age.wholeSeconds),
        ]
      } ?? .null,
      "next_try": nextTry?.json ?? .null, "round_trip_us": smoothedRoundTrip.map { .microseconds($0) } ?? .null,
      "bytes_sent": .count(traffic.sent), "bytes_received": .count(traffic.received),
      "sent_bytes_per_second": .count(rate.sent), "received_bytes_per_second": .count(rate.received),
      "circuits_out": .count(dialledCircuits), "circuits_in": .count(acceptedCircuits),
      "authentication": authentication.map { .string($0.rawValue) } ?? .null,
      "dropped": PeerStatus.dropped(drops),
    ]
  }

  /// The packets of a peer that were dropped, by the reason. Those that several identities counted for the same are
  /// together.
  static func dropped(_ drops: [(name: String, count: UInt64)]) -> JSONValue {
    var names: [String] = []
    var sums: [String: UInt64] = [:]
    for drop in drops {
      if sums[drop.name] == nil { names.append(drop.name) }
      sums[drop.name, default: 0] &+= drop.count
    }
    return .object(JSONObject(names.map { (JSONValue.snakeCase($0), .count(sums[$0] ?? 0)) }))
  }

  private var stateName: String {
    switch state {
    case .up: "up"
    case .connecting: "connecting"
    case .idle: "idle"
    case .held: "disconnected"
    case .blocked: "blocked"
    }
  }

  private var age: OverlayCore.Duration? {
    switch state {
    case .up(let age, _), .connecting(let age): age
    case .idle: lastError?.age
    case .held, .blocked: nil
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
