extension Node {
  /// Decides about a packet that came whole over a circuit.
  mutating func admit<Device: PacketSink & ~Copyable>(
    _ packet: UnsafeMutableRawBufferPointer, from circuit: CircuitIdentifier, at now: Instant, device: inout Device
  ) {
    // The defragmenter lets whole packets of version 4 and 6 through, nothing else.
    guard let packet = PacketView(packet), !packet.isIPv4 else {
      return admitIPv4(UnsafeRawBufferPointer(packet), from: circuit, at: now, device: &device)
    }
    let decision: Admission.Decision
    if case .accepted(.selfCall) = circuits[circuit].state {
      decision = admission.admitSelfCall(packet)
    } else {
      if case .accepted(.none) = circuits[circuit].state, !packet.isKeepalive {
        claim(circuit, by: packet.source, at: now)
      }
      decision = admission.admit(packet, from: circuits[circuit].sender)
    }
    switch decision {
    case .deliver:
      if packet.nextHeader != NextHeader.tcp, let counter = Node.refusal(of: packet) {
        counters[counter] += 1
        return
      }
      if packet.nextHeader == NextHeader.icmp, let reply = EchoProbe.reply(packet),
        packet.destination == settings.name.address,
        packet.source == circuits[circuit].sender, let name = names.name(of: packet.source),
        answered(by: name, reply.token, identifier: reply.identifier, at: now)
      {
        return
      }
      if !moves.isEmpty { endMove(by: packet) }
      if !Node.canWait(packet) { bringsBulkAlone = false }
      if packet.count >= Node.bulkLength { bulkBytes += packet.count }
      noteDelivery(on: circuit, at: now)
      // No message of neighbour discovery that comes this way is one to a kernel, whatever it is hidden in.
      if packet.hopLimit == DiscoveryCheck.hopLimit {
        packet.memory[IPv6Header.Field.hopLimit] = DiscoveryCheck.hopLimit - 1
      }
      deliver(packet, at: now, device: &device)
    case .reflect:
      bringsBulkAlone = false
      flushJoined(to: &device)
      reflect(packet, .none, device: &device)
    case .keepalive:
      readKeepalive(packet, on: circuit, at: now)
    case .drop(let counter):
      counters[counter] += 1
    }
  }

  /// Why a packet whose addresses are in order is dropped all the same; `nil` if it is not.
  ///
  /// Of neighbour discovery nothing is let in. What proves to a kernel that it comes from its own link is a hop limit that
  /// no router has counted down, and none does on this way: a peer could tell LAN hosts where their neighbours are, and
  /// find out at one identity what other addresses its host has. An error is about a packet of whom it is sent to
  /// (RFC 4443 section 2.2): one about another identity's would reach that one if both are one kernel's. One that does not
  /// show whose it was, perhaps as the first of small fragments, is none that a kernel sent. Either could hide behind
  /// extension headers that the receiver reads and we do not: such a packet is dropped.
  private static func refusal(of packet: PacketView) -> Counter? {
    let upper: UpperLayer
    switch packet.upper {
    case .whole(let found): upper = found
    case .laterFragment: return nil
    case .unreadable: return .unreadableHeaders
    }
    guard upper.nextHeader == NextHeader.icmp, upper.offset < packet.count else { return nil }
    if upper.isDiscovery(in: packet.bytes) { return .remoteDiscovery }
    guard packet.memory[upper.offset] < ICMPv6Error.firstOther else { return nil }
    let quote = UnsafeRawBufferPointer(rebasing: packet.bytes.dropFirst(upper.offset + 8))
    guard quote.count >= IPv6Header.size, IPv6Header.source(in: quote) == packet.destination else {
      return .foreignQuote
    }
    return nil
  }

  private mutating func admitIPv4<Device: PacketSink & ~Copyable>(
    _ packet: UnsafeRawBufferPointer, from circuit: CircuitIdentifier, at now: Instant, device: inout Device
  ) {
    guard settings.carriesIPv4 else {
      counters[.ipv4] += 1
      return
    }
    guard let packet = PacketView(reading: packet) else {
      counters[.malformed] += 1
      return
    }
    switch admission.admit(packet, from: circuits[circuit].sender) {
    case .deliver:
      guard !isLinkMessage(packet) else {
        counters[.remoteDiscovery] += 1
        return
      }
      if !moves.isEmpty { endMove(by: packet) }
      bringsBulkAlone = false
      noteDelivery(on: circuit, at: now)
      deliverIPv4(packet, at: now, device: &device)
    case .drop(let counter): counters[counter] += 1
    case .reflect, .keepalive: break
    }
  }

