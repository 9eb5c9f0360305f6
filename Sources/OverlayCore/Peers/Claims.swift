/// The accepted circuits that claim to be of a peer and have not proven it yet: what waits on them, and what they have
/// told meanwhile.
///
/// On each circuit at most `packetLimit` packets wait, of `byteLimit` bytes together, and on all of them together what
/// takes `memoryLimit` bytes of memory. Past that the circuit with the most makes room for one that would have less, so
/// that nobody's claims fill the place of everybody's. A further packet is dropped, and so is what waits after
/// `patience` without a proof, and all that comes later (`unproven`).
struct Claims: ~Copyable {
  /// The greatest number of packets that wait on a circuit.
  static let packetLimit = 16
  /// The greatest number of bytes that wait on a circuit.
  static let byteLimit = 32 << 10
  /// The time that a circuit has to prove its claim before what waits is dropped, or let in where that is permitted.
  static let patience = Duration.seconds(60)
  /// The time after which a peer that has not proven its claim is challenged anew, for the first time.
  static let firstPause = Duration.seconds(5)
  /// The same time after each further challenge.
  static let pause = Duration.seconds(30)

  /// What is known of a claim.
  struct Claim {
    /// The time at which the circuit claimed to be of the peer.
    let began: Instant
    /// The time from which on the peer may be challenged anew.
    var nextChallenge: Instant
    /// The packets that wait, in order.
    var waiting = PacketQueue()
    /// Whether the circuit told extensions, so that its peer can answer a challenge.
    var hasExtensions = false
    /// The capabilities that the circuit told; `nil` for none.
    var capabilities: Capabilities?
    /// The challenge that the circuit told.
    var challenge: ProofToken?

    /// Whether the time is over in which a proof was to come, so that nothing waits any more.
    func isOver(at now: Instant) -> Bool { began + Claims.patience <= now }
  }

  private var claims: [CircuitIdentifier: Claim] = [:]
  private let memoryLimit: Int
  // The memory of all packets that wait, in bytes.
  private(set) var memory = 0
  // No circuit has more memory than this.
  private var most = 0

  /// Makes a table without claims, for packets that take at most `memoryLimit` bytes of memory together.
  init(memoryLimit: Int) { self.memoryLimit = memoryLimit }

  /// The number of claims.
  var count: Int { claims.count }

  /// What is known of the claim of a circuit; `nil` if it has none, or has proven it.
  subscript(circuit: CircuitIdentifier) -> Claim? { claims[circuit] }

  /// Notes that a circuit has claimed to be of a peer.
  mutating func begin(_ circuit: CircuitIdentifier, at now: Instant) {
    claims[circuit] = Claim(began: now, nextChallenge: now + Claims.firstPause)
  }

  /// Notes that the peer was challenged because of this claim.
  mutating func challenged(_ circuit: CircuitIdentifier, at now: Instant) {
    claims[circuit]?.nextChallenge = now + Claims.pause
  }

  /// Notes what a keepalive on the circuit tells beside the name.
  mutating func note(_ keepalive: Keepalive, on circuit: CircuitIdentifier) {
    claims[circuit]?.hasExtensions = keepalive.capabilities != nil
    claims[circuit]?.capabilities = keepalive.capabilities
    if let token = keepalive.value(of: Keepalive.Extension.challenge).flatMap({ ProofToken($0) }) {
      claims[circuit]?.challenge = token
    }
  }

  /// Lets a packet wait. It returns the circuits of the packets that were dropped: this one's if there is no room for
  /// the packet, and those that made room for it, once for each packet.
  mutating func hold(
    _ packet: PacketView, on circuit: CircuitIdentifier, streams: inout Streams, at now: Instant
  ) -> [CircuitIdentifier] {
    guard let claim = claims[circuit], !claim.isOver(at: now), claim.waiting.count < Claims.packetLimit,
      claim.waiting.byteCount + packet.count <= Claims.byteLimit
    else { return [circuit] }
    let size = claim.waiting.memory + PacketStore.size(for: packet.count)
    var losers: [CircuitIdentifier] = []
    while memory + size - claim.waiting.memory > memoryLimit {
      guard let largest = largest(above: size), dropFirst(of: largest, streams: &streams) else {
        return losers + [circuit]
      }
      losers.append(largest)
    }
    guard streams.hold(packet, in: &claims[circuit, default: claim].waiting) else { return losers + [circuit] }
    memory += size - claim.waiting.memory
    most = max(most, size)
    return losers
  }

  /// Returns the circuit with the most memory, if that is more than `size`. Where nobody has more than a fair share it
  /// looks at no circuit.
  private mutating func largest(above size: Int) -> CircuitIdentifier? {
    guard most > size, let largest = claims.max(by: { $0.value.waiting.memory < $1.value.waiting.memory }) else {
      return nil
    }
    most = largest.value.waiting.memory
    return most > size ? largest.key : nil
  }

  private mutating func dropFirst(of circuit: CircuitIdentifier, streams: inout Streams) -> Bool {
    guard var waiting = claims[circuit]?.waiting, let slot = streams.takeFirst(of: &waiting) else { return false }
    memory += waiting.memory - (claims[circuit]?.waiting.memory ?? 0)
    claims[circuit]?.waiting = waiting
    streams.takeBack(slot)
    return true
  }

  /// Removes what waits on a circuit and returns it. The caller gives the packets back to the store.
  mutating func takeWaiting(on circuit: CircuitIdentifier) -> PacketQueue {
    guard let waiting = claims[circuit]?.waiting else { return PacketQueue() }
    claims[circuit]?.waiting = PacketQueue()
    memory -= waiting.memory
    return waiting
  }

  /// Forgets a claim, which is proven, or whose circuit is gone, and returns it with what waits.
  mutating func end(_ circuit: CircuitIdentifier) -> Claim? {
    guard let claim = claims.removeValue(forKey: circuit) else { return nil }
    memory -= claim.waiting.memory
    return claim
  }
}
