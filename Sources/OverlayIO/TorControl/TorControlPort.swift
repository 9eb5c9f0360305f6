import OverlayCore

/// Tor's control port: connected to again and again, with a line in the log for each change. What Tor is to have, such
/// as onion services, it is told on each new connection. A Tor that admits us and ends the connection at once, again
/// and again, is tried more and more seldom, and the log does not tell of it each time.
final class TorControlPort {
  private static let firstPause = Duration.seconds(1)
  private static let longestPause = Duration.seconds(30)
  /// Whoever lets a connection stand for so long does not end each at once.
  private static let steadiness = Duration.seconds(60)
  // So often doubled, the first pause is the longest.
  private static let mostDoublings = 5

  /// The state, as it is known.
  private(set) var state = TorState()

  private let address: SocketAddress
  private let loop: EventLoop
  private let log: Log
  private let added: (_ number: Int, OnionName, _ newKey: TorServiceKey?) -> Void
  private let changed: (TorState) -> Void
  private var services: [TorService]
  private var clientKeys: [TorClientKey] = []
  private let watched: [OnionName]
  private var connection: TorControlConnection?
  private var timer: TimerSource?
  private var pause = firstPause
  // Since when Tor admits us, and how many connections it has ended at once after it had.
  private var admission: Instant?
  private var briefConnections = 0
  // What the log was told last.
  private var complaint: String?
  private var isToldUp = false
  private var problem: String?
  private var refusedLookups: Set<Int> = []

  /// Makes a port that is not connected to before `start`. Tor is to have `services`, and the publication of `watched`
  /// is followed. `added` is told of each service that Tor has, with the key if Tor has just made it; `changed` gets
  /// each change of the state.
  init(
    _ address: SocketAddress, services: [TorService] = [], watching watched: [OnionName] = [], on loop: EventLoop,
    log: Log, added: @escaping (_ number: Int, OnionName, _ newKey: TorServiceKey?) -> Void = { _, _, _ in },
    changed: @escaping (TorState) -> Void = { _ in }
  ) throws(SystemError) {
    (self.address, self.services, self.watched, self.loop, self.log) = (address, services, watched, loop, log)
    (self.added, self.changed) = (added, changed)
    state.link = .waiting(reason: "")
    timer = try TimerSource(on: loop) { [unowned self] in if connection == nil { start() } else { noteSteadiness() } }
  }

  /// Begins to connect.
  func start() {
    guard connection == nil else { return }
    do throws(SystemError) {
      connection = try TorControlConnection(
        address, on: loop, begin: { [unowned self] now in makeSession(at: now) },
        handlers: TorControlConnection.Handlers(
          told: { [unowned self] event in take(event) }, ended: { [unowned self] reason in ended(reason) }))
    } catch {
      ended(error.reason)
    }
  }

  /// Has Tor make one more onion service.
  func add(_ service: TorService) {
    services.append(service)
    connection?.change { session, now in session.add(service, at: now) }
  }

  /// Ends the onion service of an identity.
  func remove(_ number: Int) {
    services.removeAll { $0.number == number }
    connection?.change { session, now in session.remove(number, at: now) }
  }

  /// Has Tor look anew for the service of this name, whatever it remembers of it.
  func fetch(_ name: OnionName) { connection?.change { session, now in session.fetch(name, at: now) } }

  /// Has Tor look for the service of a peer with this key.
  func authorize(_ key: TorClientKey) {
    clientKeys.removeAll { $0.peer == key.peer }
    clientKeys.append(key)
    state.keyed.remove(key.peer)
    connection?.change { session, now in session.authorize(key, at: now) }
  }

  /// Has Tor forget the key for the service of a peer.
  func unauthorize(_ peer: OnionName) {
    clientKeys.removeAll { $0.peer == peer }
    state.keyed.remove(peer)
    connection?.change { session, now in session.unauthorize(peer, at: now) }
  }

  /// Lets only these clients find the onion service of an identity.
  func close(_ number: Int, toAllBut clients: [TorClientPublicKey]) {
    services = services.map { service in
      guard service.number == number else { return service }
      return TorService(
        number: number, port: service.port, target: service.target, key: service.key, name: service.name,
        clients: clients, purpose: service.purpose) ?? service
    }
    connection?.change { session, now in session.close(number, toAllBut: clients, at: now) }
  }

  /// Replaces the keys for the services of peers.
  func replaceKeys(_ old: [TorClientKey], by new: [TorClientKey]) {
    for key in old where !new.contains(where: { $0.peer == key.peer }) { unauthorize(key.peer) }
    for key in new where !old.contains(key) { authorize(key) }
  }

  private func makeSession(at now: Instant) -> TorControlSession {
    var generator = SystemRandomNumberGenerator()
    let nonce = (0..<32).map { _ in UInt8.random(in: .min ... .max, using: &generator) }
    return TorControlSession(
      services: services, clientKeys: clientKeys, watching: watched, isTrusted: address.isPath, nonce: nonce, at: now)
  }

