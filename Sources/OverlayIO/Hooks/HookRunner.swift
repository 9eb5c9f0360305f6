import OverlayCore

/// Runs hooks, asynchronously: those for the same peer one after the other, in the order of their events, and after
/// those for the daemon that came before.
///
/// At most `mostRuns` run at the same time, each for at most `limit`, and `mostWaiting` wait. Past that the oldest are
/// dropped, which the log tells once until all are done, and counted (`counts`).
final class HookRunner {
  /// The greatest number of hooks that run at the same time.
  static let mostRuns = 4
  /// The greatest number that wait.
  static let mostWaiting = 64
  /// How long a hook may run.
  static let limit = Duration.seconds(10)

  /// What became of hooks.
  struct Counts: Equatable {
    /// Those that ended with status 0.
    var succeeded: UInt64 = 0
    /// Those that did not start, or ended otherwise.
    var failed: UInt64 = 0
    /// Those that were killed because their time was over.
    var killed: UInt64 = 0
    /// Those that were dropped because too many waited.
    var dropped: UInt64 = 0
  }

  /// The hooks, which may be replaced at any time.
  var hooks: [Hook]
  /// What became of hooks since the start.
  private(set) var counts = Counts()

  private let loop: EventLoop
  private let log: Log
  private let starter: any HookStarter
  private let limit: Duration
  private var runs: [HookRun] = []
  private var waiting: [(hook: Hook, occasion: HookOccasion)] = []
  private var isComplaining = false
  private var last: (timer: TimerSource?, done: () -> Void)?

  /// Makes a runner that runs nothing yet.
  init(
    _ hooks: [Hook], by starter: any HookStarter = OwnHookStarter(), on loop: EventLoop, log: Log,
    limit: Duration = HookRunner.limit
  ) {
    self.hooks = hooks
    self.starter = starter
    self.loop = loop
    self.log = log
    self.limit = limit
  }

  /// Whether nothing runs and nothing waits.
  var isIdle: Bool { runs.isEmpty && waiting.isEmpty }

  /// Runs the hooks of an event.
  func run(_ occasion: HookOccasion) {
    guard last == nil else { return }
    append(occasion)
    startWaiting()
  }

  /// Runs the hooks of the last event, and calls `done` when they have ended, or when a hook's time is over. Those of
  /// peers that wait are not run any more.
  func runLast(_ occasion: HookOccasion, done: @escaping () -> Void) {
    guard last == nil else { return }
    waiting.removeAll { $0.occasion.subject != nil }
    append(occasion)
    guard waiting.contains(where: { $0.occasion == occasion }) else { return done() }
    let timer = try? TimerSource(on: loop) { [unowned self] in finishLast() }
    last = (timer, done)
    timer?.start(after: limit)
    startWaiting()
  }

  private func append(_ occasion: HookOccasion) {
    for hook in hooks where hook.event == occasion.event {
      waiting.append((hook, occasion))
      guard waiting.count > HookRunner.mostWaiting else { continue }
      waiting.removeFirst()
      counts.dropped += 1
      if !isComplaining {
        log.warning("more than \(HookRunner.mostWaiting) hooks wait for others to end: the oldest are dropped")
      }
      isComplaining = true
    }
  }

  /// Starts what waits, as far as there is room and nothing before it concerns the same.
  private func startWaiting() {
    var index = 0
    // The last hooks need not wait for those of peers.
    while index < waiting.count, runs.count < HookRunner.mostRuns || last != nil {
      let (hook, occasion) = waiting[index]
      let isBlocked =
        runs.contains { $0.occasion.blocks(occasion) } || waiting[..<index].contains { $0.occasion.blocks(occasion) }
      guard !isBlocked else {
        index += 1
        continue
      }
      waiting.remove(at: index)
      start(hook, for: occasion)
    }
    if isIdle { isComplaining = false }
    if last != nil, !runs.contains(where: { $0.occasion.subject == nil }),
      !waiting.contains(where: { $0.occasion.subject == nil })
    {
      finishLast()
    }
  }

  private func start(_ hook: Hook, for occasion: HookOccasion) {
    let name = "hook \(hook.event.rawValue) (\(hook.path.quotedLine()))"
    do throws(SystemError) {
      runs.append(
        try HookRun(
          hook, for: occasion, by: starter, within: limit, on: loop,
          write: { [log] line in log.notice("\(name): \(line)") },
          ended: { [unowned self] run, outcome in ended(run, outcome, name) }))
      log.debug("\(name) runs for \(occasion.text)")
    } catch {
      counts.failed += 1
      log.warning("\(name) does not run: \(error.reason)")
    }
  }

  private func ended(_ run: HookRun, _ outcome: HookRun.Outcome, _ name: String) {
    runs.removeAll { $0 === run }
    switch outcome {
    case .ended(.exit(0)): counts.succeeded += 1
    case .ended(.exit(let status)):
      counts.failed += 1
      log.warning("\(name) failed with exit status \(status)")
    case .ended(.signal(let signal)):
      counts.failed += 1
      log.warning("\(name) was ended by signal \(signal)")
    case .killed:
      counts.killed += 1
      log.warning("\(name) was killed: it took longer than \(limit.wholeSeconds) s")
    }
    startWaiting()
  }

  private func finishLast() {
    guard let done = last?.done else { return }
    last = (nil, {})
    waiting = []
    done()
  }
}
