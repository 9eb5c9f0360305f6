/// The door decides what comes in that nobody here asked for. It stands behind admission, which says who may speak at
/// all, and behind the node's own services.
///
/// Without rules it lets in requests for an echo, and answers to what this side began: this host, or one behind it.
/// What our side sends is noted, unless a rule lets its answers in anyhow; so strangers take no memory, whatever they
/// send. Fragments and packets whose headers cannot be read up to what they carry come in by the rule `any` alone: what
/// they are cannot be told. What our side sends in fragments the first of them tells. ICMP errors come in that quote a
/// packet of ours.
struct Door: ~Copyable {
  /// What is to be done with a packet.
  enum Verdict: Equatable {
    /// It comes in.
    case admitted
    /// It comes in if this address is the caller's or behind it: it is an error about a packet to there.
    case admittedAbout(IPv6Address)
    /// It is refused and counted. This would have to be let in.
    case refused(Counter, DoorRule.Subject)
  }

  private(set) var policy: DoorPolicy
  private var rules: DoorRules
  // By rule: the packets that it has let in.
  private var hits: [UInt64]
  private var flows: DoorFlows

  /// Makes a door for at most so many flows. `seed` is random.
  init(_ policy: DoorPolicy, flowLimit: Int, seed: UInt64) {
    self.policy = policy
    rules = DoorRules(policy.rules)
    hits = rules.list.map { _ in 0 }
    flows = DoorFlows(limit: flowLimit, seed: seed)
  }

  /// Takes a policy in place of the one before. Flows that our side began stay, and rules that stay keep their count.
  mutating func use(_ policy: DoorPolicy) {
    guard policy != self.policy else { return }
    var before: [DoorRule: UInt64] = [:]
    for (rule, count) in zip(rules.list, hits) { before[rule, default: 0] += count }
    self.policy = policy
    rules = DoorRules(policy.rules)
    hits = rules.list.map { before.removeValue(forKey: $0) ?? 0 }
  }

  /// The door now.
  var status: DoorStatus {
    DoorStatus(rules: Array(zip(rules.list, hits)), refusal: policy.refusal, flows: flows.count)
  }

  /// Notes a packet that our side sends to a peer, or to what is behind it.
  @inline(__always)
  mutating func noteSent(_ packet: PacketView, to peer: IPv6Address, out: inout Outbox, at now: Instant) {
    guard rules.openToAll == nil, let view = TransportView(sent: packet) else { return }
    let flags: UInt8?
    switch view.message {
    case .segment(let found): flags = found
    case .datagram, .echoRequest: flags = nil
    case .echoReply, .error, .other: return
    }
    let key = DoorFlow.Key(sent: packet, view)
    if let flow = flows.find(key, at: now) {
      guard flows.peer(of: flow) != peer else { return flows.note(flow, flags: flags, isSent: true, at: now) }
      // What it goes to lies behind another peer now, whose answers come in instead.
      flows.remove(flow)
    }
    begin(key, view, flags, with: peer, out: &out, at: now)
  }

  private mutating func begin(
    _ key: DoorFlow.Key, _ view: TransportView, _ flags: UInt8?, with peer: IPv6Address, out: inout Outbox,
    at now: Instant
  ) {
    guard rules.rule(for: view.protocolNumber, port: view.source, of: peer) == nil,
      peer != OverlayNetwork.tor.circuitResponder
    else { return }
    var state = view.message == .echoRequest ? DoorFlow.State.echo : .datagram
    if let flags {
      guard let begun = DoorFlow.State.begun(by: flags) else { return }
      state = begun
    }
    let isClosing = flags.map { $0 & TCPHeader.Flag.fin != 0 } ?? false
    out.counters[.flowBegun] += 1
    if flows.insert(key, with: peer, state, isClosing: isClosing, at: now) { out.counters[.flowEvicted] += 1 }
  }

