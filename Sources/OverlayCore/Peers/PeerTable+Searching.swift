/// Names that nobody has told are searched for, while the packets for them wait as they do while a peer is dialled.
extension PeerTable {
  /// Returns the peer with this address, whose name is searched for; `nil` if it is not, because there is a circuit to
  /// it, because it was not found a short time ago, because too much is searched for, or because no host can have the
  /// address.
  mutating func search(
    for address: IPv6Address, disproved: OnionName? = nil, names: inout NameTable, streams: inout Streams,
    out: inout Outbox, at now: Instant
  ) -> PeerSlots.Index? {
    if let peer = peers.find(address) {
      if searches.count > 0, peers[peer].isResolving { return peer }
      // It was dialled, and so it has a name, though the operator may have had that forgotten.
      if peers[peer].hasCircuit { return nil }
    }
    guard maySearchNow(at: now), canBeFound(address),
      searches.begin(address, disproved: disproved, at: now)
    else { return nil }
    out.counters[.searched] += 1
    acquaintances.beginSearch(about: address)
    let peer = findOrInsert(address, nil)
    peers[peer].resolves(at: now)
    stepSearches(names: &names, streams: &streams, out: &out, at: now)
    // Where there is nobody to ask the search is over already.
    return peers.find(address).flatMap { peers[$0].isResolving ? $0 : nil }
  }

  /// Returns the peer with the address of this name, for which another name is searched for, because the name was never
  /// reached, and cannot be dialled now: anybody can claim one, again and again, that nobody has the key of. It is
  /// `nil` where the name is not in doubt, or nothing may be searched for.
  mutating func search(
    insteadOf name: OnionName, names: inout NameTable, streams: inout Streams, out: inout Outbox, at now: Instant
  ) -> PeerSlots.Index? {
    guard names.isUnreached(name), peers.find(name.address).map({ !peers[$0].isPermanent }) ?? true else { return nil }
    return search(
      for: name.address, disproved: names.hasFailed(name) ? name : nil, names: &names, streams: &streams, out: &out,
      at: now)
  }

  /// Returns the name of the peer with this address if a circuit to it is open; otherwise `nil`.
  func reachedName(at address: IPv6Address) -> OnionName? {
    peers.find(address).flatMap { peers[$0].sparse.open == nil ? nil : peers[$0].name }
  }

  /// Whether a first circuit to the peer with this address is being built.
  func isDialling(_ address: IPv6Address) -> Bool {
    peers.find(address).map { peers[$0].hasCircuit && peers[$0].sparse.open == nil } ?? false
  }

  /// Forgets which addresses were not found.
  mutating func forgetMisses() { searches.forgetMisses() }

  /// Ends the search for an address that nobody is to be asked for any more.
  mutating func stopSearch(
    for address: IPv6Address, names: inout NameTable, streams: inout Streams, out: inout Outbox, at now: Instant
  ) {
    guard let peer = peers.find(address), peers[peer].isResolving else { return }
    searches.end(address)
    giveUp(address, names: &names, streams: &streams, out: &out, at: now)
  }

  /// Returns whether a host other than this one can have the address, and may be looked for.
  private func canBeFound(_ address: IPv6Address) -> Bool {
    LookupKey.mayBelong(to: address) && OverlayNetwork.tor.isPeer(address, of: policy.name.address)
      && !policy.siblings.contains(address) && !isBlocked(address)
  }

  /// Returns whether Tor is there, and room for another search.
  func maySearchNow(at now: Instant) -> Bool { tor != .unreachable && searches.mayBegin(at: now) }

  /// Returns whether an address that `search` refused may be searched for once Tor is there and there is room.
  func maySearchLater(for address: IPv6Address, at now: Instant) -> Bool {
    canBeFound(address) && !searches.isMissed(address, at: now)
  }

  /// Does what is due of all searches.
  mutating func stepSearches(
    names: inout NameTable, streams: inout Streams, out: inout Outbox, at now: Instant
  ) {
    while let step = searches.nextStep(at: now) {
      switch step {
      case .lookUp(let address, let index):
        if !lookUp(address, index: index, streams: &streams, out: &out, at: now) { searches.couldNotAsk(address) }
      case .askAcquaintances(let address):
        let count = askAcquaintances(about: address, streams: &streams, out: &out, at: now)
        searches.asked(address, acquaintances: count)
      case .fail(let address):
        out.counters[.searchedInVain] += 1
        giveUp(address, names: &names, streams: &streams, out: &out, at: now)
      }
    }
  }

