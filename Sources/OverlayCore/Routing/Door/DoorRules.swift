/// The rules of a door, compiled: one look at a table of addresses and one binary search in ranges of ports find the
/// rule that lets a packet in. Of several the first of the operator's list does.
struct DoorRules {
  /// The rules in the operator's order.
  let list: [DoorRule]
  /// The rule that lets everything of everybody in, if there is one.
  let openToAll: Int?

  private let everybody: Openings
  // Openings of those who are named in a rule, which include everybody's.
  private let named: [IPv6Address: Openings]

  /// Compiles rules.
  init(_ rules: [DoorRule]) {
    let rules = Array(rules.prefix(DoorRule.limit))
    list = rules
    everybody = Openings(rules) { $0 == nil }
    openToAll = everybody.any
    var named: [IPv6Address: Openings] = [:]
    for caller in Set(rules.flatMap { $0.callers ?? [] }) {
      named[caller] = Openings(rules) { $0?.contains(caller) ?? true }
    }
    self.named = named
  }

  /// Returns the rule that lets everything of a peer in; `nil` for none.
  func rule(forAllOf caller: IPv6Address) -> Int? { openings(for: caller).any }

  /// Returns the rule that lets packets of a protocol with ports, by its assigned number, or of another protocol in;
  /// `nil` for none.
  func rule(for protocolNumber: UInt8, port: UInt16, of caller: IPv6Address) -> Int? {
    guard !list.isEmpty else { return nil }
    let openings = openings(for: caller)
    let found: Int? =
      switch protocolNumber {
      case NextHeader.tcp: openings.tcp.rule(at: port)
      case NextHeader.udp: openings.udp.rule(at: port)
      default: nil
      }
    guard let found else { return openings.any }
    return openings.any.map { min($0, found) } ?? found
  }

  private func openings(for caller: IPv6Address) -> Openings {
    named.isEmpty ? everybody : named[caller] ?? everybody
  }
}

/// What is open to some callers, each with the number of the first rule that opens it.
private struct Openings {
  let any: Int?
  let tcp: PortRanges
  let udp: PortRanges

  /// Compiles the rules for whose callers `isMeant` is true.
  init(_ rules: [DoorRule], where isMeant: ([IPv6Address]?) -> Bool) {
    var any: Int?
    var ranges: [DoorRule.Transport: [(ports: ClosedRange<UInt16>, rule: Int)]] = [:]
    for (number, rule) in rules.enumerated() where isMeant(rule.callers) {
      switch rule.subject {
      case .any: any = any ?? number
      case .ports(let transport, let ports): ranges[transport, default: []].append((ports, number))
      }
    }
    self.any = any
    tcp = PortRanges(ranges[.tcp] ?? [])
    udp = PortRanges(ranges[.udp] ?? [])
  }
}

/// Ranges of ports side by side, each with the number of its rule.
private struct PortRanges {
  // Each range ends where the next begins; the first begins at zero.
  private var starts: [UInt16] = [0]
  private var rules: [Int?] = [nil]

  init(_ ranges: [(ports: ClosedRange<UInt16>, rule: Int)]) {
    var edges: Set<UInt16> = []
    for (ports, _) in ranges {
      edges.insert(ports.lowerBound)
      if ports.upperBound < .max { edges.insert(ports.upperBound + 1) }
    }
    edges.remove(0)
    for edge in edges.sorted() {
      starts.append(edge)
      rules.append(ranges.first { $0.ports.contains(edge) }?.rule)
    }
    rules[0] = ranges.first { $0.ports.contains(0) }?.rule
  }

  func rule(at port: UInt16) -> Int? { rules[starts.lastIndex(atMost: port)] }
}