  private func ended(_ reason: String) {
    connection = nil
    let wasUp = state.link == .up
    if let admission {
      let isBrief = loop.now - admission < TorControlPort.steadiness
      briefConnections = isBrief ? min(briefConnections, TorControlPort.mostDoublings) + 1 : 0
      pause = TorControlPort.firstPause
      for _ in 1..<max(1, briefConnections) { pause = min(pause + pause, TorControlPort.longestPause) }
    }
    admission = nil
    if isToldUp || complaint != reason {
      let advice =
        wasUp && services.contains { $0.purpose == .circuits }
        ? "; the onion service goes with it, until Tor is back" : ""
      log.warning("Tor's control port at \(address): \(reason)\(advice); it is tried again")
      isToldUp = false
    }
    complaint = reason
    // What Tor had from us is gone, and how far the next one is nobody knows.
    state.publications = [:]
    state.keyed = []
    state.bootstrap = .unknown
    state.link = .waiting(reason: reason)
    changed(state)
    timer?.start(after: pause)
    pause = min(pause + pause, TorControlPort.longestPause)
  }

  private func take(_ event: TorControlEvent) {
    switch event {
    case .admitted(let version, let socksListeners):
      (state.link, state.version, state.socksListeners) = (.up, version, socksListeners)
      (problem, admission) = (nil, loop.now)
      if briefConnections < 2 { tellUp() } else { timer?.start(after: TorControlPort.steadiness) }
    case .bootstrap(let bootstrap): note(bootstrap)
    case .problem(let text):
      guard problem != text else { return }
      (problem, state.problem) = (text, text)
      log.warning("Tor says: \(text)")
    case .added(let number, let name, let newKey):
      learn(number, name, newKey)
      added(number, name, newKey)
    case .undefended:
      log.info("this Tor has no proof-of-work defence for the onion service: a flood of callers is not slowed down")
    case .refused(let number, let reason):
      if case .lookup(let address)? = services.first(where: { $0.number == number })?.purpose {
        let text = "Tor does not make a lookup service of \(address) (\(reason)); it is tried again every minute"
        // What torrc serves is no fault.
        if refusedLookups.insert(number).inserted {
          if reason.hasSuffix("collision") { log.info(text) } else { log.warning(text) }
        }
        break
      }
      let advice =
        reason.hasSuffix("collision")
        ? "; it has one of this key already, of another program or by lines of torrc, and one of both has to go" : ""
      let isOne = services.count { $0.purpose == .circuits } == 1
      let known = isOne ? nil : services.first { $0.number == number }?.name?.address
      let which = known.map { " of \($0)" } ?? ""
      log.warning("Tor does not make the onion service\(which) (\(reason))\(advice); it is tried again in a minute")
    case .publication(let name, let publication): note(publication, of: name)
    case .authorized(let peer):
      state.keyed.insert(peer)
      log.debug("Tor has the key for the onion service of \(peer)")
    case .unauthorized(let peer, let reason):
      log.warning("Tor does not take the key for the onion service of \(peer.address): \(reason)")
    }
    changed(state)
  }

  private func tellUp() {
    isToldUp = true
    log.notice("Tor \(state.version.map { "\($0) " } ?? "")admits us at its control port \(address)")
  }

  private func noteSteadiness() {
    guard state.link == .up, !isToldUp else { return }
    briefConnections = 0
    tellUp()
  }

  /// Tor is told the same key on its return.
  private func learn(_ number: Int, _ name: OnionName, _ newKey: TorServiceKey?) {
    guard let place = services.firstIndex(where: { $0.number == number }) else { return }
    let service = services[place]
    let known = TorService(
      number: number, port: service.port, target: service.target, key: newKey ?? service.key, name: name,
      clients: service.clients, purpose: service.purpose)
    if let known { services[place] = known }
  }

  private func note(_ bootstrap: TorBootstrap) {
    let before = state.bootstrap
    guard bootstrap != before else { return }
    state.bootstrap = bootstrap
    switch bootstrap {
    case .up:
      state.problem = nil
      if before != .unknown { log.notice("Tor has started") }
    case .starting:
      let line = state.sentence ?? ""
      if case .starting = before { log.info(line) } else { log.notice(line) }
    case .unknown: break
    }
  }

  private func note(_ publication: TorPublication, of name: OnionName) {
    let before = state.publications.updateValue(publication, forKey: name)
    if case .lookup(let address)? = services.first(where: { $0.name == name })?.purpose {
      if publication == .published { log.notice("\(address) can be looked up: its lookup service is published") }
      return
    }
    switch publication {
    case .published: log.notice("the onion service of \(name.address) is published")
    case .publishing(nil): if before == nil { log.info("the onion service of \(name.address) is being published") }
    case .publishing(let reason?):
      log.info("the onion service of \(name.address) is not published yet: a directory answered \(reason)")
    }
  }
}
