/// A conversation with Tor's control port, from the connection to its end (Tor's control-spec). It proves itself, has
/// Tor make the onion services of this host's identities, and follows how far Tor is and whether they are published.
///
/// One thing is asked at a time. What Tor says is bytes of a stranger: what is not of the protocol ends the session,
/// and so does a Tor that does not answer for `patience`. After `.close` nothing more comes.
public struct TorControlSession: Sendable {
  /// How long Tor may take for an answer.
  public static let patience = Duration.seconds(30)
  /// How often Tor is asked whether it is still there, where nothing else is asked.
  static let lookPause = Duration.seconds(300)
  /// When an onion service that Tor refused is tried again.
  static let refusalPause = Duration.seconds(60)

  /// Whether nobody else can listen in Tor's stead, as at a UNIX socket: then Tor need not prove itself.
  let isTrusted: Bool
  let nonce: [UInt8]
  private var parser = TorControlReplyParser()
  var actions: [TorControlAction] = []
  var waiting: [TorControlCommand] = []
  private var asked: TorControlCommand?
  var deadline: Instant
  var isAdmitted = false
  private var isOver = false
  // How Tor lets us prove ourselves, while the cookie is read.
  var wantsChallenge = false
  var isReading = false

  var services: [TorService]
  var retries: [Int: Instant] = [:]
  // Who alone finds the service that Tor was asked for last.
  private(set) var askedClients: [TorClientPublicKey] = []
  var clientKeys: [TorClientKey]
  var publications: [OnionName: TorPublication] = [:]
  // Whose publication is followed, by label. What others use this Tor for is not told.
  var watched: [String: OnionName] = [:]

  /// Begins a session on a new connection. Tor is to have `services`, and the keys with which peers' services are
  /// found; the publication of `names`, which torrc publishes, is followed. `nonce` is 32 bytes at random.
  public init(
    services: [TorService], clientKeys: [TorClientKey] = [], watching names: [OnionName] = [], isTrusted: Bool,
    nonce: [UInt8], at now: Instant
  ) {
    (self.services, self.clientKeys, self.isTrusted, self.nonce) = (services, clientKeys, isTrusted, nonce)
    deadline = now + TorControlSession.patience
    for name in names + services.compactMap(\.name) { watched[name.label] = name }
    waiting = [.protocolInfo]
    askNext(at: now)
  }

  /// The next thing to do, until there is none.
  public mutating func nextAction() -> TorControlAction? { actions.isEmpty ? nil : actions.removeFirst() }

  /// When `advance` has something to do.
  public var nextDeadline: Instant? {
    isOver ? nil : retries.values.reduce(deadline) { min($0, $1) }
  }

  /// Takes bytes that Tor sent.
  public mutating func receive(_ bytes: [UInt8], at now: Instant) {
    var rest = bytes[...]
    do throws(TorControlError) {
      while !isOver, let reply = try parser.next(&rest) {
        if reply.isEvent { note(reply) } else { try take(reply, at: now) }
      }
    } catch {
      end(error)
    }
  }

  /// Takes the cookie that was to be read, 32 bytes.
  public mutating func take(cookie: [UInt8], at now: Instant) {
    guard isReading, !isOver else { return }
    isReading = false
    waiting = [wantsChallenge ? .challenge(cookie: cookie) : .authenticate(proof: ControlText.hexadecimal(cookie))]
    askNext(at: now)
  }

  /// Ends the session if Tor took too long, and tries again what it refused.
  public mutating func advance(to now: Instant) {
    guard !isOver else { return }
    for (number, instant) in retries where instant <= now {
      retries[number] = nil
      waiting.append(.add(number: number, isDefended: true))
    }
    if deadline <= now {
      guard asked == nil, isAdmitted else { return end(.silent) }
      if waiting.isEmpty { waiting = [.look] }
    }
    askNext(at: now)
  }

  /// Has Tor make one more onion service.
  public mutating func add(_ service: TorService, at now: Instant) {
    services.append(service)
    if let name = service.name { watched[name.label] = name }
    ask(.add(number: service.number, isDefended: true), at: now)
  }

