import OverlayCore

extension SettingsDraft {
  /// The daemon's settings, once everything is read, defaults included. Throws the first contradiction among them.
  func daemonSettings() throws(SettingError) -> DaemonSettings {
    var settings = daemon
    settings.identities = try identities()
    settings.peerKeys = try checkedKeys()
    settings.authentications = try checkedAuthentications()
    try checkLookup(settings)
    try checkState()
    try checkCircuitID()
    try checkMode()
    try checkHosts()
    try checkPorts()
    let rules = PrefixRules(
      isInNamespace: settings.interface.namespace != nil, carriesIPv4: settings.ipv4,
      connections: [settings.socks] + [settings.torControl].compactMap { $0 } + settings.identities.flatMap(\.listen))
    settings.table = try checkedTable(checkedRoutes(rules), checkedServed(rules))
    settings.door.rules = try checkedDoor()
    for peer in daemon.peers { settings.door.petnames[peer.name.address] = peer.petname }
    try checkOnlyPeers(&settings)
    settings.interface.routes = settings.routes.map(\.prefix)
    settings.interface.served = settings.served
    if let (given, address) = ipv4Address {
      guard settings.ipv4 else { throw .incomplete(given.origin, needs: "--ipv4") }
      try given.reading { () throws(SettingValue.Refusal) in try rules.check(.ipv4(address.prefix), isRoute: true) }
      settings.interface.ipv4Address = address
    }
    return settings
  }

  /// Two daemons cannot have the same interface, nor listen at the same place, which the standard one has by default.
  func requireOwnPlaces() throws(SettingError) {
    guard let name = instance.name else { return }
    if instance.interface == nil, origins["interface"] == nil {
      throw .unplaced(instance: name, needs: "--interface NAME: its own is too long for a name of an interface")
    }
    let isShared = daemon.publisher == .tor || hostnameFile != nil || onions.contains { $0.listen == nil }
    if origins["listen"] == nil, isShared {
      throw .unplaced(
        instance: name, needs: "--listen HOST:PORT of its own: 127.0.0.1:8060 is that of the other daemon")
    }
    if daemon.lookup == .serve, origins["lookup-listen"] == nil, onions.first?.lookupListen == nil {
      throw .unplaced(
        instance: name, needs: "--lookup-listen HOST:PORT of its own: 127.0.0.1:8061 is that of the other daemon")
    }
  }

  /// Keys are for Tor, which takes them at its control port alone.
  private func checkedKeys() throws(SettingError) -> [TorClientKey] {
    for name in ["private", "invited"] {
      if let origin = origins[name], daemon.publisher != .tor { throw .incomplete(origin, needs: "--publish tor") }
    }
    if let origin = origins["invited"], !daemon.isPrivate { throw .incomplete(origin, needs: "--private") }
    if let origin = origins["peer-key"], daemon.torControl == nil { throw .incomplete(origin, needs: "--tor-control") }
    var keys: [TorClientKey] = []
    for (given, petname, bytes) in peerKeys {
      try given.reading { () throws(SettingValue.Refusal) in
        guard let peer = daemon.peers.first(where: { $0.petname == petname }) else {
          throw SettingValue.Refusal("no --peer is called '\(petname)'")
        }
        guard !keys.contains(where: { $0.peer == peer.name }), let key = TorClientKey(bytes, for: peer.name) else {
          throw SettingValue.Refusal("'\(petname)' has a key already")
        }
        keys.append(key)
      }
    }
    return keys
  }

  /// What single peers have to prove, by their names.
  private func checkedAuthentications() throws(SettingError) -> [OnionName: Authentication] {
    var checked: [OnionName: Authentication] = [:]
    for (given, petname, authentication) in peerAuthentications {
      try given.reading { () throws(SettingValue.Refusal) in
        guard let peer = daemon.peers.first(where: { $0.petname == petname }) else {
          throw SettingValue.Refusal("no --peer is called '\(petname)'")
        }
        guard checked.updateValue(authentication, forKey: peer.name) == nil else {
          throw SettingValue.Refusal("it is already said what '\(petname)' has to prove")
        }
      }
    }
    return checked
  }

  /// Who asks for one name learns no other, and a lookup service takes no packets. A private host is not found.
  private func checkLookup(_ settings: DaemonSettings) throws(SettingError) {
    guard let origin = origins["lookup"], settings.lookup == .serve else { return }
    if settings.isPrivate { throw .conflict(origin, origins["private"] ?? .table("private")) }
    var taken = Set(settings.identities.flatMap(\.listen))
    for number in settings.identities.indices {
      guard let address = settings.servedLookup(of: number) else { continue }
      guard taken.insert(address).inserted else {
        throw .refused(
          GivenValue(settings.lookup.rawValue, from: origin),
          reason: "the names of this host would be told at \(address), where an identity listens already; another "
            + "--lookup-listen, or ',lookup=HOST:PORT', is accepted")
      }
    }
  }

  /// Tor's control port knows no word for what torrc's HiddenServiceExportCircuitID says (Tor's control specification,
  /// ADD_ONION).
  private func checkCircuitID() throws(SettingError) {
    guard daemon.publisher == .tor, let origin = origins["tor-circuit-id"] else { return }
    throw .incomplete(
      origin,
      needs: "an onion service of torrc, with 'HiddenServiceExportCircuitID haproxy': with --publish tor Tor makes it "
        + "by ADD_ONION, which cannot say that")
  }