  /// Whether it is one of ICMP's messages for the sender's own link: a redirect (RFC 792), a router's advertisement or
  /// solicitation (RFC 1256).
  private func isLinkMessage(_ packet: PacketView) -> Bool {
    guard let upper = packet.upper.layer, upper.nextHeader == ICMPv4Error.protocolNumber, upper.offset < packet.count
    else { return false }
    return [5, 9, 10].contains(packet.memory[upper.offset])
  }

  /// Hands out what was held back to be joined with what follows.
  mutating func flushJoined<Device: PacketSink & ~Copyable>(to device: inout Device) {
    counters[.deviceRefused] += UInt64(joiner.flush(to: &device))
  }

  private mutating func readKeepalive(
    _ packet: PacketView, on circuit: CircuitIdentifier, at now: Instant
  ) {
    counters[.keepalive] += 1
    // Who answers on the circuit that we dialled is who we dialled: Tor knows, and the keepalive adds nothing.
    guard case .accepted(let claim) = circuits[circuit].state else { return }
    let keepalive: Keepalive
    do {
      keepalive = try Keepalive(packet)
    } catch {
      guard error == .nameless else {
        counters[.badKeepalive] += 1
        return
      }
      // An old OnionCat's says that it is still there, and no more.
      if claim == .none {
        self.claim(circuit, by: packet.source, at: now)
      } else if circuits[circuit].sender != packet.source {
        counters[.changedClaim] += 1
      }
      return
    }
    if keepalive.name == settings.name { return recognise(keepalive, on: circuit, claim, at: now) }
    guard mayClaim(packet.source) else {
      counters[.badKeepalive] += 1
      return
    }
    switch claim {
    case .none, .address(packet.source), .name(keepalive.name):
      learn(keepalive, from: circuit, at: now)
      if claim == .none, circuits[circuit].sender == packet.source { called(keepalive.name, at: now) }
      converse(keepalive, on: circuit, at: now)
    case .address, .name, .selfCall: counters[.changedClaim] += 1
    }
  }

  /// Whether a caller may say to be this peer: not to be a host that is on this side.
  private func mayClaim(_ source: IPv6Address) -> Bool {
    admission.isPeer(source) && !settings.siblings.contains(source)
  }

  private mutating func claim(_ circuit: CircuitIdentifier, by source: IPv6Address, at now: Instant) {
    guard mayClaim(source) else { return }
    circuits[circuit].state = .accepted(.address(source))
    circuits[circuit].sender = source
    if let name = names.name(of: source) { called(name, at: now) }
  }

  /// Somebody says to be us: true only for who knows the token that we sent through Tor to ourselves.
  private mutating func recognise(
    _ keepalive: Keepalive, on circuit: CircuitIdentifier, _ claim: Circuit.Claim, at now: Instant
  ) {
    guard claim == .none, let token = keepalive.value(of: Keepalive.Extension.selfCall),
      let own = dialled[OverlayNetwork.tor.circuitResponder], !circuits[own].selfCallToken.isEmpty,
      circuits[own].selfCallToken == token
    else {
      counters[.badKeepalive] += 1
      if claim != .selfCall, !told.ownName {
        told.ownName = true
        tell(.ownNameClaimed)
      }
      return
    }
    circuits[circuit].state = .accepted(.selfCall)
    raise(circuit, to: .known, at: now)
  }

  private mutating func learn(_ keepalive: Keepalive, from circuit: CircuitIdentifier, at now: Instant) {
    let name = keepalive.name
    let isNewClaim = if case .accepted(.name) = circuits[circuit].state { false } else { true }
    circuits[circuit].state = .accepted(.name(name))
    let outcome = names.learn(name, at: now)
    if isNewClaim { names.hold(name) }
    switch outcome {
    case .new:
      tell(.learned(name))
    case .confirmed:
      break
    case .conflict:
      counters[.nameConflict] += 1
      circuits[circuit].sender = nil
      circuits[circuit].standing = .unproven
      lookAgain(at: circuit, when: now + Node.firstPacketTimeout)
      // Which of the two can be reached shows when the other is tried.
      if let held = names.name(of: name.address), names.isUnreached(held) { _ = dial(held, at: now) }
      if strangerLogLimit.take(at: now) { tell(.nameConflict) }
      return
    case .undiallable:
      // An old peer, known by its address: nobody can call it back.
      counters[.undiallableName] += 1
      names.release(name)
      circuits[circuit].state = .accepted(.address(name.address))
      circuits[circuit].sender = name.address
      return
    }
    circuits[circuit].sender = name.address
    raise(circuit, to: standing(of: name.address), at: now)
    note(keepalive.capabilities, of: name)
    // A sign of life: worth another try at once.
    peers[name]?.pace.showedLife(at: now)
    redial(name, at: now)
  }
}
