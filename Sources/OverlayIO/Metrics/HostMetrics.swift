import OverlayCore

/// The metrics of a daemon. Their names are a promise to the dashboards of others. No label holds an onion name or an
/// address: identities are numbered in their order, and peers, where they are asked for, are called by their petnames.
struct HostMetrics {
  /// What is known beside the host's status.
  struct Facts {
    /// When the daemon began, in seconds since 1970.
    var started: Int
    /// Whether Tor takes connections.
    var isTorUp = false
    /// What became of hooks.
    var hooks = HookRunner.Counts()
    /// Whether peers that have petnames are shown.
    var showsPeers = false
  }

  private var page = PrometheusText()
  private let nodes: [(label: PrometheusText.Label, status: NodeStatus)]

  /// Returns the text about a host; `nil` for one without identities.
  static func text(of host: HostStatus?, _ facts: Facts) -> String {
    var metrics = HostMetrics(host)
    metrics.addDaemon(facts)
    metrics.addReadiness()
    metrics.addTraffic()
    metrics.addCircuits()
    metrics.addCounters()
    if let link = host?.link { metrics.addCounters(link, of: "link", "Ethernet frames and messages of the link") }
    if let service = host?.addressService { metrics.addService(service.leases, service.counters) }
    if facts.showsPeers { metrics.addPeers() }
    return metrics.page.text
  }

  private init(_ host: HostStatus?) {
    nodes = (host?.nodes ?? []).enumerated().map { (("identity", "\($0.offset)"), $0.element) }
  }

  private mutating func addDaemon(_ facts: Facts) {
    page.begin("oncilla_info", .gauge, "The version of the daemon.")
    page.add(1, ("version", ProgramVersion.current))
    page.begin("oncilla_start_time_seconds", .gauge, "When the daemon began, in seconds since 1970.")
    page.add(facts.started)
    page.begin("oncilla_tor_up", .gauge, "Whether Tor takes connections.")
    page.add(facts.isTorUp ? 1 : 0)
    page.begin("oncilla_hooks_total", .counter, "Hooks by what became of them.")
    page.add(facts.hooks.succeeded, ("result", "succeeded"))
    page.add(facts.hooks.failed, ("result", "failed"))
    page.add(facts.hooks.killed, ("result", "killed"))
    page.add(facts.hooks.dropped, ("result", "dropped"))
  }

  private mutating func addReadiness() {
    page.begin("oncilla_ready", .gauge, "Whether others can reach the identity.")
    for (label, status) in nodes { page.add(status.readiness.isReady ? 1 : 0, label) }
    page.begin(
      "oncilla_loop_seconds", .gauge, "How long a packet took to the own onion service and back, when it is ready.")
    for (label, status) in nodes { if case .ready(let loop) = status.readiness { page.add(loop, label) } }
    page.begin("oncilla_known_names", .gauge, "Onion names that are known.")
    for (label, status) in nodes { page.add(status.knownNames, label) }
  }

  private mutating func addTraffic() {
    page.begin("oncilla_packets_total", .counter, "Packets from the device to circuits, and back.")
    for (label, status) in nodes {
      page.add(status.counters.packetsSent, label, ("direction", "sent"))
      page.add(status.counters.packetsDelivered, label, ("direction", "received"))
    }
    page.begin("oncilla_bytes_total", .counter, "Bytes over circuits, keepalives included.")
    for (label, status) in nodes {
      page.add(status.traffic.sent, label, ("direction", "sent"))
      page.add(status.traffic.received, label, ("direction", "received"))
    }
    page.begin("oncilla_queue_delay_seconds", .histogram, "How long packets waited for their circuit to take them.")
    for (label, status) in nodes { page.add(status.figures.queueDelay, label) }
    page.begin("oncilla_order_held_bytes", .gauge, "Memory of packets that came ahead of others of their flow.")
    for (label, status) in nodes { page.add(status.order.heldBytes, label) }
    page.begin("oncilla_order_longest_hold_seconds", .gauge, "The longest time that such a packet has waited.")
    for (label, status) in nodes { page.add(status.order.longestHold, label) }
  }

