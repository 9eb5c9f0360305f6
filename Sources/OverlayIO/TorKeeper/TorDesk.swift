import OverlayCore

/// What is done at Tor's control port for this host: Tor has the onion services that the configuration says, and the
/// keys of private peers, and what it tells is told on.
final class TorDesk {
  private var settings: DaemonSettings
  private let control: SocketAddress
  private let loop: EventLoop
  private let log: Log
  private let tell: (TorReport) -> Void
  private var port: TorControlPort?
  private var published: PublishedIdentities?
  private var lookups: LookupPublisher?
  private var state: TorState
  // More than this Tor is not asked for, whoever has taken the daemon over.
  private var fetches = TokenBucket(rate: 1, burst: 64)

  /// Makes a desk that has begun nothing. `tell` gets what is to be told.
  init(
    _ settings: DaemonSettings, at control: SocketAddress, on loop: EventLoop, log: Log,
    tell: @escaping (TorReport) -> Void
  ) {
    (self.settings, self.control, self.loop, self.log, self.tell) = (settings, control, loop, log, tell)
    state = .initial
  }

  /// Begins, unless who this host is has to be told first.
  func start() throws {
    var names: [OnionName] = []
    for identity in settings.identities {
      switch identity.name {
      case .onion(let name): names.append(name)
      case .hostnameFile: return
      case .madeByTor: return try publish()
      }
    }
    try begin(as: names)
  }

  /// Takes a request, but for that to read the configuration again.
  func take(_ request: TorRequest) throws {
    switch request {
    case .named(let name):
      guard port == nil, case .hostnameFile? = settings.identities.first?.name else { return }
      try begin(as: [name])
    case .serveLookup(let index, let number): lookups?.serve(upTo: index, of: number)
    case .refreshLookup(let index, let number):
      if let name = lookups?.lookupName(index, of: number), fetches.take(at: loop.now) { port?.fetch(name) }
    case .configurationChanged: break
    }
  }

  /// Does from now on what these settings say of who finds this host's services, of lookup, and of the keys of peers.
  func apply(_ new: DaemonSettings) {
    published?.use(new)
    port?.replaceKeys(settings.peerKeys, by: new.peerKeys)
    lookups?.apply(new)
    settings = new
  }

  private func open(
    services: [TorService] = [], watching names: [OnionName] = [],
    added: @escaping (_ number: Int, OnionName, _ newKey: TorServiceKey?) -> Void = { _, _, _ in }
  ) throws(SystemError) -> TorControlPort {
    let port = try TorControlPort(
      control, services: services, watching: names, on: loop, log: log, added: added,
      changed: { [unowned self] state in note(state) })
    self.port = port
    for key in settings.peerKeys { port.authorize(key) }
    return port
  }

  private func begin(as names: [OnionName]) throws(SystemError) {
    let port = try open(watching: names)
    lookups = LookupPublisher(of: names, at: port, settings)
    port.start()
  }

  /// Has Tor make the onion services, which are looked up as soon as all names are known.
  private func publish() throws {
    let published = try PublishedIdentities(
      settings, log: log,
      found: { [unowned self] names in
        if let port { lookups = LookupPublisher(of: names, at: port, settings) }
        tell(.found(names))
      }, failed: { [unowned self] reason in tell(.failed(reason, isDenied: false)) })
    self.published = published
    published.start(
      at: try open(services: published.services) { [unowned published] number, name, key in
        published.added(number, name, key)
      })
  }

  private func note(_ new: TorState) {
    let reports = TorReport.changes(from: state, to: new)
    state = new
    for report in reports { tell(report) }
  }
}

extension TorState {
  /// What is known where a control port is configured and nothing was told yet.
  static var initial: TorState {
    var state = TorState()
    state.link = .waiting(reason: "")
    return state
  }
}