  /// Returns whether a packet of a peer comes in.
  @inline(__always)
  mutating func admit(_ packet: PacketView, from caller: IPv6Address, at now: Instant) -> Verdict {
    if let rule = rules.openToAll { return admitted(by: rule) }
    guard let view = TransportView(received: packet) else {
      return rules.rule(forAllOf: caller).map { admitted(by: $0) } ?? .refused(.doorUnreadable, .any)
    }
    let key = DoorFlow.Key(received: packet, view)
    switch view.message {
    case .echoRequest: return .admitted
    case .segment(let flags):
      if let flow = answered(key, by: caller, flags, at: now) {
        flows.note(flow, flags: flags, isSent: false, at: now)
        return .admitted
      }
    case .datagram, .echoReply:
      if let flow = flows.find(key, at: now), flows.peer(of: flow) == caller {
        flows.note(flow, flags: nil, isSent: false, at: now)
        return .admitted
      }
    case .error(let quote):
      if let rule = rules.rule(forAllOf: caller) { return admitted(by: rule) }
      return admit(packet, quotingAt: quote, from: caller, at: now) ?? .refused(.doorQuote, .any)
    case .other: break
    }
    if let rule = rules.rule(for: view.protocolNumber, port: view.destination, of: caller) {
      return admitted(by: rule)
    }
    return .refused(.doorClosed, Door.subject(of: view))
  }

  private mutating func admitted(by rule: Int) -> Verdict {
    hits[rule] += 1
    return .admitted
  }

  /// Returns the flow that a segment with these flags belongs to. One that asks for a connection belongs to none,
  /// unless our side asks for the same at the same time.
  private mutating func answered(
    _ key: DoorFlow.Key, by caller: IPv6Address, _ flags: UInt8, at now: Instant
  ) -> DoorFlows.Index? {
    guard let flow = flows.find(key, at: now), flows.peer(of: flow) == caller else { return nil }
    let isRequest = flags & (TCPHeader.Flag.synchronise | TCPHeader.Flag.acknowledgement) == TCPHeader.Flag.synchronise
    return isRequest && flows.state(of: flow) != .opening ? nil : flow
  }

  /// Returns how an error comes in; `nil` if it quotes no packet of ours, of a flow that our side began or of one that
  /// a rule lets in.
  private mutating func admit(
    _ packet: PacketView, quotingAt offset: Int, from caller: IPv6Address, at now: Instant
  ) -> Verdict? {
    let quote = UnsafeRawBufferPointer(rebasing: packet.bytes.dropFirst(offset))
    guard let view = TransportView(quoted: quote, isIPv4: packet.isIPv4) else { return nil }
    let (source, destination) =
      packet.isIPv4
      ? (IPv6Address(mapping: IPv4Header.source(in: quote)), IPv6Address(mapping: IPv4Header.destination(in: quote)))
      : (IPv6Header.source(in: quote), IPv6Header.destination(in: quote))
    guard source == packet.destination else { return nil }
    switch view.message {
    case .echoReply, .error, .other: return nil
    case .segment, .datagram, .echoRequest: break
    }
    let key = DoorFlow.Key(source, destination, (view.source, view.destination), view.protocolNumber, packet.isIPv4)
    if let flow = flows.find(key, at: now), flows.peer(of: flow) == caller { return .admitted }
    guard let rule = rules.rule(for: view.protocolNumber, port: view.source, of: caller) else { return nil }
    hits[rule] += 1
    return .admittedAbout(destination)
  }

  private static func subject(of view: TransportView) -> DoorRule.Subject {
    switch view.protocolNumber {
    case NextHeader.tcp: .ports(.tcp, view.destination...view.destination)
    case NextHeader.udp: .ports(.udp, view.destination...view.destination)
    default: .any
    }
  }

  // MARK: - Time

  /// The time at which `advance` has to be called next.
  var nextDeadline: Instant { flows.nextSweep }

  /// Forgets the flows that are over.
  mutating func advance(to now: Instant) { flows.sweep(at: now) }
}