  /// What is to be kept needs a place.
  private func checkState() throws(SettingError) {
    guard daemon.stateDirectory == nil else { return }
    let given = GivenValue("none", from: origins["state-dir"] ?? .table("state-dir"))
    if daemon.remembersNames {
      throw .refused(
        given, reason: "--remember yes keeps learned names there; a directory is accepted, or --remember no")
    }
    if daemon.publisher == .tor, !daemon.isEphemeral {
      throw .refused(
        given,
        reason: "--publish tor keeps the key of the onion service there; a directory is accepted, or --ephemeral")
    }
  }

  private func checkMode() throws(SettingError) {
    guard daemon.mode == .tun else {
      if let address = origins["no-address"], let ipv4Address { throw .conflict(address, ipv4Address.given.origin) }
      let (bytes, range) = (daemon.interface.mtu.bytes, InterfaceMTU.ethernetRange)
      if let origin = origins["mtu"], !range.contains(bytes) {
        throw .refused(
          GivenValue("\(bytes)", from: origin),
          reason: "with --mode tap a number from \(range.lowerBound) to \(range.upperBound) is accepted")
      }
      return
    }
    for name in ["no-address", "dhcpv6", "lan-dns"] {
      if let origin = origins[name] { throw .incomplete(origin, needs: "--mode tap") }
    }
  }

  /// An identity is kept for a host of the LAN only where it can be handed out.
  private func checkHosts() throws(SettingError) {
    for identity in identitiesOfTor where identity.macAddress != nil && !daemon.dhcpv6 {
      throw .refused(identity.given, reason: "'mac=' needs --dhcpv6")
    }
    for (number, onion) in onions.enumerated() where onion.macAddress != nil {
      guard daemon.dhcpv6 else { throw .refused(onion.given, reason: "'mac=' needs --dhcpv6") }
      guard number > 0 || !daemon.hasAddress else {
        throw .refused(
          onion.given, reason: "'mac=' needs --no-address: the first identity's address is that of the interface")
      }
    }
  }

  /// Names are pasted with the port that the other side told, and all are dialled at one.
  private func checkPorts() throws(SettingError) {
    let accepted = daemon.servicePort
    let own = onions.compactMap { onion in onion.port.map { (given: onion.given, port: $0) } }
    for (given, port) in own + peersWithPort where port != accepted {
      throw .refused(given, reason: OnionNameError.port(port, accepted: accepted).description)
    }
  }

  /// The errors that tell of one prefix are found before, where it is known who wrote it.
  private func checkedTable(_ routes: [Route], _ served: [IPPrefix]) throws(SettingError) -> RouteTable {
    do throws(RouteError) {
      return try RouteTable(routes: routes, served: served)
    } catch {
      let last = self.routes.last?.given ?? self.served.last?.given ?? GivenValue("", from: .table("route"))
      throw .refused(last, reason: error.description)
    }
  }

  private func checkedRoutes(_ rules: PrefixRules) throws(SettingError) -> [Route] {
    let own = Set(onions.map(\.name))
    var taken: Set<IPPrefix> = []
    var checked: [Route] = []
    for route in routes {
      try route.given.reading { () throws(SettingValue.Refusal) in
        guard taken.insert(route.prefix).inserted else { throw SettingValue.Refusal("this prefix is already given") }
        try rules.check(route.prefix, isRoute: true)
        let via = try route.peer(among: daemon.peers, servicePort: daemon.servicePort)
        guard !own.contains(via) else { throw SettingValue.Refusal("via= is this host's own name") }
        checked.append(Route(prefix: route.prefix, via: via))
      }
    }
    return checked
  }

  private func checkedDoor() throws(SettingError) -> [DoorRule] {
    var rules: [DoorRule] = []
    for setting in doorRules {
      try setting.given.reading { () throws(SettingValue.Refusal) in
        let rule = try setting.resolved(among: daemon.peers, servicePort: daemon.servicePort)
        guard !rules.contains(rule) else { throw SettingValue.Refusal("this rule is already given") }
        rules.append(rule)
      }
    }
    return rules
  }

  /// A closed group asks nobody outside for names, and is found by nobody there. Who is in it is proven, or anybody
  /// could claim to be.
  private func checkOnlyPeers(_ settings: inout DaemonSettings) throws(SettingError) {
    guard settings.onlyPeers, let origin = origins["only-peers"] else { return }
    if settings.lookup != .off, let lookup = origins["lookup"] { throw .conflict(origin, lookup) }
    settings.lookup = .off
    if let authenticate = origins["authenticate"], settings.authentication != .strict {
      throw .refused(
        GivenValue(settings.authentication.rawValue, from: authenticate),
        reason: "with --only-peers who calls has to prove that it is a peer: strict is accepted, and "
          + "--peer-authenticate PETNAME=\(settings.authentication.rawValue) for single peers")
    }
  }

  private func checkedServed(_ rules: PrefixRules) throws(SettingError) -> [IPPrefix] {
    let routed = Set(routes.map(\.prefix))
    var taken: Set<IPPrefix> = []
    for (given, prefix) in served {
      try given.reading { () throws(SettingValue.Refusal) in
        guard taken.insert(prefix).inserted else { throw SettingValue.Refusal("this prefix is already given") }
        guard !routed.contains(prefix) else { throw SettingValue.Refusal("this prefix is behind a peer, by --route") }
        try rules.check(prefix, isRoute: false)
      }
    }
    return served.map(\.prefix)
  }
}
