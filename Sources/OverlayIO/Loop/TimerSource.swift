import OverlayCore

/// A timer source calls its handler at a time. It is a timer of the kernel (timerfd_create(2)), which costs a wake-up
/// of the loop nothing until then. Timers of libevent would read the clock once more and set a timeout in each wake-up,
/// before a packet is looked at.
final class TimerSource {
  private let source: EventSource<FileDescriptor>
  private let loop: EventLoop
  private let handler: () -> Void
  private var deadline: Instant?

  /// Makes a source that waits for no time before `start`. It throws if there is no descriptor left.
  init(on loop: EventLoop, handler: @escaping () -> Void) throws(SystemError) {
    source = EventSource(try SystemCall.timer(), on: loop)
    self.loop = loop
    self.handler = handler
    source.handle(.readable) { [unowned self] in expire() }
    source.start(.readable)
  }

  /// Waits for `deadline`, in place of the time before. A deadline in the past comes at once.
  func start(at deadline: Instant) {
    guard deadline != self.deadline else { return }
    self.deadline = deadline
    // This fails only for a descriptor that is no timer.
    try? SystemCall.set(source.file.number, to: deadline)
  }

  /// Waits for `duration` from now, in place of the time before. A negative duration counts as zero.
  func start(after duration: Duration) {
    start(at: loop.now + duration)
  }

  private func expire() {
    // There is nothing to read if the time was set anew after libevent had noticed the old one.
    guard let times = try? SystemCall.takeCount(of: source.file.number), times > 0 else { return }
    deadline = nil
    handler()
  }
}
