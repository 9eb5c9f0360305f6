/// The accepted circuits that claim to be of a peer and have not proven it yet: what waits on them, and what they have
/// told meanwhile.
///
/// On each circuit at most `packetLimit` packets wait, of `byteLimit` bytes together, and on all of them together what
/// takes `memoryLimit` bytes of memory. A further packet is dropped, and what waits is dropped after `patience` without
/// a proof (`unproven`).
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
  }

  private var claims: [CircuitIdentifier: Claim] = [:]
  private let memoryLimit: Int
  // The memory of all packets that wait, in bytes.
  private(set) var memory = 0

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

  /// Lets a packet wait. It returns false if there is no room.
  mutating func hold(_ packet: PacketView, on circuit: CircuitIdentifier, streams: inout Streams) -> Bool {
    guard let claim = claims[circuit], claim.waiting.count < Claims.packetLimit,
      claim.waiting.byteCount + packet.count <= Claims.byteLimit,
      memory + PacketStore.size(for: packet.count) <= memoryLimit
    else { return false }
    let before = claim.waiting.memory
    guard streams.hold(packet, in: &claims[circuit, default: claim].waiting) else { return false }
    memory += (claims[circuit]?.waiting.memory ?? before) - before
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
