/// The check whether this host is found by its address.
extension PeerTable {
  /// What strangers find who look this host up by its address; `nil` if it does not want to be found.
  var lookupFinding: LookupFinding? { policy.lookup == .serve ? lookupCheck.finding : nil }

  /// Begins or ends the checks, as Tor is there and the policy wants it.
  mutating func changeLookupCheck(at now: Instant) {
    guard policy.lookup == .serve else { return lookupCheck.stop() }
    guard tor == .reachable else { return lookupCheck.pause() }
    lookupCheck.begin(at: now, random: Double.random(in: 0..<1, using: &random))
  }

  /// Does what is due of the check.
  mutating func stepLookupCheck(streams: inout Streams, out: inout Outbox, at now: Instant) {
    while let step = lookupCheck.step(at: now) {
      switch step {
      case .refresh(let index):
        if ownLookupKey(index) != nil { out.perform(.refreshLookup(index)) }
      case .ask(let index):
        guard let key = ownLookupKey(index), hasRoomToDial(isConfigured: false, in: streams) else {
          lookupCheck.postpone(at: now, random: Double.random(in: 0..<1, using: &random))
          continue
        }
        let question = SOCKS5Question(
          name: key.name, port: policy.servicePort, user: UserIdentifier(using: &random),
          textLimit: LookupAnswer.longest)
        set(.ownLookUp, of: streams.ask(question, timeout: NameSearches.patience, out: &out, at: now))
      }
    }
  }

  /// Takes what a service of this host's own lookup name has sent.
  mutating func toldOfSelf(_ text: [UInt8]) {
    var answer = LookupAnswer(about: policy.name.address)
    let name = try? text.withUnsafeBytes { try answer.consume($0) }
    if name == policy.name { lookupCheck.wasTold() }
  }

  /// Handles the end of a question for this host itself.
  mutating func ownLookUpEnded(_ end: CircuitEnd, out: inout Outbox, at now: Instant) {
    let random = Double.random(in: 0..<1, using: &random)
    if end == .torUnreachable {
      lookupCheck.postpone(at: now, random: random)
      return torLost(out: &out, at: now)
    }
    let answer: LookupCheck.Answer =
      switch end {
      case .notBuilt(.notFound): .absent
      case .notBuilt(.notFoundOrUseless): .absentOrUseless
      case .notBuilt(.silence): .silence
      case .notBuilt, .failure, .torUnreachable, .unneeded: .other
      }
    guard let finding = lookupCheck.ended(answer, at: now, random: random) else { return }
    if case .missing(let index) = finding { out.perform(.serveLookup(upTo: index)) }
    out.tell(.lookup(finding))
  }

  private func ownLookupKey(_ index: UInt8) -> LookupKey? { LookupKey(of: policy.name.address, index: index) }
}
