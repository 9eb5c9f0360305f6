import CLinux
import Glibc
import OverlayCore

/// The daemon of `oncilla run`. It opens what it needs in order, runs until it is told to stop or cannot go on, and
/// closes everything in reverse order.
public final class Daemon {
  // What reading the configuration again may change, all of it in `Daemon+Reload`.
  var settings: DaemonSettings {
    didSet { desk?.settings = settings }
  }
  var runtimePeers = RuntimePeers()
  var configuration: (running: Configuration, source: ConfigurationSource)?
  let log: Log
  private let loop: EventLoop
  private var status: Int32 = 0
  private var signals: [SignalSource] = []
  private var listeners: IdentityListeners?
  private(set) var interface: OverlayInterface?
  private(set) var pump: Pump?
  private var claims: [IdentityClaim] = []
  private var hostname: HostnameWatch?
  private var hosts: HostsWatch?
  private var desk: ControlDesk?
  private var published: PublishedIdentity?
  private var torControl: TorControlPort?
  private var notifier: ServiceNotifier?
  private(set) var hooks: DaemonHooks?
  private var isStopping = false
  private let began = Timestamp.now
  private var metricsPage: MetricsServer?
  private var hasSeenTorAway = false

  /// Makes a daemon that has opened nothing yet; `nil` if the system has no way to wait for events. Without a `source`
  /// it has nothing to read again.
  public convenience init?(_ configuration: Configuration, from source: ConfigurationSource, log: Log) {
    self.init(configuration.settings.daemon, log: log)
    self.configuration = (configuration, source)
  }

  /// Makes a daemon with these settings, for ever.
  public init?(_ settings: DaemonSettings, log: Log) {
    guard let loop = EventLoop() else { return nil }
    self.settings = settings
    self.log = log
    self.loop = loop
  }

  /// Runs, and returns the exit status of the process: 0 after SIGTERM or SIGINT, 5 if a hook cannot be run, 1 after
  /// another failure, which the log names.
  public func run() -> Int32 {
    notifier = ServiceNotifier(.take(), on: loop, log: log)
    awaitSignals()
    do {
      hooks = try DaemonHooks(settings, on: loop, log: log)
      desk = try ControlDesk(settings, on: loop, log: log)
      desk?.daemon = self
      desk?.metrics = { [unowned self] withPeers in metrics(withPeers: withPeers) }
      metricsPage = try settings.metricsListen.map { address in
        try MetricsServer(address, on: loop, log: log) { [unowned self] in metrics(withPeers: settings.metricsPeers) }
      }
      // Until the names are known there is no identity, and the caller finds the circuit closed.
      listeners = try IdentityListeners(
        settings.identities, on: loop, log: log,
        accept: { [unowned self] stream, identity in pump?.accept(stream, for: identity) },
        acceptAddressed: { [unowned self] stream, address in pump?.accept(stream, to: address) })
      interface = try OverlayInterface(
        settings.interface, on: loop, log: log, mtuChanged: { [unowned self] bytes in pump?.mtuChanged(to: bytes) },
        failed: { [unowned self] in stop(status: 1) })
      try findIdentities()
    } catch {
      fail("\(error)", status: error is HookError ? 5 : 1)
    }
    loop.run()
    close()
    return status
  }

  private func close() {
    hooks = nil
    metricsPage = nil
    desk = nil
    hostname = nil
    published = nil
    torControl = nil
    hosts = nil
    listeners = nil
    pump = nil
    claims = []
    if status == 0 { interface?.forgetConnections() }
    interface = nil
    signals = []
    if status == 0 { log.notice("stopped") }
  }

  /// Ends the daemon as soon as the hooks of the end have run. Packets go on until then.
  private func stop(status: Int32) {
    guard !isStopping else { return }
    isStopping = true
    self.status = status
    notifier?.stopping(because: status == 0 ? nil : "it cannot go on: the log says why")
    guard let hooks else { return loop.stop() }
    hooks.stop { [unowned self] in loop.stop() }
  }

  /// Somebody who asks twice does not want to wait for hooks.
  private func terminate() {
    if isStopping { loop.stop() } else { stop(status: 0) }
  }

  private func fail(_ reason: String, status: Int32 = 1) {
    log.error(reason)
    notifier?.stopping(because: reason)
    stop(status: status)
  }

  private func awaitSignals() {
    let handlers: [(Int32, () -> Void)] = [
      (SIGTERM, { [unowned self] in terminate() }),
      (SIGINT, { [unowned self] in terminate() }),
      (SIGHUP, { [unowned self] in hangUp() }),
      (SIGUSR1, { [unowned self] in report() }),
    ]
    signals = handlers.map { number, handler in SignalSource(number, on: loop, handler: handler) }
  }

  /// Starts with the names that are known, or as soon as Tor has written the only one.
  private func findIdentities() throws {
    var names: [OnionName] = []
    for identity in settings.identities {
      switch identity.name {
      case .onion(let name): names.append(name)
      case .hostnameFile(let path):
        let watch = try HostnameWatch(
          path, servicePort: settings.servicePort, on: loop, log: log,
          found: { [unowned self] name in beginOrFail(as: [name]) }, failed: { [unowned self] in stop(status: 1) })
        hostname = watch
        notifier?.say("waiting for Tor to write \(path)")
        return watch.read()
      case .madeByTor: return try publish(identity)
      }
    }
    try begin(as: names)
  }

