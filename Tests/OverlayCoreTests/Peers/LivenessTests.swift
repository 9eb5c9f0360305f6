import Testing

@testable import OverlayCore

@Suite("Whether a peer still is there")
struct LivenessTests {
  /// Something that happens at a second, and what is to be done then.
  enum Event {
    /// Nothing but time has passed: what is to be done.
    case look(Liveness.Step)
    /// Something is sent.
    case send
    /// Something comes from the peer.
    case hear
    /// The peer calls.
    case call
    /// The peer answers the newest question.
    case answer
    /// The second circuit stands.
    case stand
    /// The second circuit is gone.
    case fail
  }

  /// A peer, and what the node would keep of it.
  private struct Stage {
    static let start = Instant(nanoseconds: 1_000_000_000_000)
    var liveness = Liveness()
    var unansweredSince: Instant?
    var lastHeard = Stage.start
    var asked: [Int] = []
    var dialled: [Int] = []
    var replaced: [Int] = []

    /// Does what a node does.
    mutating func take(_ event: Event, at second: Int) -> (found: Liveness.Step, expected: Liveness.Step)? {
      let now = Stage.start + .seconds(second)
      switch event {
      case .look(let expected):
        let step = liveness.step(at: now, unansweredSince: unansweredSince, lastHeard: lastHeard)
        switch step {
        case .none: break
        case .ask: ask(at: now, second)
        case .dialSuccessor:
          liveness.dialsSuccessor(at: now)
          dialled.append(second)
        case .replace:
          liveness.replaced(at: now)
          replaced.append(second)
        }
        return (step, expected)
      case .send: unansweredSince = unansweredSince ?? now
      case .hear: (unansweredSince, lastHeard) = (nil, now)
      case .call: liveness.called()
      case .answer:
        (unansweredSince, lastHeard) = (nil, now)
        if let question = liveness.questions.last { _ = liveness.answered(question.token, at: now) }
      case .stand:
        liveness.successorStands(at: now)
        liveness.asked(.init(token: [1, UInt8(second & 0xff)], identifier: 0, time: now, isOnSuccessor: true))
      case .fail: liveness.successorEnded()
      }
      return nil
    }

    mutating func ask(at now: Instant, _ second: Int) {
      asked.append(second)
      liveness.asked(.init(token: [0, UInt8(second & 0xff)], identifier: 7, time: now, isOnSuccessor: false))
      unansweredSince = nil
    }
  }

  static let courses: [(String, [(Int, Event)])] = [
    ("a peer to which nothing goes is not asked", [(0, .look(.none)), (1_000, .look(.none))]),
    (
      "a peer that answers what it is sent is not asked",
      [(0, .send), (9, .hear), (10, .look(.none)), (19, .look(.none))]
    ),
    (
      "ten seconds of silence are a question, and an answer ends the doubt",
      [(0, .send), (9, .look(.none)), (10, .look(.ask)), (12, .answer), (20, .look(.none)), (60, .look(.none))]
    ),
    (
      "no answer in ten seconds is a second circuit, which takes over when something comes",
      [
        (0, .send), (10, .look(.ask)), (11, .answer), (40, .send), (50, .look(.ask)), (59, .look(.none)),
        (60, .look(.dialSuccessor)), (63, .stand), (64, .look(.none)), (65, .hear), (65, .look(.replace)),
      ]
    ),
    (
      "or when the first has brought nothing for ten seconds more",
      [
        (0, .send), (10, .look(.ask)), (11, .answer), (40, .send), (50, .look(.ask)), (60, .look(.dialSuccessor)),
        (63, .stand), (72, .look(.none)), (73, .look(.replace)),
      ]
    ),
    (
      "an answer that comes late by the first circuit saves it",
      [
        (0, .send), (10, .look(.ask)), (11, .answer), (40, .send), (50, .look(.ask)), (60, .look(.dialSuccessor)),
        (61, .answer), (62, .look(.none)), (90, .look(.none)),
      ]
    ),
    (
      "anything that comes after a silence is as good as an answer",
      [
        (0, .send), (10, .look(.ask)), (11, .answer), (40, .send), (50, .look(.ask)), (55, .hear), (60, .look(.none)),
        (100, .look(.none)),
      ]
    ),
    (
      "but not after a call: what comes tells nothing of where the old circuit leads",
      [
        (0, .call), (0, .look(.ask)), (5, .hear), (10, .look(.dialSuccessor)), (12, .stand), (13, .answer),
        (13, .look(.replace)),
      ]
    ),
    (
      "a call while a question is out makes its answer needed",
      [
        (0, .send), (10, .look(.ask)), (12, .call), (12, .hear), (19, .look(.none)), (20, .look(.dialSuccessor)),
      ]
    ),
    (
      "a peer that has never answered is asked again, and no circuit is built for that",
      [
        (0, .send), (10, .look(.ask)), (11, .send), (20, .look(.none)), (29, .look(.none)), (30, .look(.ask)),
        (31, .send), (40, .look(.none)), (50, .look(.ask)), (60, .look(.none)), (100, .look(.none)),
      ]
    ),
    (
      "who sends nothing any more does not ask either",
      [(0, .send), (10, .look(.ask)), (20, .look(.none)), (30, .look(.none)), (500, .look(.none))]
    ),
    (
      "a second circuit is dialled once in thirty seconds at the most",
      [
        (0, .send), (10, .look(.ask)), (11, .answer), (30, .send), (40, .look(.ask)), (41, .send),
        (50, .look(.dialSuccessor)), (51, .fail), (60, .look(.ask)), (61, .send), (70, .look(.none)),
        (79, .look(.none)), (80, .look(.dialSuccessor)),
      ]
    ),
    (
      "questions to one that calls again and again are twenty seconds apart",
      [
        (0, .call), (0, .look(.ask)), (1, .answer), (2, .call), (2, .look(.none)), (19, .look(.none)),
        (20, .look(.ask)),
        (21, .answer), (22, .look(.none)),
      ]
    ),
  ]

