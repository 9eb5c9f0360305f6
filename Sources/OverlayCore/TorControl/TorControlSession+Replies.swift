/// What Tor answers.
extension TorControlSession {
  func told(_ reply: TorControlReply) -> String { String(reply.closingText.prefix(ControlText.longest)) }

  /// Chooses how to prove ourselves. The proof that Tor has to return is preferred: neither cookie nor key are told to
  /// somebody else who listens at Tor's place.
  mutating func choose(_ reply: TorControlReply, at now: Instant) throws(TorControlError) {
    guard reply.isPositive else { throw .refused(told(reply)) }
    let lines = reply.lines.map(\.words)
    guard let line = lines.first(where: { $0.plain(0) == "AUTH" }), let methods = line["METHODS"] else {
      throw .malformed("PROTOCOLINFO")
    }
    let offered = methods.split(separator: UInt8(ascii: ",")).map { ControlText.string($0) }
    let path = line["COOKIEFILE"].map { ControlText.string($0) }
    if let path, !path.isEmpty, offered.contains("SAFECOOKIE") || offered.contains("COOKIE") {
      wantsChallenge = offered.contains("SAFECOOKIE")
      guard wantsChallenge || isTrusted else { throw .unprotected(methods: ControlText.told(methods)) }
      isReading = true
      deadline = now + TorControlSession.patience
      actions.append(.readCookie(path: path))
    } else if offered.contains("NULL") {
      guard isTrusted else { throw .unprotected(methods: ControlText.told(methods)) }
      waiting = [.authenticate(proof: [])]
    } else {
      throw .password(methods: ControlText.told(methods))
    }
  }

  mutating func prove(_ reply: TorControlReply, cookie: [UInt8]) throws(TorControlError) {
    guard reply.isPositive else { throw .refused(told(reply)) }
    let words = reply.lines[0].words
    guard words.plain(0) == "AUTHCHALLENGE",
      let hash = words["SERVERHASH"].flatMap({ [UInt8](hexadecimal: $0) }), hash.count == SafeCookie.size,
      let serverNonce = words["SERVERNONCE"].flatMap({ [UInt8](hexadecimal: $0) }),
      serverNonce.count == SafeCookie.size
    else { throw .malformed("AUTHCHALLENGE") }
    let proof = SafeCookie(cookie: cookie, clientNonce: nonce, serverNonce: serverNonce)
    guard hash == proof.serverHash else { throw .notTor }
    waiting = [.authenticate(proof: ControlText.hexadecimal(proof.controllerHash))]
  }

  mutating func admit(_ reply: TorControlReply) throws(TorControlError) {
    guard reply.isPositive else { throw .refused(told(reply)) }
    isAdmitted = true
    // What changes while the rest is asked is told.
    waiting = [.events, .information]
    waiting += services.map { .add(number: $0.number, isDefended: true) }
    waiting += clientKeys.map { .authorize($0) }
  }

  mutating func inform(_ reply: TorControlReply, isFirst: Bool) throws(TorControlError) {
    if isFirst {
      let listeners = ControlWords(reply.value(of: "net/listeners/socks") ?? []).words
      tell(
        .admitted(
          version: reply.value(of: "version").map { ControlText.told($0) },
          socksListeners: listeners.prefix(16).map { ControlText.told($0.value) }))
    }
    guard let phase = reply.value(of: "status/bootstrap-phase") else { return }
    noteBootstrap(ControlWords(phase))
  }

  mutating func added(
    _ reply: TorControlReply, _ number: Int, isDefended: Bool, at now: Instant
  ) throws(TorControlError) {
    guard let place = services.firstIndex(where: { $0.number == number }) else {
      // It was removed while Tor made it.
      if reply.isPositive, let name = TorControlSession.name(in: reply) { waiting.append(.remove(name)) }
      return
    }
    guard reply.isPositive else {
      // Bad arguments or an unknown keyword, as an older Tor answers.
      if isDefended, [512, 513, 552].contains(reply.status) {
        return waiting.insert(.add(number: number, isDefended: false), at: 0)
      }
      retries[number] = now + TorControlSession.refusalPause
      return tell(.refused(number: number, reason: told(reply)))
    }
    guard let name = TorControlSession.name(in: reply), !name.isVersion2 else { throw .noKey }
    guard services[place].name ?? name == name else { throw .otherName }
    var newKey: TorServiceKey?
    if services[place].key == nil {
      var text = reply.value(of: "PrivateKey") ?? []
      defer { text.wipe() }
      guard let key = TorServiceKey(text: text) else { throw .noKey }
      newKey = key
      services[place].key = key
    }
    services[place].name = name
    watched[name.label] = name
    tell(.added(number: number, name: name, newKey: newKey))
    if !isDefended { tell(.undefended(number: number)) }
    // Others may find it than when it was asked for.
    if services[place].clients != askedClients {
      waiting = [.remove(name), .add(number: number, isDefended: isDefended)] + waiting
    }
    publish(name, .publishing(failure: nil))
  }

  private static func name(in reply: TorControlReply) -> OnionName? {
    reply.value(of: "ServiceID").flatMap { try? OnionName(ControlText.string($0)) }
  }
}
