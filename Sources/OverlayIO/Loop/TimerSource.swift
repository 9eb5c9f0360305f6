import OverlayCore

/// A time that the loop waits for, and what is done when it comes: a timer of the kernel's, `timerfd_create(2)`, which
/// costs a turn of the loop nothing until then. libevent's own timers would have every turn read the clock once more
/// and set a timeout for its sleep, before a packet is looked at.
final class TimerSource {
  private let source: EventSource<FileDescriptor>
  private let loop: EventLoop
  private let handler: () -> Void
  private var deadline: Instant?

  /// A source that waits for no time before `start`. An error if there is no descriptor left for it.
  init(on loop: EventLoop, handler: @escaping () -> Void) throws(SystemError) {
    source = EventSource(try SystemCall.timer(), on: loop)
    self.loop = loop
    self.handler = handler
    source.handle(.readable) { [unowned self] in expire() }
    source.start(.readable)
  }

  /// Waits for `deadline`, in place of any time set before; one that is over comes at once.
  func start(at deadline: Instant) {
    guard deadline != self.deadline else { return }
    self.deadline = deadline
    // Fails for what is no timer alone.
    try? SystemCall.set(source.file.number, to: deadline)
  }

  /// Waits until `duration` from now, in place of any time set before; a negative one counts as zero.
  func start(after duration: Duration) {
    start(at: loop.now + duration)
  }

  private func expire() {
    // Nothing is there where the time was set anew after libevent had noticed that the old one came.
    guard let times = try? SystemCall.takeCount(of: source.file.number), times > 0 else { return }
    deadline = nil
    handler()
  }
}
