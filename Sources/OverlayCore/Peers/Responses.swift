/// The challenges of one peer to this identity that are to be answered on circuits that this host dials to the peer
/// later. What stands already answers at once.
///
/// The challenge of a proven circuit is kept, for every later circuit. Those of circuits that only claim to be of the
/// peer are answered by the next circuit alone. There are at most `pendingLimit` of these, one for each accepted
/// circuit; a further one is dropped (`answerLimited`).
struct Responses {
  /// The greatest number of challenges from unproven circuits.
  static let pendingLimit = 8

  private var kept: ProofToken?
  private var pending: [(circuit: CircuitIdentifier, token: ProofToken)] = []
  // How often challenges of unproven circuits are answered at once.
  private var pace = TokenBucket(rate: 1, burst: Double(Responses.pendingLimit))

  /// Returns whether a challenge of an unproven circuit may be answered at once, and counts the answer if so.
  mutating func takeAnswer(at now: Instant) -> Bool { pace.take(at: now) }

  /// Keeps the challenge of a proven circuit, in place of the one before.
  mutating func keep(_ token: ProofToken) { kept = token }

  /// Lets the next circuit answer the challenge of an unproven circuit. It returns false if there are too many.
  mutating func await(_ token: ProofToken, from circuit: CircuitIdentifier) -> Bool {
    forget(circuit)
    guard pending.count < Responses.pendingLimit else { return false }
    pending.append((circuit, token))
    return true
  }

  /// Forgets the challenge of an unproven circuit, which is closed, or proven.
  mutating func forget(_ circuit: CircuitIdentifier) { pending.removeAll { $0.circuit == circuit } }

  /// Returns what the first keepalive of a new circuit answers.
  mutating func takeAll() -> [ProofToken] {
    defer { pending = [] }
    return pending.map(\.token) + [kept].compactMap(\.self)
  }
}