  /// Asks the lookup service of an address. It returns false if there is no room for another circuit.
  private mutating func lookUp(
    _ address: IPv6Address, index: UInt8, streams: inout Streams, out: inout Outbox, at now: Instant
  ) -> Bool {
    guard let peer = peers.find(address), let key = LookupKey(of: address, index: index),
      hasRoomToDial(isConfigured: false, in: streams)
    else { return false }
    // A user of its own for each, so that Tor keeps them apart, and from everything else.
    let question = SOCKS5Question(
      name: key.name, port: policy.servicePort,
      user: UserIdentifier(using: &random), textLimit: LookupAnswer.longest)
    let circuit = streams.ask(question, timeout: NameSearches.patience, out: &out, at: now)
    set(.lookUp(address, index: index), of: circuit)
    peers[peer].lookUps.append(circuit)
    return true
  }

  /// Takes what a lookup service has sent. The caller closes the circuit, which ends the question.
  mutating func told(
    _ text: [UInt8], on circuit: CircuitIdentifier, names: inout NameTable, streams: inout Streams,
    out: inout Outbox, at now: Instant
  ) {
    if case .ownLookUp = use(of: circuit) { return toldOfSelf(text) }
    guard case .lookUp(let address, let index) = use(of: circuit) else { return }
    var answer = LookupAnswer(about: address)
    guard let name = try? text.withUnsafeBytes({ try answer.consume($0) }) else {
      out.counters[.falseAnswer] += 1
      return
    }
    found(
      name, from: .lookup, by: .lookupService(index: index), names: &names, streams: &streams, out: &out, at: now)
  }

  /// Handles the end of a question to a lookup service. It is useless to ask further where Tor knows no such service.
  mutating func lookUpEnded(
    _ circuit: CircuitIdentifier, of address: IPv6Address, index: UInt8, _ end: CircuitEnd, out: inout Outbox,
    at now: Instant
  ) {
    if let peer = peers.find(address) { peers[peer].lookUps.removeAll { $0 == circuit } }
    switch end {
    case .torUnreachable:
      searches.couldNotAsk(address)
      torLost(out: &out, at: now)
    case .notBuilt(.notFound): searches.lookedUp(address, index: index, .absent, at: now)
    case .notBuilt(.silence): searches.lookedUp(address, index: index, .silence, at: now)
    case .notBuilt, .failure, .closed, .unneeded: searches.lookedUp(address, index: index, .useless, at: now)
    }
  }

  /// Notes a name that was found for an address, and dials it if packets wait for it and no other name is tried.
  mutating func found(
    _ name: OnionName, from source: NameTable.Source, by teller: NameTeller?, names: inout NameTable,
    streams: inout Streams, out: inout Outbox, at now: Instant
  ) {
    guard searches.note(name, from: source, by: teller) else { return }
    var search: Duration?
    if let peer = peers.find(name.address), case .resolving(let since) = peers[peer].state { search = now - since }
    switch names.learn(name, from: source, by: teller, after: search, at: now) {
    case .new: out.tell(.learned(name))
    case .confirmed: break
    case .conflict:
      out.counters[.nameConflict] += 1
      if strangerLines.take(at: now) { out.tell(.nameConflict) }
      return
    case .undiallable: return
    }
    nameIsKnown(name, names: &names, streams: &streams, out: &out, at: now)
  }

  /// Dials a name that is known now if packets wait for it. The search for it goes on if it is not reached.
  mutating func nameIsKnown(
    _ name: OnionName, names: inout NameTable, streams: inout Streams, out: inout Outbox, at now: Instant
  ) {
    guard searches.seeks(name.address), let peer = peers.find(name.address) else { return }
    out.counters[.resolved] += 1
    peers[peer].isResolved()
    // Who waited for a name that was not reached may have been refused since: the search goes on for those who follow.
    if peers[peer].waiting.count > 0 || searches.hasTried(name.address), !peers[peer].hasCircuit,
      dial(name, names: &names, streams: &streams, out: &out, at: now) != nil
    {
      return searches.tries(name, at: now)
    }
    endSearch(of: peer, names: &names, streams: &streams, out: &out, at: now)
    if !peers[peer].hasCircuit { surrender(peer) }
    forgetIfUnknown(peer)
  }

  /// Ends the search for the name of a peer, because it is reached, or nobody waits for it.
  mutating func endSearch(
    of peer: PeerSlots.Index, names: inout NameTable, streams: inout Streams, out: inout Outbox, at now: Instant
  ) {
    searches.end(peers[peer].address)
    closeLookUps(of: peer, names: &names, streams: &streams, out: &out, at: now)
  }

