import OverlayCore

/// The pump moves packets between the device and the circuits of this host's identities.
final class Pump {
  private var keyed: Set<OnionName> = []
  private let port: HostPort
  private let tor: TorWatch
  private let log: Log
  private let leaseWriter: StateWriter?
  private var identities: [Host.Identity: IdentitySockets] = [:]
  private var places: [Host.Identity: ServicePlace] = [:]
  private let told: (NodeEvent) -> Void
  private let deviceGone: () -> Void
  private var nextComplaint = Instant(nanoseconds: 0)
  /// Has Tor look anew for the service of the lookup name with this index of the identity with this number.
  var refreshLookup: (_ index: UInt8, _ number: Int) -> Void = { _, _ in }
  /// Has the identity with this number served by all lookup names up to the one with this index.
  var serveLookup: (_ index: UInt8, _ number: Int) -> Void = { _, _ in }

  /// Makes a pump, which does nothing before `start`. Its identities are those of `names`, and the first takes the
  /// packets of no other. `torChanged` is called when Tor comes into reach or goes out of it, with the reason, `told`
  /// for each event of an identity, and `deviceGone` when no packet will ever come from the device again.
  init(
    _ settings: DaemonSettings, as names: [OnionName], device: consuming TunnelDevice, on loop: EventLoop, log: Log,
    torChanged: @escaping (_ isReachable: Bool, _ failure: SystemError?) -> Void,
    told: @escaping (NodeEvent) -> Void, deviceGone: @escaping () -> Void
  ) throws(SystemError) {
    let addresses = names.map(\.address)
    let isOffloading = device.isOffloading
    let state = StateDirectory(settings.stateDirectory, log: log)
    let station = settings.mode == .tap ? state.macAddress() : nil
    let service = station.flatMap { settings.addressService(for: addresses, station: $0) }
    leaseWriter = service == nil ? nil : try state.leaseWriter(on: loop)
    port = try HostPort(LinkDevice(device, link: settings.link(for: addresses, station: station)), Host(), on: loop)
    tor = TorWatch(settings.socks, on: loop, changed: torChanged)
    self.log = log
    self.told = told
    self.deviceGone = deviceGone
    let circuitLimit = DescriptorLimit.raise(for: settings.identities)
    let siblings = Set(addresses)
    let nodes = names.enumerated().map { number, name in
      settings.node(
        name, number: number, beside: siblings, isOffloading: isOffloading, circuitLimit: circuitLimit)
    }
    let places = settings.places(of: names)
    for (number, (identity, place)) in zip(port.host.add(nodes, turn: &port.turn), places).enumerated() {
      let sockets = try IdentitySockets(identity, at: port, through: tor, on: loop) { [unowned self] event in
        self.log.write(event, at: place)
        self.told(event)
      }
      sockets.refreshLookup = { [unowned self] index in refreshLookup(index, number) }
      sockets.serveLookup = { [unowned self] index in serveLookup(index, number) }
      identities[identity] = sockets
      self.places[identity] = place
    }
    if let service { port.host.serve(Pump.makeService(service, keptIn: state, at: loop.now, log: log)) }
    if settings.lanDNS, let server = settings.nameServer { port.host.serve(NameService(server)) }
    tor.probed = { [unowned self] isReachable in
      forEachIdentity { $0.torProbed(isReachable: isReachable) }
    }
  }

  /// Begins to move packets.
  func start() {
    port.start(
      HostPort.Handlers(
        touched: { [unowned self] identity in identities[identity]?.finish() },
        told: { [unowned self] event in handle(event) }, failed: { [unowned self] in complain(of: $0) },
        gone: deviceGone))
    forEachIdentity { $0.start() }
  }

  /// Tells the hosts of the LAN what ends now, as long as there is a device.
  func end() {
    port.begin()
    port.host.end(turn: &port.turn)
  }

  /// Takes a connection to the onion service of the identity with this number.
  func accept(_ stream: EventSource<StreamSocket>, for number: Int) {
    let all = port.host.all
    if all.indices.contains(number) { identities[all[number]]?.accept(stream) }
  }

  /// Takes a connection that came at `time` to the onion service of the identity with this address, if there is one.
  func accept(_ stream: EventSource<StreamSocket>, to address: IPv6Address, since time: Instant) {
    if let identity = port.host.identity(at: address) { identities[identity]?.accept(stream, since: time) }
  }

  /// Replaces the names of the hosts file.
  func replaceHosts(with names: [OnionName]) {
    let hosts = HostNames(names)
    forEachIdentity { $0.replaceHosts(with: hosts) }
  }