  @Test("step by step", arguments: courses)
  func course(title: String, events: [(Int, Event)]) {
    var stage = Stage()
    for (second, event) in events {
      guard let (found, expected) = stage.take(event, at: second) else { continue }
      #expect(found == expected, "\(title), after \(second) s")
    }
  }

  @Test("whatever happens, questions are twenty seconds apart and second circuits thirty", arguments: 0..<20)
  func bounds(_ seed: UInt64) {
    var random = SeededGenerator(seed: 300 + seed)
    var stage = Stage()
    for second in 0..<3_000 {
      switch Int.random(in: 0..<12, using: &random) {
      case 0...3: _ = stage.take(.send, at: second)
      case 4: _ = stage.take(.hear, at: second)
      case 5: _ = stage.take(.call, at: second)
      case 6: _ = stage.take(.answer, at: second)
      case 7: if stage.liveness.state == .succeeding(stands: nil) { _ = stage.take(.stand, at: second) }
      case 8: _ = stage.take(.fail, at: second)
      default: break
      }
      _ = stage.take(.look(.none), at: second)
      #expect(stage.liveness.questions.count <= Liveness.questionLimit)
    }
    #expect(stage.asked.count > 20)
    #expect(stage.dialled.count > 5)
    #expect(zip(stage.asked, stage.asked.dropFirst()).allSatisfy { $1 - $0 >= 20 })
    #expect(zip(stage.dialled, stage.dialled.dropFirst()).allSatisfy { $1 - $0 >= 30 })
    #expect(zip(stage.replaced, stage.replaced.dropFirst()).allSatisfy { $1 - $0 >= 30 })
  }

  @Test("the time is told when the next step is due")
  func due() {
    var stage = Stage()
    #expect(stage.liveness.due(unansweredSince: nil) == nil)
    #expect(stage.liveness.due(unansweredSince: Stage.start) == Stage.start + .seconds(10))
    stage.ask(at: Stage.start + .seconds(10), 10)
    #expect(stage.liveness.due(unansweredSince: nil) == Stage.start + .seconds(20))
    _ = stage.take(.answer, at: 12)
    #expect(stage.liveness.roundTrip == .seconds(2))
    #expect(stage.liveness.due(unansweredSince: Stage.start + .seconds(13)) == Stage.start + .seconds(30))
  }

  @Test("an answer counts once, and only with the token and identifier of a question")
  func answers() {
    var liveness = Liveness()
    let question = Liveness.Question(token: [1, 2], identifier: 3, time: Stage.start, isOnSuccessor: false)
    liveness.asked(question)
    #expect(liveness.answered([1, 3], at: Stage.start) == nil)
    #expect(liveness.answered([1, 2], identifier: 4, at: Stage.start) == nil)
    #expect(!liveness.hasAnswered)
    #expect(liveness.answered([1, 2], identifier: 3, at: Stage.start) == question)
    #expect(liveness.answered([1, 2], identifier: 3, at: Stage.start) == nil)
    #expect(liveness.hasAnswered)
  }

  @Test("a peer's questions are answered once a second")
  func answerLimit() {
    var liveness = Liveness()
    let answered = (0..<40).count { liveness.takeAnswer(isBelieved: true, at: Stage.start + .milliseconds(100 * $0)) }
    #expect(answered == 4)
  }

  @Test("who knows no extension is asked by an echo request, who never answers in turns by both")
  func ways() {
    var liveness = Liveness()
    var found: [Bool] = []
    for second in 0..<4 {
      found.append(liveness.asksByEcho(speaksExtensions: true))
      #expect(liveness.asksByEcho(speaksExtensions: false))
      let now = Stage.start + .seconds(30 * second)
      liveness.asked(.init(token: [0], identifier: 0, time: now, isOnSuccessor: false))
      _ = liveness.step(at: now + .seconds(10), unansweredSince: nil, lastHeard: Stage.start)
    }
    #expect(found == [false, true, false, true])
  }
}