  /// Searches for another name where somebody has told one that was dialled and not reached. Packets go on waiting, if
  /// not for too long already. It returns false if they do not, because the name is not in doubt, or nothing may be
  /// searched for.
  ///
  /// A name can be made up: there are many that map to an address, and nobody has their keys.
  mutating func doubt(
    _ name: OnionName, of peer: PeerSlots.Index, after end: CircuitEnd, names: inout NameTable,
    streams: inout Streams, out: inout Outbox, at now: Instant
  ) -> Bool {
    let address = peers[peer].address
    let wasTried = searches.isTrying(address)
    let wasRefused =
      switch end {
      case .notBuilt, .failure: wasTried || names.isUnreached(name)
      case .torUnreachable, .unneeded: false
      }
    if wasRefused, !peers[peer].isPermanent { names.disprove(name) }
    let isWanted = wasTried || peers[peer].waiting.count > 0 || peers[peer].hasRefusedLate
    peers[peer].hasRefusedLate = false
    guard wasRefused, !peers[peer].isPermanent, isWanted else {
      if wasTried { endSearch(of: peer, names: &names, streams: &streams, out: &out, at: now) }
      return false
    }
    guard wasTried else {
      guard let peer = search(for: address, disproved: name, names: &names, streams: &streams, out: &out, at: now)
      else { return false }
      refuseLate(peer, names: names, streams: &streams, at: now)
      return true
    }
    let other = searches.isDisproved(address, at: now)
    peers[peer].resolves(at: now)
    // Its host can have called meanwhile.
    if let known = names.diallable(at: address, now), known != name {
      nameIsKnown(known, names: &names, streams: &streams, out: &out, at: now)
    } else if let other {
      found(
        other.name, from: other.source, by: other.teller, names: &names, streams: &streams, out: &out, at: now)
    }
    stepSearches(names: &names, streams: &streams, out: &out, at: now)
    if let peer = peers.find(address) { refuseLate(peer, names: names, streams: &streams, at: now) }
    return true
  }

  /// Ends the searches for addresses whose names are known now, whoever told them, and those for which nobody is asked
  /// any more.
  mutating func endSearches(names: inout NameTable, streams: inout Streams, out: inout Outbox, at now: Instant) {
    for address in searches.addresses {
      guard let name = names.diallable(at: address, now), !names.isStranger(name) else { continue }
      nameIsKnown(name, names: &names, streams: &streams, out: &out, at: now)
    }
    stepSearches(names: &names, streams: &streams, out: &out, at: now)
  }

  // MARK: - Waiting

  /// Schedules the time at which a packet that begins to wait now is refused.
  mutating func limitWait(for peer: PeerSlots.Index, at now: Instant) {
    if !peers[peer].isPermanent { schedule(peer, at: now + NameSearches.patience) }
  }

  /// Refuses the packets that have waited for `NameSearches.patience` for a name that is searched for, or to which no
  /// circuit was ever built. What goes on for them is finished, so that a later packet finds what came of it.
  mutating func refuseLate(
    _ peer: PeerSlots.Index, names: borrowing NameTable, streams: inout Streams, at now: Instant
  ) {
    guard !peers[peer].isPermanent, peers[peer].sparse.open == nil, peers[peer].waiting.count > 0,
      peers[peer].isResolving || searches.isTrying(peers[peer].address)
        || isUnreached(peers[peer].name, names)
    else { return }
    let (late, next) = streams.takeQueued(upTo: now + (.zero - NameSearches.patience), of: &peers[peer].waiting)
    if late.count > 0 {
      peers[peer].hasRefusedLate = true
      unresolved.append(late)
    }
    if let next { schedule(peer, at: next + NameSearches.patience) }
  }

  private func isUnreached(_ name: OnionName?, _ names: borrowing NameTable) -> Bool {
    guard let name else { return false }
    return names.isUnreached(name)
  }

  /// Removes packets that have waited in vain for a name, and returns them. Their senders have to be told.
  mutating func takeUnresolved() -> PacketQueue? { unresolved.popLast() }

  private mutating func giveUp(
    _ address: IPv6Address, names: inout NameTable, streams: inout Streams, out: inout Outbox, at now: Instant
  ) {
    guard let peer = peers.find(address) else { return }
    closeLookUps(of: peer, names: &names, streams: &streams, out: &out, at: now)
    peers[peer].isResolved()
    surrender(peer)
    forgetIfUnknown(peer)
  }

  private mutating func surrender(_ peer: PeerSlots.Index) {
    guard peers[peer].waiting.count > 0 else { return }
    unresolved.append(peers[peer].waiting)
    peers[peer].waiting = PacketQueue()
  }

  private mutating func closeLookUps(
    of peer: PeerSlots.Index, names: inout NameTable, streams: inout Streams, out: inout Outbox, at now: Instant
  ) {
    let circuits = peers[peer].lookUps
    peers[peer].lookUps = []
    for circuit in circuits {
      guard case .lookUp(let address, let index) = use(of: circuit) else { continue }
      searches.lookedUp(address, index: index, .absent, at: now)
      close(circuit, names: &names, streams: &streams, out: &out)
    }
  }
}