  /// Does from now on what these settings say of peers, prefixes and circuits. Returns what changed at the first
  /// identity, which has all of them.
  func apply(_ settings: DaemonSettings) -> [PolicyChange] {
    port.turn.device.changeLink { settings.setPrefixes(of: &$0) }
    var changes: [PolicyChange] = []
    for (number, identity) in port.host.all.enumerated() {
      let changed = identities[identity]?.apply(settings.policy(of: number)) ?? []
      if number == 0 { changes = changed }
    }
    return changes
  }

  /// Notes what Tor tells of the publication of this host's onion services, or what is known of one otherwise.
  func publicationsChanged(to publications: [OnionName: TorPublication], otherwise: Publication) {
    for identity in port.host.all {
      guard let name = places[identity]?.name else { continue }
      let publication: Publication =
        switch publications[name] {
        case nil: otherwise
        case .publishing: .publishing
        case .published: .published
        }
      identities[identity]?.changed(publication)
    }
  }

  /// Notes for which private peers Tor has the key now.
  func keysChanged(to peers: Set<OnionName>) {
    for name in peers.subtracting(keyed) { _ = withEach { node, turn in node.obstacleIsGone(to: name, turn: &turn) } }
    keyed = peers
  }

  /// Sets the MTU of the device in bytes.
  func mtuChanged(to bytes: Int) {
    port.begin()
    port.host.mtuChanged(to: bytes, turn: &port.turn)
    port.end()
  }

  /// Whether others can reach this host, also in a sentence: about the first identity that nobody reaches, or else the
  /// first; `nil` if there is none.
  var readiness: (Readiness, sentence: String)? {
    let all = port.host.all.compactMap { identity -> (readiness: Readiness, place: ServicePlace)? in
      guard let place = places[identity] else { return nil }
      return port.host.readiness(of: identity).map { ($0, place) }
    }
    guard let shown = all.first(where: { !$0.readiness.isReady }) ?? all.first else { return nil }
    return (shown.readiness, shown.readiness.sentence(at: shown.place, others: all.count - 1))
  }

  /// The names of the identities.
  var names: [OnionName] { port.host.all.compactMap { places[$0]?.name } }

  /// The status of the host.
  func status() -> HostStatus {
    port.begin()
    return port.host.status(turn: port.turn)
  }

  /// The hosts of the LAN that were heard of lately; `nil` if there is no LAN.
  var neighbours: [LinkNeighbour]? {
    port.begin()
    return port.host.neighbours(turn: port.turn)
  }

  /// Lets `body` change the node of the first identity, which keeps the configured peers.
  func withFirst<Result>(_ body: (inout Node, inout Turn<LinkDevice<TunnelDevice>>) -> Result) -> Result? {
    port.host.all.first.flatMap { identities[$0] }?.withNode(body) ?? nil
  }

  /// Lets `body` change the node of each identity, and returns what it returned for each.
  func withEach<Result>(_ body: (inout Node, inout Turn<LinkDevice<TunnelDevice>>) -> Result) -> [Result] {
    port.host.all.compactMap { identities[$0]?.withNode(body) ?? nil }
  }

  /// The configured peers to which a circuit is open.
  var configuredPeersUp: Set<OnionName> {
    guard let first = status().nodes.first else { return [] }
    return Set(first.peers.filter { if case .up = $0.state { $0.isConfigured } else { false } }.map(\.name))
  }

  private func forEachIdentity(_ body: (IdentitySockets) -> Void) {
    for identity in port.host.all { if let sockets = identities[identity] { body(sockets) } }
  }

  /// Tells once a minute at most that packets stay in the device for a moment.
  private func complain(of error: SystemError) {
    let now = port.turn.now
    guard nextComplaint <= now else { return }
    nextComplaint = now + .seconds(60)
    log.warning("the interface cannot be read for now, and is tried again each second: \(error)")
  }

  private func handle(_ event: HostEvent) {
    switch event {
    case .misplaced(let prefix):
      log.warning(
        "a host of the LAN has \(prefix), which a --route leads to a peer: --serve the LAN's own prefix, or what its "
          + "hosts send each other may go there")
    case .leasesChanged:
      leaseWriter?.keep(LeaseFile.text(of: port.host.leases))
    }
  }

  private static func makeService(
    _ settings: AddressServiceSettings, keptIn state: StateDirectory, at now: Instant, log: Log
  ) -> AddressService {
    let file = LeaseFile(parsing: Array(state.leases().utf8))
    for line in file.problems.report(of: "the lease file") { log.warning(line) }
    return AddressService(settings, leases: file.leases, at: now, wallClock: HostPort.wallClock)
  }
}