  /// Ends the onion service of the identity with this number.
  public mutating func remove(_ number: Int, at now: Instant) {
    guard let place = services.firstIndex(where: { $0.number == number }) else { return }
    let service = services.remove(at: place)
    retries[number] = nil
    waiting.removeAll { $0 == .add(number: number, isDefended: true) }
    if let name = service.name { withdraw(name, at: now) }
  }

  /// Closes the onion service of an identity to all but these clients, or opens it to everybody. Tor has no other way
  /// than to make it anew, which its callers see as a pause.
  public mutating func close(_ number: Int, toAllBut clients: [TorClientPublicKey], at now: Instant) {
    guard let place = services.firstIndex(where: { $0.number == number }), services[place].clients != clients,
      clients.count <= TorService.mostClients
    else { return }
    services[place].clients = clients
    // What waits to be asked is asked with them, and what is under way is made anew once it is there.
    guard isAdmitted, !isAdding(number) else { return }
    let wasRefused = retries.removeValue(forKey: number) != nil
    if !wasRefused, let name = services[place].name { ask(.remove(name), at: now) }
    ask(.add(number: number, isDefended: true), at: now)
  }

  /// Has Tor look anew for the service of this name.
  public mutating func fetch(_ name: OnionName, at now: Instant) { ask(.fetch(name), at: now) }

  /// Has Tor look for the service of a peer with this key.
  public mutating func authorize(_ key: TorClientKey, at now: Instant) {
    clientKeys.removeAll { $0.peer == key.peer }
    clientKeys.append(key)
    ask(.authorize(key), at: now)
  }

  /// Has Tor forget the key for the service of a peer.
  public mutating func unauthorize(_ peer: OnionName, at now: Instant) {
    guard clientKeys.contains(where: { $0.peer == peer }) else { return }
    clientKeys.removeAll { $0.peer == peer }
    ask(.unauthorize(peer), at: now)
  }
}

extension TorControlSession {
  /// Whether Tor is asked for the onion service of this identity, or soon will be.
  private func isAdding(_ number: Int) -> Bool {
    ([asked].compactMap { $0 } + waiting).contains { command in
      if case .add(number, _) = command { true } else { false }
    }
  }

  private mutating func withdraw(_ name: OnionName, at now: Instant) {
    watched[name.label] = nil
    publications[name] = nil
    ask(.remove(name), at: now)
  }

  /// Asks as soon as Tor is free; before Tor has admitted us, what stands in the lists is asked later anyway.
  private mutating func ask(_ command: TorControlCommand, at now: Instant) {
    guard isAdmitted, !isOver else { return }
    waiting.append(command)
    askNext(at: now)
  }

  private mutating func askNext(at now: Instant) {
    while asked == nil, !isReading, !isOver, !waiting.isEmpty {
      let command = waiting.removeFirst()
      var service: TorService?
      if case .add(let number, _) = command {
        service = services.first { $0.number == number }
        guard let service else { continue }
        askedClients = service.clients
      }
      asked = command
      deadline = now + TorControlSession.patience
      actions.append(.send(command.line(nonce: nonce, service: service)))
    }
    if asked == nil, isAdmitted, deadline <= now { deadline = now + TorControlSession.lookPause }
  }

  mutating func tell(_ event: TorControlEvent) { actions.append(.tell(event)) }

  private mutating func end(_ error: TorControlError) {
    guard !isOver else { return }
    isOver = true
    waiting = []
    actions.append(.close(error))
  }

  private mutating func take(_ reply: TorControlReply, at now: Instant) throws(TorControlError) {
    guard let asked else { throw .unasked(status: reply.status) }
    self.asked = nil
    switch asked {
    case .protocolInfo: try choose(reply, at: now)
    case .challenge(let cookie): try prove(reply, cookie: cookie)
    case .authenticate: try admit(reply)
    case .events: break
    case .information, .look: try inform(reply, isFirst: asked == .information)
    case .add(let number, let isDefended): try added(reply, number, isDefended: isDefended, at: now)
    case .remove, .unauthorize, .fetch: break
    case .authorize(let key):
      tell(reply.isPositive ? .authorized(key.peer) : .unauthorized(key.peer, reason: told(reply)))
    }
    deadline = now + TorControlSession.lookPause
    askNext(at: now)
  }
}
