/// Liveness decides whether a peer is still at the other end of the circuit that this host dialled to it. A circuit
/// takes bytes for minutes after its other end has lost its power, and says nothing.
///
/// The peer is asked when something was sent to it and nothing came from it for ten seconds, and when it dials a new
/// circuit to this host. Without an answer the circuit is doubted: a second one is built beside it, and replaces it as
/// soon as something comes from the peer, or after `patience`. This machine only decides; the peer table sends and
/// dials.
///
///     trusted ── silence, or a call ──> asked ── no answer ──> doubted ──> succeeding ──> replaced: trusted
///        ^─────── an answer, or after a silence anything ────────'─────────────'
struct Liveness {
  /// The silence after which the peer is asked, the time that it has to answer, and the time that a second circuit
  /// waits for a sign of life.
  static let patience = Duration.seconds(10)
  /// The shortest time between two questions to a peer.
  static let questionInterval = Duration.seconds(20)
  /// The shortest time from when a second circuit was dialled, or replaced the first, until the next one is dialled. It
  /// is also the time that Tor may take to grant it.
  static let replacementInterval = Duration.seconds(30)
  /// The shortest time between two answers to a peer.
  static let answerInterval = Duration.seconds(1)
  /// The greatest number of questions that await an answer. The newest are kept.
  static let questionLimit = 4

  /// A question to a peer.
  struct Question: Equatable {
    /// The length of a token in bytes.
    static let tokenSize = EchoProbe.tokenSize

    /// The bytes that the answer repeats.
    let token: [UInt8]
    /// The identifier that the reply to an echo request repeats, too.
    let identifier: UInt16
    /// The time at which the question was asked.
    let time: Instant
    /// Whether the second circuit carried the question.
    let isOnSuccessor: Bool
  }

  /// How far the doubt has come.
  enum State: Equatable {
    /// Nothing is wrong.
    case trusted
    /// A question was asked at this time, and has no answer yet.
    case asked(Instant)
    /// The question of this time got no answer. A second circuit is dialled as soon as that is permitted.
    case doubted(Instant)
    /// A second circuit is being built, or was granted at this time.
    case succeeding(stands: Instant?)
  }

  /// What the peer table has to do.
  enum Step: Equatable {
    /// Nothing until `due`.
    case none
    /// Ask the peer on the first circuit.
    case ask
    /// Dial a second circuit.
    case dialSuccessor
    /// Replace the first circuit by the second.
    case replace
  }

  /// How far the doubt has come.
  private(set) var state = State.trusted
  /// The time from the last answered question to its answer; `nil` if none was answered.
  private(set) var roundTrip: Duration?
  /// The same, smoothed over the last answers as RFC 6298 does.
  private(set) var smoothedRoundTrip: Duration?
  /// Whether the peer has ever answered.
  private(set) var hasAnswered = false
  /// Whether the peer has ever asked. Of two idle peers it is always the same that asks.
  private(set) var hasAsked = false
  /// The questions that await an answer, the oldest first.
  private(set) var questions: [Question] = []

  // Whether the peer has called since it was last known to receive packets of this host. Only an answer proves that it
  // does, then.
  private var hasCalled = false
  // Whether the peer was not asked since it called.
  private var isCallNew = false
  private var lastQuestion: Instant?
  private var lastReplacement: Instant?
  // When the peer, and when whoever merely claims to be it, was last answered: neither keeps the other from an answer.
  private var lastAnswer: Instant?
  private var lastAnswerToClaim: Instant?
  private var vainQuestions = 0

  /// Returns what has to be done now. `unansweredSince` is the time since which something was sent and nothing came,
  /// `nil` if something came; `lastHeard` is the time at which something last came.
  mutating func step(at now: Instant, unansweredSince: Instant?, lastHeard: Instant) -> Step {
    if case .asked(let time) = state, time + Liveness.patience <= now {
      if !isAbleToAnswer { vainQuestions += 1 }
      // A peer that never answered may be unable to. It says itself when it has begun anew.
      state = isAbleToAnswer || hasCalled ? .doubted(time) : .trusted
    }
    if case .doubted(let time) = state, !hasCalled, lastHeard > time { state = .trusted }
    guard let due = due(unansweredSince: unansweredSince), due <= now || isHeard(lastHeard) else { return .none }
    switch state {
    case .trusted: return .ask
    case .asked: return .none
    case .doubted: return .dialSuccessor
    case .succeeding: return .replace
    }
  }

