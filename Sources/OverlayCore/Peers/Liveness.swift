/// Whether a peer still is at the other end of the circuit that we dialled to it: a circuit takes bytes for minutes after
/// its other end has lost its power, and says nothing.
///
/// A circuit is doubted when something was sent to the peer and nothing at all came from it for ten seconds, or when it
/// calls anew. The peer is then asked; without an answer a second circuit is built beside the first, which takes its place
/// once it has proven to be no worse. Decides alone: what is sent and built is the node's.
///
///     trusted ── silence, or a call ──> asked ── no answer ──> doubted ──> succeeding ──> replaced: trusted
///        ^─────── an answer, or after a silence anything ────────'─────────────'
struct Liveness {
  /// How long nothing comes before the peer is asked, how long an answer may take, and how long a second circuit waits for
  /// a sign of life.
  static let patience = Duration.seconds(10)
  /// A peer is asked once in this time at the most.
  static let questionInterval = Duration.seconds(20)
  /// A second circuit to a peer is dialled so long after the last one was, and after that took over; it may take as long
  /// to stand.
  static let replacementInterval = Duration.seconds(30)
  /// A peer is answered once in this time at the most.
  static let answerInterval = Duration.seconds(1)
  /// How many questions an answer is compared with; the newest count.
  static let questionLimit = 4

  /// What a peer was asked, and when.
  struct Question: Equatable {
    /// How many bytes a token has.
    static let tokenSize = EchoProbe.tokenSize

    /// What the answer repeats.
    let token: [UInt8]
    /// By which an echo request's reply is known, too.
    let identifier: UInt16
    /// When it was asked.
    let time: Instant
    /// Whether the second circuit carried it.
    let isOnSuccessor: Bool
  }

  /// How far the doubt has come.
  enum State: Equatable {
    /// Nothing is wrong.
    case trusted
    /// A question is out.
    case asked(Instant)
    /// The question that was asked then found no answer: a second circuit is to be built as soon as it may.
    case doubted(Instant)
    /// A second circuit is being built, or stands since then.
    case succeeding(stands: Instant?)
  }

  /// What is to be done.
  enum Step: Equatable {
    /// Nothing, before `due`.
    case none
    /// Ask the peer on the circuit that stands.
    case ask
    /// Dial a second circuit.
    case dialSuccessor
    /// Let the second circuit take the place of the first.
    case replace
  }

  /// How far the doubt has come.
  private(set) var state = State.trusted
  /// How long the last answer took.
  private(set) var roundTrip: Duration?
  /// Whether the peer has ever answered.
  private(set) var hasAnswered = false
  /// The questions whose answers may still come, the oldest first.
  private(set) var questions: [Question] = []

  // Whether the peer has called since it was last known to receive what we send: then only an answer proves that it does.
  private var hasCalled = false
  // Whether it was not asked since it called.
  private var isCallNew = false
  private var lastQuestion: Instant?
  private var lastReplacement: Instant?
  private var lastAnswer: Instant?
  private var vainQuestions = 0

  /// What is to be done now, where something was sent and nothing has come since `unansweredSince` (`nil`: something has),
  /// and something last came at `lastHeard`.
  mutating func step(at now: Instant, unansweredSince: Instant?, lastHeard: Instant) -> Step {
    if case .asked(let time) = state, time + Liveness.patience <= now {
      if !hasAnswered { vainQuestions += 1 }
      // Who never answers may have nobody who could; it says itself when it has begun anew.
      state = hasAnswered || hasCalled ? .doubted(time) : .trusted
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

  /// When the next step is to be taken if nothing happens until then; `nil` if none.
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

  /// Whether the peer may be asked now without any doubt, instead of being told that we are there.
  func mayAsk(at now: Instant) -> Bool {
    state == .trusted && lastQuestion.map { $0 + Liveness.questionInterval <= now } ?? true
  }

  /// Whether the next question is better asked with an echo request: of who speaks no extensions, and every other one of
  /// who never answered.
  func asksByEcho(speaksExtensions: Bool) -> Bool {
    !speaksExtensions || !hasAnswered && vainQuestions % 2 == 1
  }

  /// The peer called while the circuit to it stands.
  mutating func called() {
    hasCalled = true
    isCallNew = true
  }

  /// The peer was asked.
  mutating func asked(_ question: Question) {
    questions = questions.suffix(Liveness.questionLimit - 1) + [question]
    guard !question.isOnSuccessor else { return }
    lastQuestion = question.time
    isCallNew = false
    state = .asked(question.time)
  }

  /// The peer answered: the question, or `nil` if none was asked that has this answer. After an answer on the first circuit
  /// all is well.
  mutating func answered(_ token: some Collection<UInt8>, identifier: UInt16? = nil, at now: Instant) -> Question? {
    guard
      let index = questions.firstIndex(where: {
        $0.token.elementsEqual(token) && $0.identifier == identifier ?? $0.identifier
      })
    else { return nil }
    let question = questions.remove(at: index)
    roundTrip = now - question.time
    hasAnswered = true
    if !question.isOnSuccessor { trust() }
    return question
  }

  /// A second circuit is being dialled.
  mutating func dialsSuccessor(at now: Instant) {
    lastReplacement = now
    state = .succeeding(stands: nil)
  }

  /// The second circuit stands.
  mutating func successorStands(at now: Instant) {
    state = .succeeding(stands: now)
  }

  /// The second circuit has taken the place of the first.
  mutating func replaced(at now: Instant) {
    lastReplacement = now
    trust()
  }

  /// The second circuit is gone.
  mutating func successorEnded() {
    if case .succeeding = state { state = .trusted }
  }

  /// The circuit is known to be good, or there is none any more.
  mutating func trust() {
    state = .trusted
    hasCalled = false
    isCallNew = false
  }

  /// Whether the peer's question may be answered now, which is then counted.
  mutating func takeAnswer(at now: Instant) -> Bool {
    if let lastAnswer, lastAnswer + Liveness.answerInterval > now { return false }
    lastAnswer = now
    return true
  }

  /// Whether nothing is remembered that bounds what may be done.
  func isForgettable(at now: Instant) -> Bool {
    [(lastQuestion, Liveness.questionInterval), (lastReplacement, Liveness.replacementInterval)]
      .allSatisfy { $0.0.map { [interval = $0.1] in $0 + interval <= now } ?? true }
  }
}
