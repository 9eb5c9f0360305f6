import Glibc
import OverlayCore

/// Who this host is: its names are known at once, or as soon as Tor tells them, and then the pump begins.
extension Daemon {
  /// Starts with the names that are known, or as soon as Tor has written the only one.
  func findIdentities() throws {
    var names: [OnionName] = []
    for identity in settings.identities {
      switch identity.name {
      case .onion(let name): names.append(name)
      case .hostnameFile(let path):
        let watch = try HostnameWatch(
          path, servicePort: settings.servicePort, on: loop, log: log,
          found: { [unowned self] name in
            beginOrFail(as: [name])
            tor?.ask(.named(name))
          }, failed: { [unowned self] error in fail(error) })
        hostname = watch
        sayState()
        return watch.read()
      // Whoever speaks with Tor tells them.
      case .madeByTor: return sayState()
      }
    }
    try begin(as: names)
  }

  /// Begins with these names.
  func beginOrFail(as names: [OnionName]) {
    do {
      try begin(as: names)
    } catch {
      fail(error)
    }
  }

  private func begin(as names: [OnionName]) throws {
    guard let interface, pump == nil, let first = names.first else { return }
    warnOfVersion2(names)
    if settings.peers.contains(where: { names.contains($0.name) }) {
      log.warning("a --peer is this host's own name, and left out")
    }
    for name in names { claim(name) }
    if let path = settings.stateDirectory, let stateObstacle {
      log.warning("nothing can be kept in \(path), and what is learned is forgotten at the end: \(stateObstacle)")
    }
    for line in settings.advice(for: try survey()) { log.warning(line) }
    let device = try interface.open(settings.mode == .tap ? [first.address] : names.map(\.address))
    let pump = try Pump(
      settings, as: names, device: device, on: loop, log: log,
      torChanged: { [unowned self] isReachable, failure in socksChanged(isReachable: isReachable, failure) },
      told: { [unowned self] event in
        if case .readiness = event { sayState() }
        desk?.tell(event)
        hooks?.tell(event)
      },
      deviceGone: { [unowned self] in
        fail("\(PrivilegeError.interfaceGone(settings.interface.name.description))")
      })
    self.pump = pump
    keepHosts()
    let lookups = LookupServers(of: names, on: loop, log: log)
    try lookups.apply(settings)
    self.lookups = lookups
    pump.refreshLookup = { [unowned self] index, number in tor?.ask(.refreshLookup(index, of: number)) }
    pump.serveLookup = { [unowned self] index, number in tor?.ask(.serveLookup(upTo: index, of: number)) }
    hosts = try watchHosts(for: pump)
    keepNames()
    desk?.pump = pump
    log.notice("\(first.address) on \(settings.interface.name): interface up")
    hooks?.interfaceUp(as: first)
    pump.publicationsChanged(to: torState.publications, otherwise: unknownPublication)
    pump.start()
    sayState()
    notifier?.ready()
  }

  /// What the namespace of the interface is like.
  func survey() throws(PrivilegeError) -> NamespaceSurvey {
    if let room { return try room.survey() }
    return try NamespaceSurvey(of: settings.interface.namespace)
  }

  private func claim(_ name: OnionName) {
    do throws(SystemError) {
      claims.append(try IdentityClaim(name))
    } catch  where error.number == EADDRINUSE {
      log.warning(
        "another oncilla on this host has the name of \(name.address): Tor gives each circuit to one of both; end one")
    } catch {
      log.debug("whether another oncilla on this host has the name of \(name.address) is not known: \(error)")
    }
  }

  private func warnOfVersion2(_ names: [OnionName]) {
    for name in names where name.isVersion2 {
      log.warning("a name of this host is of version 2, which today's Tor does not serve")
    }
    for (number, peer) in settings.peers.enumerated() where peer.name.isVersion2 {
      log.warning("the name of \(peer.label(number)) is of version 2, which today's Tor does not serve")
    }
    for route in settings.routes where route.via.isVersion2 && !settings.peers.contains(where: { $0.name == route.via })
    {
      log.warning("\(route.prefix) is routed to a name of version 2, which today's Tor does not serve")
    }
  }

  private func watchHosts(for pump: Pump) throws(SystemError) -> HostsWatch? {
    try settings.hostsFile.map { path throws(SystemError) in
      try HostsWatch(path, servicePort: settings.servicePort, on: loop, log: log) { [unowned pump] names in
        pump.replaceHosts(with: names)
      }
    }
  }

  /// Takes the names of another hosts file, or of none.
  func replaceHosts() {
    guard let pump else { return }
    do throws(SystemError) {
      hosts = try watchHosts(for: pump)
      if hosts?.hasNames != true { pump.replaceHosts(with: []) }
    } catch {
      log.warning("the hosts file is not read, and none is from now on: \(error)")
    }
  }
}
