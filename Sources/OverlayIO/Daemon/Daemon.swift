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
  let loop: EventLoop
  private var status: Int32 = 0
  private var signals: [SignalSource] = []
  private var listeners: IdentityListeners?
  private(set) var interface: OverlayInterface?
  var pump: Pump?
  var claims: [IdentityClaim] = []
  var hostname: HostnameWatch?
  var hosts: HostsWatch?
  var keptHosts: KeptHosts?
  var nameKeeper: NameKeeper?
  var desk: ControlDesk?
  var lookups: LookupServers?
  /// The process that speaks with Tor's control port, where there is one.
  private(set) var tor: TorLink?
  var notifier: ServiceNotifier?
  private(set) var hooks: DaemonHooks?
  /// The process that has the rights which this one gives up; `nil` for a daemon that keeps its own.
  private(set) var room: RoomLink?
  private var helperArguments: [String]?
  /// Why nothing can be kept in the state directory.
  private(set) var stateObstacle: SystemError?
  private var isStopping = false
  /// Whether the signals of the process are this daemon's; not where it is one of several in a process of tests.
  var heedsSignals = true
  private let began = Timestamp.now
  private var metricsPage: MetricsServer?
  private var sleepWatch: SleepWatch?
  var nameServer: NameServer?
  /// Why Tor's SOCKS port cannot be reached; `nil` if it can be, or if nobody has tried.
  var torFailure: SystemError?
  var hasSeenTorAway = false

  /// Makes a daemon that has opened nothing yet; `nil` if the system has no way to wait for events. Without a `source`
  /// it has nothing to read again. It keeps no rights: a helper does, which is this program once more, and finds the
  /// source by `arguments`.
  public convenience init?(
    _ configuration: Configuration, from source: ConfigurationSource, helper arguments: [String], log: Log
  ) {
    self.init(configuration.settings.daemon, log: log)
    self.configuration = (configuration, source)
    helperArguments = arguments
  }

  /// Makes a daemon with these settings and the rights that it has, for ever. It has nothing to do with Tor's control
  /// port, which is another process's.
  public init?(_ settings: DaemonSettings, log: Log) {
    guard let loop = EventLoop() else { return nil }
    self.settings = settings
    self.log = log
    self.loop = loop
  }

  /// Runs, and returns the exit status of the process: 0 after SIGTERM or SIGINT, 5 if a hook cannot be run, 4 if it
  /// lacks a right, 1 after another failure, which the log names.
  public func run() -> Int32 {
    notifier = ServiceNotifier(.take(), on: loop, log: log)
    if heedsSignals { awaitSignals() }
    do {
      if let helperArguments {
        let room = try RoomLink(helperArguments, settings.interface, on: loop) { [unowned self] in
          if !isStopping { fail("the helper, which keeps the interface, has ended: start the daemon again") }
        }
        self.room = room
        tor = try openTor(by: room, helperArguments)
      }
      hooks = try DaemonHooks(settings, by: room ?? OwnHookStarter(), on: loop, log: log)
      desk = try ControlDesk(settings, on: loop, log: log)
      desk?.daemon = self
      desk?.metrics = { [unowned self] withPeers in metrics(withPeers: withPeers) }
      metricsPage = try settings.metricsListen.map { address in
        try MetricsServer(address, on: loop, log: log) { [unowned self] in metrics(withPeers: settings.metricsPeers) }
      }
      sleepWatch = try SleepWatch(on: loop) { [unowned self] time in
        log.notice("the host slept for \((time + .milliseconds(500)).wholeSeconds) s: circuits are built anew")
        pump?.renewCircuits()
      }
      // Until the names are known there is no identity, and the caller finds the circuit closed.
      listeners = try IdentityListeners(
        settings.identities, isAnnounced: settings.isToldTorCircuits, on: loop, log: log,
        accept: { [unowned self] stream, identity in pump?.accept(stream, for: identity) },
        acceptAddressed: { [unowned self] stream, address, time in pump?.accept(stream, to: address, since: time) })
      interface = try OverlayInterface(
        settings.interface, by: room, on: loop, log: log,
        mtuChanged: { [unowned self] bytes in pump?.mtuChanged(to: bytes) },
        failed: { [unowned self] in stop(status: 1) })
      try answerNames()
      // Nothing that anybody sends was read before this.
      try shutRoom()
      try findIdentities()
    } catch {
      fail(error)
    }
    loop.run()
    close()
    return status
  }

  private func close() {
    hooks = nil
    metricsPage = nil
    sleepWatch = nil
    nameServer = nil
    desk = nil
    hostname = nil
    lookups = nil
    tor = nil
    hosts = nil
    listeners = nil
    nameKeeper?.keep()
    nameKeeper = nil
    pump?.end()
    pump = nil
    claims = []
    if status == 0 { interface?.forgetConnections() }
    interface = nil
    SystemCall.use(nil)
    room = nil
    signals = []
    if status == 0 { log.notice("stopped") }
  }

  /// Ends the daemon as soon as the hooks of the end have run. Packets go on until then.
  func stop(status: Int32) {
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

  /// The exit status is 5 if a hook cannot be run, 4 if a right is missing, and else 1.
  func fail(_ error: any Error) {
    let isDenied = (error as? any PermissionError)?.isDenied == true
    fail("\(error)", status: error is HookError ? 5 : isDenied ? 4 : 1)
  }

  func fail(_ reason: String, status: Int32 = 1) {
    log.error(reason)
    notifier?.stopping(because: reason)
    stop(status: status)
  }

  /// Starts the process that speaks with Tor's control port, where there is one.
  private func openTor(by room: RoomLink, _ arguments: [String]) throws(SystemError) -> TorLink? {
    guard let end = room.takeTorKeepersEnd(), settings.torControl != nil else { return nil }
    return try TorLink(
      arguments, helper: end, on: loop, log: log,
      handlers: TorLink.Handlers(
        found: { [unowned self] names in beginOrFail(as: names) },
        changed: { [unowned self] state in torChanged(to: state) },
        failed: { [unowned self] reason, isDenied in
          if !isStopping { fail(reason, status: isDenied ? 4 : 1) }
        },
        ended: { [unowned self] in
          if !isStopping { fail("the process that speaks with Tor's control port has ended: start the daemon again") }
        }))
  }

  /// Gives up what rights the process has, where it has a helper.
  private func shutRoom() throws(PrivilegeError) {
    stateObstacle = settings.stateDirectory.flatMap { StateDirectory.obstacle(at: $0) }
    guard let room else { return }
    let account = try RoomLock.account(settings.user)
    SystemCall.use(room.paths)
    let missing = try RoomLock.shut(
      as: account, connectingTo: [settings.socks.port].compactMap(\.self), making: .pump)
    if !missing.isEmpty {
      log.notice(
        "the kernel has no \(missing.joined(separator: ", and no ")), or whoever started the daemon keeps it from that: who "
          + "takes the daemon over is left with more than need be"
      )
    }
    log.info("the daemon goes on without rights\(account.map { ", as user \($0.name)" } ?? "")")
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
    guard let pump else { return log.notice("\(state.sentence): nothing to report") }
    let status = pump.status()
    for node in status.nodes { log.debug(node.nameLine) }
    for line in status.lines { log.notice(line) }
    if let line = listeners?.report { log.notice(line) }
  }
}