  private mutating func addCircuits() {
    page.begin("oncilla_circuits", .gauge, "Circuits by state.")
    for (label, status) in nodes {
      page.add(status.circuits.dialling, label, ("state", "dialling"))
      page.add(status.circuits.open, label, ("state", "open"))
      page.add(status.circuits.accepted, label, ("state", "accepted"))
    }
    page.begin("oncilla_dial_seconds", .histogram, "How long it took until Tor granted a circuit.")
    for (label, status) in nodes { page.add(status.figures.dialTime, label) }
    page.begin("oncilla_dial_failures_total", .counter, "Circuits that were not built, by reason.")
    for (label, status) in nodes {
      for kind in DialFailure.Kind.allCases {
        page.add(status.figures.failedDials[kind] ?? 0, label, ("kind", kind.rawValue))
      }
    }
    page.begin("oncilla_circuits_lost_total", .counter, "Circuits that were lost, by who began them and how.")
    for (label, status) in nodes {
      for kind in CircuitLoss.allCases {
        page.add(status.figures.lostCircuits[kind] ?? 0, label, ("direction", "dialled"), ("kind", kind.rawValue))
        page.add(status.figures.lostCalls[kind] ?? 0, label, ("direction", "accepted"), ("kind", kind.rawValue))
      }
    }
  }

  private mutating func addCounters() {
    page.begin(
      "oncilla_drops_total", .counter, "Packets that were dropped or withheld, by reason: a counter of oncilla(1).")
    for (label, status) in nodes {
      for counter in status.counters.all where counter.isDrop {
        page.add(counter.count, label, ("reason", JSONValue.snakeCase(counter.name)))
      }
    }
    page.begin("oncilla_events_total", .counter, "What else happened: a counter of oncilla(1).")
    for (label, status) in nodes {
      for counter in status.counters.all where !counter.isDrop {
        page.add(counter.count, label, ("event", JSONValue.snakeCase(counter.name)))
      }
    }
  }

  /// Adds the counters of a part that has few of them: those that are not zero.
  private mutating func addCounters(_ counters: Counters, of part: String, _ what: String) {
    page.begin("oncilla_\(part)_drops_total", .counter, "\(what) that were dropped, by reason.")
    for counter in counters.all where counter.isDrop && counter.count > 0 {
      page.add(counter.count, ("reason", JSONValue.snakeCase(counter.name)))
    }
    page.begin("oncilla_\(part)_events_total", .counter, "\(what): what else happened.")
    for counter in counters.all where !counter.isDrop && counter.count > 0 {
      page.add(counter.count, ("event", JSONValue.snakeCase(counter.name)))
    }
  }

  private mutating func addService(_ leases: Int, _ counters: Counters) {
    page.begin("oncilla_address_service_leases", .gauge, "Addresses that hosts of the LAN have by DHCPv6.")
    page.add(leases)
    addCounters(counters, of: "address_service", "Messages to the address service")
  }

  private mutating func addPeers() {
    let peers = nodes.flatMap { label, status in
      status.peers.compactMap { peer in peer.petname.map { (label, ("peer", $0.description), peer) } }
    }
    page.begin("oncilla_peer_up", .gauge, "Whether a circuit to the peer is open.")
    for (label, name, peer) in peers { page.add(peer.isUp ? 1 : 0, label, name) }
    page.begin("oncilla_peer_round_trip_seconds", .gauge, "How long the peer's last answer took.")
    for (label, name, peer) in peers { if let time = peer.roundTrip { page.add(time, label, name) } }
    page.begin("oncilla_peer_bytes_total", .counter, "Bytes over circuits to and from the peer.")
    for (label, name, peer) in peers {
      page.add(peer.traffic.sent, label, name, ("direction", "sent"))
      page.add(peer.traffic.received, label, name, ("direction", "received"))
    }
    page.begin("oncilla_peer_circuits", .gauge, "Circuits to and from the peer.")
    for (label, name, peer) in peers {
      page.add(peer.dialledCircuits, label, name, ("direction", "dialled"))
      page.add(peer.acceptedCircuits, label, name, ("direction", "accepted"))
    }
  }
}

extension PeerStatus {
  fileprivate var isUp: Bool { if case .up = state { true } else { false } }
}
