/// The way of a packet from a circuit to the device.
extension Node {
  /// Takes bytes that came over a circuit, in any pieces.
  public mutating func receive<Device: PacketDevice & ~Copyable>(
    _ bytes: UnsafeMutableRawBufferPointer, on circuit: CircuitIdentifier, turn: inout Turn<Device>
  ) {
    guard streams.contains(circuit) else { return }
    var input = bytes
    switch streams.takeReply(&input, on: circuit, out: &out) {
    case .none: break
    case .incomplete, .next: return streams.passNothing(circuit, at: turn.now)
    case .answered(let code):
      let end = peers.answered(circuit, code: code, names: &names, streams: &streams, out: &out, at: turn.now)
      return close(circuit, end, turn: &turn)
    case .text(let text):
      peers.told(text, on: circuit, names: &names, streams: &streams, out: &out, at: turn.now)
      return close(circuit, .unneeded, turn: &turn)
    case .granted: peers.granted(circuit, names: &names, streams: &streams, out: &out, at: turn.now)
    case .refused(let why): return close(circuit, .notBuilt(why), turn: &turn)
    case .cameThrough(let line):
      guard peers.came(through: line, circuit, at: turn.now) else {
        out.counters[.torCircuitLimit] += 1
        return close(circuit, .failure("one of too many through one circuit of Tor"), turn: &turn)
      }
    case .badLine(let error):
      out.counters[.badTorLine] += 1
      out.tellOnce(.noTorLine)
      return close(circuit, .failure("sent \(error)"), turn: &turn)
    }
    var reading = streams.beginReading(input, on: circuit, at: turn.now)
    while let bytes = streams.next(&reading, at: turn.now) {
      // The defragmenter lets whole packets of version 4 and 6 through, and nothing else.
      guard bytes[0] >> 4 != 4 || settings.carriesIPv4 else {
        drop(.ipv4, on: circuit)
        // IPv4 belongs to the first identity, which also keeps circuits to the configured peers.
        let kind = settings.dialsPeers ? Refusal.Kind.ipv4 : .ipv4Elsewhere
        if peers.source(of: circuit) != nil { note(kind, nil, from: circuit, at: turn.now) }
        continue
      }
      guard let packet = PacketView(bytes) else {
        drop(.malformed, on: circuit)
        continue
      }
      admit(packet, from: circuit, &reading.sample, turn: &turn)
    }
    flushDelivery(turn: &turn)
    let hasBroughtPacket = reading.hasBroughtPacket
    peers.noteRead(of: circuit, names: &names, streams: &streams, out: &out, at: turn.now)
    let account = streams.limitsReading ? peers.account(of: circuit, names) : 0
    let failure = streams.endReading(reading, account, at: turn.now)
    if hasBroughtPacket { peers.heard(on: circuit, at: turn.now) }
    if let failure { end(circuit, for: failure, turn: &turn) }
    if peers.call(circuit)?.isUnwelcome == true { close(circuit, .unneeded, turn: &turn) }
    tellUnresolved(turn: &turn)
    while let circuit = streams.circuitInExcess(at: turn.now) {
      out.counters[.reassemblyLimit] += 1
      close(circuit, .failure("held too much of a packet for too long"), turn: &turn)
    }
  }

  /// Closes a circuit whose bytes are no packets.
  private mutating func end<Device: PacketDevice & ~Copyable>(
    _ circuit: CircuitIdentifier, for failure: StreamError, turn: inout Turn<Device>
  ) {
    out.counters[failure == .noRoom ? .noRoom : .badStream] += 1
    if failure == .proxyLine, peers.call(circuit) != nil { out.tellOnce(.proxyLine) }
    close(circuit, .failure("sent \(failure)"), turn: &turn)
  }

  /// Decides about a whole packet that came over a circuit.
  private mutating func admit<Device: PacketDevice & ~Copyable>(
    _ packet: PacketView, from circuit: CircuitIdentifier, _ sample: inout ReadCoalescing.Sample,
    turn: inout Turn<Device>
  ) {
    if !packet.isIPv4, !packet.isKeepalive, case .unknown = peers.call(circuit)?.sender {
      peers.claim(circuit, by: packet.source, names: &names, streams: &streams, out: &out, at: turn.now)
    }
    let source = peers.source(of: circuit)
    let decision: Admission.Decision
    if !packet.isIPv4, case .selfCall = peers.call(circuit)?.sender {
      decision = admission.admitSelfCall(packet)
    } else {
      decision = admission.admit(
        packet, from: source ?? peers.claimant(of: circuit), isBlocked: peers.isBlocked(packet.source))
    }
    switch decision {
    case .deliver:
      if let counter = Admission.refusal(of: packet) {
        drop(counter, on: circuit)
      } else if source == nil {
        hold(packet, of: circuit, turn: &turn)
      } else if !isForNode(packet, on: circuit, at: turn.now), isLetIn(packet, from: circuit, at: turn.now) {
        deliver(packet, from: circuit, &sample, turn: &turn)
      }
    case .reflect:
      sample.isBulkAlone = false
      flushDelivery(turn: &turn)
      answer(packet, .none, from: .ownCircuit, turn: &turn)
    case .keepalive:
      peers.heard(packet, on: circuit, names: &names, streams: &streams, out: &out, at: turn.now)
      admitWaiting(turn: &turn)
    case .drop(let counter):
      drop(counter, on: circuit)
      noteDropped(packet, counter, from: circuit, at: turn.now)
    }
  }

