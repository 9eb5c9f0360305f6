/// What the node tells its peers of names.
extension Node {
  /// Returns whether a packet is for port 53 of this host, and answers it. With `lookup` off the port is the user's.
  mutating func answersName(_ packet: PacketView, on circuit: CircuitIdentifier, at now: Instant) -> Bool {
    guard settings.policy.lookup != .off, UDPDatagram.ports(packet)?.destination == Acquaintances.port else {
      return false
    }
    guard let datagram = UDPDatagram.read(packet) else {
      out.counters[.malformed] += 1
      return true
    }
    peers.noteDelivery(on: circuit, names: &names, streams: &streams, out: &out, at: now)
    guard peers.mayAskNames(packet.source, at: now) else {
      out.counters[.nameAnswerLimited] += 1
      return true
    }
    guard let message = AcquaintanceServer.answer(to: datagram.payload, known: { told($0, at: now) }) else {
      return true
    }
    let answer = UDPDatagram.packet(
      from: (settings.name.address, Acquaintances.port), to: (packet.source, datagram.sourcePort), payload: message,
      hopLimit: 64)
    let isSent = answer.withUnsafeBytes {
      peers.sendOwn($0, to: packet.source, names: &names, streams: &streams, out: &out, at: now)
    }
    if isSent { out.counters[.nameAnswered] += 1 }
    return true
  }

  /// Returns the name that peers are told of an address. Of blocked peers nobody is told, nor of those that only
  /// whoever has a key can find. What the operator named is known to all identities, and told by the first alone:
  /// whoever heard the same of two would know that they are one host's.
  private func told(_ address: IPv6Address, at now: Instant) -> AcquaintanceServer.KnownName? {
    if address == settings.name.address { return .init(name: settings.name, isLocal: true) }
    guard !peers.isBlocked(address), let (name, isLocal) = names.tellable(at: address, now),
      settings.dialsPeers || !isLocal, !settings.policy.secret.contains(name)
    else { return nil }
    return .init(name: name, isLocal: isLocal)
  }
}
