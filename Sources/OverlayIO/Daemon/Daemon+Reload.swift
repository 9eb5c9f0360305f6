import OverlayCore

/// A configuration that is read again while the daemon runs.
extension Daemon {
  /// Reads the configuration again and does what it says, as far as that needs no restart: all of it or nothing.
  /// Circuits to peers that stay go on. The log tells what it did.
  @discardableResult
  public func reload() throws(ReloadError) -> ReloadReport {
    guard let (running, source) = configuration else { return ReloadReport() }
    do throws(ReloadError) {
      let new: Configuration
      do throws(SettingError) { new = try source.load() } catch { throw ReloadError(description: "\(error)") }
      // It allows what it has read itself.
      do throws(PrivilegeError) {
        try room?.configurationChanged()
      } catch {
        // It may have read it nevertheless, if its reply alone was lost.
        room?.configurationSettled(isNew: false)
        throw ReloadError(description: "\(error)")
      }
      let report: ReloadReport
      do throws(ReloadError) {
        report = try apply(ConfigurationChange(from: running, to: new), from: source)
      } catch {
        room?.configurationSettled(isNew: false)
        throw error
      }
      room?.configurationSettled(isNew: true)
      tor?.ask(.configurationChanged)
      for line in new.warnings { log.warning(line) }
      tell(report)
      return report
    } catch {
      log.warning("the configuration was not reloaded, and what was read before stays: \(error)")
      throw error
    }
  }

  private func apply(
    _ change: ConfigurationChange, from source: ConfigurationSource
  ) throws(ReloadError) -> ReloadReport {
    let new = change.running.settings
    let changed = Set(change.live)
    var sinks: (any LogSink, (any LogSink)?)?
    if changed.contains("log") {
      do throws(SystemError) {
        sinks = try Log.sinks(for: new.logTarget)
      } catch {
        throw ReloadError(description: "log: \(error)")
      }
    }
    do throws(HookError) {
      for hook in new.daemon.hooks { try hooks?.starter.check(hook) }
    } catch {
      throw ReloadError(description: "\(error)")
    }
    let (routes, served) = (new.daemon.interface.routes, new.daemon.interface.served)
    if (routes, served) != (settings.interface.routes, settings.interface.served) {
      do throws(PrivilegeError) {
        try interface?.setPrefixes(routes: routes, served: served)
      } catch {
        throw ReloadError(description: "\(error)")
      }
    }
    do {
      try lookups?.apply(new.daemon)
    } catch {
      try? interface?.setPrefixes(routes: settings.interface.routes, served: settings.interface.served)
      throw ReloadError(description: "\(error)")
    }
    // Nothing fails from here on.
    let advice = adviceOnServing(new.daemon)
    let gone = settings.interface.routes.filter { !routes.contains($0) }
    let former = settings.peers
    settings = runtimePeers.applied(to: new.daemon)
    configuration = (change.running, source)
    log.level = new.logLevel
    if let sinks { log.use(sinks) }
    let changes = pump?.apply(settings) ?? []
    hooks?.apply(settings, up: pump?.configuredPeersUp ?? [])
    if pump != nil { keepHosts() }
    if changed.contains("remember") { keepNames() }
    if changed.contains("hosts"), pump != nil { replaceHosts() }
    var report = ReloadReport()
    report.needsRestart = change.needsRestart
    report.applied = changes.map { $0.line(peers: settings.peers + former) }
    // What the first identity does not tell.
    var told: Set<String> = []
    for change in changes { told.insert(change.setting) }
    for name in change.live where !told.contains(name) {
      let values = change.running.entries.filter { $0.setting.name == name }.map(\.value.text)
      // Repeatable ones name peers, or hold keys.
      let isPlain = values.count == 1 && Setting.all.first { $0.name == name }?.isRepeatable == false
      report.applied.append(isPlain ? "\(name) = \(values[0])" : "\(name) changed")
    }
    for line in advice { log.warning(line) }
    for change in changes {
      guard case .peerAdded(let peer) = change, peer.name.isVersion2 else { continue }
      log.warning("the name of peer \(peer.shown) is of version 2, which today's Tor does not serve")
    }
    for prefix in gone {
      log.notice("the leak guard of \(prefix), which is routed no more, stays until 'oncilla guard off'")
    }
    return report
  }

  /// What cannot work of what is served now and was not before.
  private func adviceOnServing(_ new: DaemonSettings) -> [String] {
    guard new.served != settings.served, let survey = try? survey() else { return [] }
    let old = settings.advice(for: survey)
    return new.advice(for: survey).filter { !old.contains($0) }
  }

  private func tell(_ report: ReloadReport) {
    if report == ReloadReport() { return log.info("the configuration was read again: nothing changed") }
    if !report.applied.isEmpty {
      log.notice("the configuration was reloaded: \(report.applied.joined(separator: ", "))")
    }
    if !report.needsRestart.isEmpty {
      log.warning("changed, but counts from the next start on: \(report.needsRestart.joined(separator: ", "))")
    }
  }
}

extension PolicyChange {
  /// What changed, in words for the operator. Peers are named by their petnames, or their addresses; those that routes
  /// lead to are found among `peers`.
  func line(peers: [ConfiguredPeer]) -> String {
    switch self {
    case .peerAdded(let peer): "peer \(peer.shown) added"
    case .peerRemoved(let peer): "peer \(peer.shown) removed"
    case .peerRefused(let peer): "peer \(peer.shown) left out: its address is that of this host, or of another peer"
    case .routeAdded(let route): "route \(route.prefix) via \(route.peer(of: peers).shown) added"
    case .routeRemoved(let route): "route \(route.prefix) via \(route.peer(of: peers).shown) removed"
    case .served(let prefix): "serve \(prefix) added"
    case .notServed(let prefix): "serve \(prefix) removed"
    case .idle(let time): "idle = \(time.wholeSeconds)"
    case .circuitsPerPeer(let count): "circuits = \(count)"
    case .lookup(let mode): "lookup = \(mode.rawValue)"
    case .scrub(let isOn): "scrub = \(isOn ? "on" : "off")"
    case .authentication(let authentication): "authenticate = \(authentication.rawValue)"
    case .authentications: "what single peers have to prove"
    }
  }

  /// The name of the setting that changed.
  var setting: String {
    switch self {
    case .peerAdded, .peerRemoved, .peerRefused: "peer"
    case .routeAdded, .routeRemoved: "route"
    case .served, .notServed: "serve"
    case .idle: "idle"
    case .circuitsPerPeer: "circuits"
    case .lookup: "lookup"
    case .scrub: "scrub"
    case .authentication: "authenticate"
    case .authentications: "peer-authenticate"
    }
  }
}

extension ConfiguredPeer {
  fileprivate var shown: String { petname.map(\.description) ?? "\(name.address)" }
}

extension Route {
  fileprivate func peer(of peers: [ConfiguredPeer]) -> ConfiguredPeer {
    peers.first { $0.name == via } ?? ConfiguredPeer(name: via)
  }
}