  /// Counts a packet that is dropped, also against the peer that its circuit is of.
  mutating func drop(_ counter: Counter, on circuit: CircuitIdentifier) {
    out.counters[counter] += 1
    peers.noteDrop(counter, on: circuit)
  }

  /// Lets a packet wait until the sender of its circuit is proven, unless it is what proves that.
  private mutating func hold<Device: PacketDevice & ~Copyable>(
    _ packet: PacketView, of circuit: CircuitIdentifier, turn: inout Turn<Device>
  ) {
    if !packet.isIPv4, services.kind(for: packet, from: .peer) == .probes,
      peers.takesProof(packet, on: circuit, names: &names, streams: &streams, out: &out, at: turn.now)
    {
      return admitWaiting(turn: &turn)
    }
    peers.hold(packet, on: circuit, names: &names, streams: &streams, out: &out, at: turn.now)
  }

  /// Takes in, in order, the packets that have waited until the senders of their circuits were proven.
  mutating func admitWaiting<Device: PacketDevice & ~Copyable>(turn: inout Turn<Device>) {
    while let (circuit, held) = peers.takeAdmitted() {
      var waiting = held
      var sample = ReadCoalescing.Sample()
      while let slot = streams.takeFirst(of: &waiting) {
        if let packet = streams.packet(in: slot) { admit(packet, from: circuit, &sample, turn: &turn) }
        flushDelivery(turn: &turn)
        streams.takeBack(slot)
      }
    }
  }

  /// Returns whether a packet is for a service of this node, which then has taken it.
  private mutating func isForNode(_ packet: PacketView, on circuit: CircuitIdentifier, at now: Instant) -> Bool {
    guard !packet.isIPv4, packet.nextHeader == NextHeader.icmp || packet.nextHeader == NextHeader.udp,
      let kind = services.kind(for: packet, from: .peer), peers.source(of: circuit) == packet.source
    else { return false }
    if peers.takesName(packet, names: &names, streams: &streams, out: &out, at: now) { return true }
    return switch kind {
    case .mirror: false
    case .probes:
      peers.takesProof(packet, on: circuit, names: &names, streams: &streams, out: &out, at: now)
        || takesReply(packet, at: now)
    case .names: answersName(packet, on: circuit, at: now)
    }
  }

  /// Returns whether a packet answers an echo request of this node, and takes the answer.
  private mutating func takesReply(_ packet: PacketView, at now: Instant) -> Bool {
    guard let reply = EchoProbe.reply(packet), names.name(of: packet.source) != nil else { return false }
    if let (number, time) = services.pings.end(reply, from: packet.source, at: now) {
      out.tell(.pingAnswered(number, time))
      return true
    }
    return peers.takeAnswer(reply, from: packet.source, out: &out, at: now)
      || peers.isEchoProof(reply, from: packet.source, at: now)
  }

  private mutating func deliver<Device: PacketDevice & ~Copyable>(
    _ packet: PacketView, from circuit: CircuitIdentifier, _ sample: inout ReadCoalescing.Sample,
    turn: inout Turn<Device>
  ) {
    guard mayArrive(packet, on: circuit) else { return }
    sample.note(packet)
    peers.noteDelivery(on: circuit, names: &names, streams: &streams, out: &out, at: turn.now)
    // No message of neighbour discovery from a circuit may reach a kernel, whatever hides it.
    if !packet.isIPv4, packet.hopLimit == DiscoveryCheck.hopLimit {
      packet.memory[IPv6Header.Field.hopLimit] = DiscoveryCheck.hopLimit - 1
    }
    let place = streams.turn(of: packet, on: circuit, out: &out, at: turn.now)
    if place == .now { hand(packet, turn: &turn) }
    deliverReleased(turn: &turn)
    if place == .afterReleased { hand(packet, turn: &turn) }
  }

  /// Hands on what has waited for earlier packets of its flow, and need not any more.
  mutating func deliverReleased<Device: PacketDevice & ~Copyable>(turn: inout Turn<Device>) {
    while let packet = streams.takeReleased() { hand(packet, turn: &turn) }
  }

  /// Hands out what the delivery holds back. The memory of the packets may be used again after that.
  mutating func flushDelivery<Device: PacketDevice & ~Copyable>(turn: inout Turn<Device>) {
    delivery.flush(out: &out, turn: &turn)
    streams.giveBackReleased()
  }

  private mutating func hand<Device: PacketDevice & ~Copyable>(_ packet: PacketView, turn: inout Turn<Device>) {
    if let tooLong = delivery.deliver(packet, out: &out, turn: &turn) {
      refuse(fromOverlay: packet, .tooLong(mtu: tooLong.mtu), at: turn.now)
    }
  }
}
