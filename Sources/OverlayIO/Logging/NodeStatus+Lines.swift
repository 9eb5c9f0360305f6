import OverlayCore

extension NodeStatus {
  /// The peers and counters, a line each. Peers are called by their petnames and addresses: the lines stand in a log at
  /// levels that are not to hold their names.
  var lines: [String] {
    var lines = ["\(name.address): \(knownNames) names known, Tor is \(tor), \(readiness.word)"]
    lines += peers.map(\.line)
    if otherPeers > 0 { lines.append("and \(otherPeers) more peers") }
    lines.append("accepted circuits: \(acceptedCircuits)")
    lines.append("door: \(door.text)")
    lines.append("counters: \(counters.summary)")
    return lines
  }

  /// The onion name of this host, for a level that may hold it.
  var nameLine: String { "\(name.address) is \(name)" }
}

extension HostStatus {
  /// The lines of all identities, and one for the link and the address service each.
  var lines: [String] {
    var lines = nodes.flatMap(\.lines)
    if let link { lines.append("link counters: \(link.summary)") }
    if let addressService {
      lines.append(
        "address service: \(addressService.leases) leases, counters: \(addressService.counters.summary)")
    }
    return lines
  }
}

extension PeerStatus {
  fileprivate var line: String {
    let place = isConfigured ? "\(label) (\(name.address))" : label
    var parts = ["\(place): \(stateText)", traffic.text]
    if let roundTrip { parts.append("round trip \(Int(roundTrip / .milliseconds(1))) ms") }
    if let lastError {
      parts.append("last error \(PeerStatus.text(lastError.age)) ago: \(lastError.reason.text(withNextTry: false))")
    }
    if let nextTryText { parts.append(nextTryText) }
    return parts.joined(separator: "; ")
  }

  private var stateText: String {
    switch state {
    case .idle: "no circuit"
    case .held: "no circuit, disconnected by the operator"
    case .blocked: "blocked by the operator"
    case .connecting(let time): "dialling for \(PeerStatus.text(time))"
    case .up(let time, let bulkCircuits):
      "circuit open for \(PeerStatus.text(time)), \(bulkCircuits) more for bulk"
    }
  }

  /// That a peer may be dialled at once is worth no word where nobody does it unasked.
  private var nextTryText: String? {
    if case .ifWanted(let wait) = nextTry, wait < .seconds(1) { return nil }
    return nextTry?.text
  }

  private static func text(_ time: Duration) -> String { "\(time.wholeSeconds) s" }
}

extension Traffic {
  /// Both directions in words.
  var text: String { "\(Traffic.text(sent)) sent, \(Traffic.text(received)) received" }

  /// So many bytes, with the unit in which they have one to three digits before the point.
  public static func text(_ bytes: UInt64) -> String {
    var (value, units) = (bytes, ["kB", "MB", "GB", "TB", "PB", "EB"][...])
    guard value >= 1_000 else { return "\(value) bytes" }
    while value >= 1_000_000, units.count > 1 {
      value /= 1_000
      units.removeFirst()
    }
    return "\(value / 1_000).\(value % 1_000 / 100) \(units.first ?? "")"
  }
}

extension DoorStatus {
  /// What comes in, in words.
  var text: String {
    let rules = rules.map { "\($0.rule) (\($0.packets) packets)" }
    return "pings, answers" + rules.map { ", " + $0 }.joined() + "; \(flows) flows of ours"
      + (refusal == .silent ? "; the rest is dropped in silence" : "")
  }
}
