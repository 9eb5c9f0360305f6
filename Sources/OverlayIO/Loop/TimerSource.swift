import OverlayCore

/// A time that the loop waits for, and what is done when it comes: a timer of the kernel's, `timerfd_create(2)`, which
/// costs a turn of the loop nothing until then. libevent's own timers would have every turn read the clock once more
/// and set a timeout for its sleep, before a packet is looked at.
public final class TimerSource {
  private let file: FileDescriptor
  private let loop: EventLoop
  private let handler: () -> Void
  private var expiry: EventSource?
  private var deadline: Instant?

  /// A source that waits for no time before `start`. An error if there is no descriptor left for it.
  public init(on loop: EventLoop, handler: @escaping () -> Void) throws(SystemError) {
    file = try SystemCall.timer()
    self.loop = loop
    self.handler = handler
    expiry = EventSource(.readable(file.number), on: loop) { [unowned self] in expire() }
    expiry?.start()
  }

  deinit {
    // Before the descriptor is closed: libevent must not watch a number that means another file.
    expiry = nil
  }

  /// Waits for `deadline`, in place of any time set before; one that is over comes at once.
  public func start(at deadline: Instant) {
    guard deadline != self.deadline else { return }
    self.deadline = deadline
    // Fails for what is no timer alone.
    try? SystemCall.set(file.number, to: deadline)
  }

  /// Waits until `duration` from now, in place of any time set before; a negative one counts as zero.
  public func start(after duration: Duration) {
    start(at: loop.now + duration)
  }

  private func expire() {
    // Nothing is there where the time was set anew after libevent had noticed that the old one came.
    guard let times = try? SystemCall.takeCount(of: file.number), times > 0 else { return }
    deadline = nil
    handler()
  }
}