  /// Has Tor make the onion service of `identity`, and begins as soon as its name is known.
  private func publish(_ identity: DaemonSettings.Identity) throws {
    guard let control = settings.torControl, let listen = identity.listen.first else { return }
    let published = try PublishedIdentity(
      settings, control: control, listen: listen, on: loop, log: log,
      found: { [unowned self] name in beginOrFail(as: [name]) }, failed: { [unowned self] reason in fail(reason) },
      changed: { [unowned self] state in torChanged(to: state) })
    self.published = published
    notifier?.say(sentence)
    published.start()
  }

  /// A service is tried once Tor has published it, and not before.
  private func torChanged(to state: TorState) {
    pump?.publicationsChanged(to: state.publications, otherwise: unknownPublication)
    notifier?.say(sentence)
  }

  /// Lets those find the service, and Tor the services of those peers, whom the new settings name.
  func useKeys(of new: DaemonSettings) {
    published?.use(new, inPlaceOf: settings)
    torControl?.replaceKeys(settings.peerKeys, by: new.peerKeys)
  }

  /// What is known of a service of which Tor has told nothing: what torrc has it publish may stand for long, and what it
  /// publishes at our word does not stand before it says so.
  private var unknownPublication: Publication { published == nil ? .unknown : .publishing }

  /// What is known of Tor from its control port.
  private var torState: TorState { published?.state ?? torControl?.state ?? TorState() }

  private func beginOrFail(as names: [OnionName]) {
    do {
      try begin(as: names)
    } catch {
      fail("\(error)")
    }
  }

  private func begin(as names: [OnionName]) throws {
    guard let interface, pump == nil, let first = names.first else { return }
    warnOfVersion2(names)
    if settings.peers.contains(where: { names.contains($0.name) }) {
      log.warning("a --peer is this host's own name, and left out")
    }
    for name in names { claim(name) }
    if let obstacle = StateDirectory.obstacle(at: settings.stateDirectory) {
      log.warning(
        "nothing can be kept in \(settings.stateDirectory), and what is learned is forgotten at the end: \(obstacle)")
    }
    for line in settings.advice(for: try NamespaceSurvey(of: settings.interface.namespace)) { log.warning(line) }
    let device = try interface.open(settings.mode == .tap ? [first.address] : names.map(\.address))
    let pump = try Pump(
      settings, as: names, device: device, on: loop, log: log,
      torChanged: { [unowned self] isReachable, failure in
        sayOfTor(isReachable: isReachable, failure)
        notifier?.say(sentence)
        desk?.torChanged(isReachable: isReachable, reason: failure?.reason)
      },
      told: { [unowned self] event in
        if case .readiness = event { notifier?.say(sentence) }
        desk?.tell(event)
        hooks?.tell(event)
      },
      deviceGone: { [unowned self] in deviceGone() })
    self.pump = pump
    hosts = try watchHosts(for: pump)
    desk?.pump = pump
    log.notice("\(first.address) on \(settings.interface.name): interface up")
    hooks?.interfaceUp(as: first)
    pump.publicationsChanged(to: torState.publications, otherwise: unknownPublication)
    pump.start()
    try followTor(names)
    notifier?.say(sentence)
    notifier?.ready()
  }

  /// Follows how far Tor is, and whether it has published what torrc has it publish.
  private func followTor(_ names: [OnionName]) throws(SystemError) {
    guard published == nil, let control = settings.torControl else { return }
    let port = try TorControlPort(
      control, watching: names, on: loop, log: log, changed: { [unowned self] state in torChanged(to: state) })
    torControl = port
    for key in settings.peerKeys { port.authorize(key) }
    port.start()
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

  /// How the daemon is, in a sentence.
  private var sentence: String { torState.sentence ?? pump?.sentence ?? "waiting for this host's name" }

  private func sayOfTor(isReachable: Bool, _ failure: SystemError?) {
    if isReachable {
      log.notice("Tor \(hasSeenTorAway ? "is back" : "is there") at \(settings.socks)")
    } else {
      log.notice(waitingForTor(failure))
    }
    hasSeenTorAway = !isReachable || hasSeenTorAway
  }

  /// While the daemon waits nobody listens, and that is no news. Any other reason, such as a wrong path, is for the
  /// operator.
  private func waitingForTor(_ failure: SystemError?) -> String {
    let reason = failure.flatMap { $0.number == ECONNREFUSED ? nil : " (\($0.reason))" } ?? ""
    return "waiting for Tor at \(settings.socks)\(reason)"
  }

  private func deviceGone() {
    fail("\(PrivilegeError.interfaceGone(settings.interface.name.description))")
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

  private func hangUp() { _ = try? reloadAll() }

  /// Opens the log again, and reads the configuration and the hosts file again.
  func reloadAll() throws(ReloadError) -> ReloadReport {
    notifier?.reloading()
    defer {
      hosts?.read()
      notifier?.reloaded()
    }
    log.reopen()
    return try reload()
  }

  /// The figures of the daemon, for Prometheus.
  private func metrics(withPeers showsPeers: Bool) -> String {
    let status = pump?.status()
    let isTorUp = status?.nodes.first.map { $0.tor == .reachable } ?? false
    return HostMetrics.text(
      of: status,
      HostMetrics.Facts(
        started: began.seconds, isTorUp: isTorUp, hooks: hooks?.counts ?? HookRunner.Counts(), showsPeers: showsPeers))
  }

  private func report() {
    guard let pump else { return log.notice("waiting for this host's name: nothing to report") }
    let status = pump.status()
    for node in status.nodes { log.debug(node.nameLine) }
    for line in status.lines { log.notice(line) }
    if let line = listeners?.report { log.notice(line) }
  }
}
