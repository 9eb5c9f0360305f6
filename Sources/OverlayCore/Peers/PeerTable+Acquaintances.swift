/// Acquaintances are the peers with an open circuit. They are asked for names that are not known here, and ask for
/// those that are.
extension PeerTable {
  /// Asks up to `NameSearches.acquaintances` peers for the name of an address, configured ones first, and returns how
  /// many. None is asked that has answered already.
  mutating func askAcquaintances(
    about address: IPv6Address, streams: inout Streams, out: inout Outbox, at now: Instant
  ) -> Int {
    let open = peers.indices.filter { peer in
      peers[peer].state == .up && !peers[peer].isSelf && peers[peer].address != address
        && !isBlocked(peers[peer].address) && !acquaintances.hasAnswered(peers[peer].address, about: address, at: now)
    }.shuffled(using: &random)
    let chosen = open.filter { peers[$0].isPermanent } + open.filter { !peers[$0].isPermanent }
    for peer in chosen.prefix(NameSearches.acquaintances) {
      let packet = acquaintances.ask(
        peers[peer].address, about: address, from: policy.name.address, using: &random, at: now)
      packet.withUnsafeBytes { send($0, to: peer, streams: &streams, out: &out, at: now) }
      out.counters[.nameAsked] += 1
    }
    return min(chosen.count, NameSearches.acquaintances)
  }

  /// Returns whether a packet answers a question to an acquaintance, and takes the answer.
  mutating func takesName(
    _ packet: PacketView, names: inout NameTable, streams: inout Streams, out: inout Outbox, at now: Instant
  ) -> Bool {
    let reply = acquaintances.take(packet, at: now) ?? acquaintances.takeRefusal(packet, at: now)
    switch reply {
    case .name(let answer, let questions):
      searches.acquaintanceAnswered(answer.name.address, questions: questions)
      found(
        answer.name, from: answer.isAuthoritative ? .lookup : .hearsay, by: .acquaintance(packet.source),
        names: &names, streams: &streams, out: &out, at: now)
      stepSearches(names: &names, streams: &streams, out: &out, at: now)
    case .nothing(let address, let questions, let isFalse):
      if isFalse { out.counters[.falseAnswer] += 1 }
      searches.acquaintanceAnswered(address, questions: questions)
      stepSearches(names: &names, streams: &streams, out: &out, at: now)
    case .ignored(let isFalse):
      if isFalse { out.counters[.falseAnswer] += 1 }
    case nil: return false
    }
    return true
  }

  /// Returns whether a question for a name of the peer with this address may be answered now.
  mutating func mayAskNames(_ address: IPv6Address, at now: Instant) -> Bool {
    guard let peer = peers.find(address) else { return false }
    return peers[peer].namePace.take(at: now)
  }
}