  /// Returns the time of the next step if nothing happens until then; `nil` if there is none.
  func due(unansweredSince: Instant?) -> Instant? {
    switch state {
    case .trusted:
      guard let wanted = isCallNew ? Instant(nanoseconds: 0) : unansweredSince.map({ $0 + Liveness.patience })
      else { return nil }
      return max(wanted, lastQuestion.map { $0 + Liveness.questionInterval } ?? wanted)
    case .asked(let time): return time + Liveness.patience
    case .doubted: return lastReplacement.map { $0 + Liveness.replacementInterval } ?? Instant(nanoseconds: 0)
    case .succeeding(let stands): return stands.map { $0 + Liveness.patience }
    }
  }

  private func isHeard(_ lastHeard: Instant) -> Bool {
    if case .succeeding(let stands?) = state { lastHeard >= stands } else { false }
  }

  /// Returns whether the peer may be asked now though nothing is wrong, in place of a plain keepalive.
  func mayAsk(at now: Instant) -> Bool {
    state == .trusted && lastQuestion.map { $0 + Liveness.questionInterval <= now } ?? true
  }

  /// Returns whether the next question is an echo request: always to a peer that speaks no extensions, and every other
  /// time to one that never answered, nor asked.
  func asksByEcho(speaksExtensions: Bool) -> Bool {
    !speaksExtensions || !isAbleToAnswer && vainQuestions % 2 == 1
  }

  // Who asks by a circuit that it dialled answers by it, too.
  private var isAbleToAnswer: Bool { hasAnswered || hasAsked }

  /// Notes that the peer called while the circuit to it is open.
  mutating func called() {
    hasCalled = true
    isCallNew = true
  }

  /// Notes that the peer asks, by a circuit that it dialled.
  mutating func asks() { hasAsked = true }

  /// Notes that the peer was asked.
  mutating func asked(_ question: Question) {
    questions = questions.suffix(Liveness.questionLimit - 1) + [question]
    guard !question.isOnSuccessor else { return }
    lastQuestion = question.time
    isCallNew = false
    state = .asked(question.time)
  }

  /// Notes an answer of the peer, and returns its question; `nil` if it answers none. An answer on the first circuit
  /// ends the doubt.
  mutating func answered(_ token: some Collection<UInt8>, identifier: UInt16? = nil, at now: Instant) -> Question? {
    guard
      let index = questions.firstIndex(where: {
        $0.token.elementsEqual(token) && $0.identifier == identifier ?? $0.identifier
      })
    else { return nil }
    let question = questions.remove(at: index)
    let time = now - question.time
    roundTrip = time
    smoothedRoundTrip = smoothedRoundTrip.map { $0 + (time - $0) / 8 } ?? time
    hasAnswered = true
    if !question.isOnSuccessor { trust() }
    return question
  }

  /// Notes that a second circuit is being dialled.
  mutating func dialsSuccessor(at now: Instant) {
    lastReplacement = now
    state = .succeeding(stands: nil)
  }

  /// Notes that Tor has granted the second circuit.
  mutating func successorStands(at now: Instant) {
    state = .succeeding(stands: now)
  }

  /// Notes that the second circuit has replaced the first.
  mutating func replaced(at now: Instant) {
    lastReplacement = now
    trust()
  }

  /// Notes that the second circuit is gone.
  mutating func successorEnded() {
    if case .succeeding = state { state = .trusted }
  }

  /// Ends the doubt, because the circuit is known to be good or there is none any more.
  mutating func trust() {
    state = .trusted
    hasCalled = false
    isCallNew = false
  }

  /// Returns whether a question of the peer may be answered now, and counts the answer if so.
  mutating func takeAnswer(isBelieved: Bool, at now: Instant) -> Bool {
    let last = isBelieved ? lastAnswer : lastAnswerToClaim
    if let last, last + Liveness.answerInterval > now { return false }
    if isBelieved { lastAnswer = now } else { lastAnswerToClaim = now }
    return true
  }

  /// Returns whether a new machine would permit the same, so that this one can be forgotten.
  func isForgettable(at now: Instant) -> Bool {
    [(lastQuestion, Liveness.questionInterval), (lastReplacement, Liveness.replacementInterval)]
      .allSatisfy { $0.0.map { [interval = $0.1] in $0 + interval <= now } ?? true }
  }
}
