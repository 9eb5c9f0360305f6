import OverlayCore

/// Tells when the host has slept. The clock by which everything is waited for stood still then (clock_gettime(2)),
/// while the other ends of circuits, and Tor, gave them up.
final class SleepWatch {
  /// The shortest sleep that is told. Connections outlive a shorter one.
  static let shortest = Duration.seconds(60)
  /// The time from one look to the next. It goes on in a sleep, so that one that was longer is noticed at its end.
  static let interval = Duration.seconds(30)

  private let source: EventSource<FileDescriptor>
  private let asleep: () -> Duration
  private let handler: (Duration) -> Void
  private var before: Duration

  /// Calls `handler` with how long the host slept, after each sleep. `asleep` is how long it has slept since its start.
  init(
    on loop: EventLoop, every interval: Duration = interval,
    asleep: @escaping () -> Duration = { SystemCall.timeAsleep }, handler: @escaping (Duration) -> Void
  ) throws(SystemError) {
    source = EventSource(try SystemCall.timerInSleep(every: interval), on: loop)
    (self.asleep, self.handler) = (asleep, handler)
    before = asleep()
    source.handle(.readable) { [unowned self] in look() }
    source.start(.readable)
  }

  private func look() {
    guard let times = try? SystemCall.takeCount(of: source.file.number), times > 0 else { return }
    let now = asleep()
    let slept = now - before
    before = now
    if slept >= SleepWatch.shortest { handler(slept) }
  }
}
