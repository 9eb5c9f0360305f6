import CLinux
import Glibc
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
    file = try FileDescriptor("timerfd_create") {
      timerfd_create(CLOCK_MONOTONIC, Int32(TFD_NONBLOCK | TFD_CLOEXEC))
    }
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
    var time = itimerspec()
    // All zero would mean that nothing is waited for.
    let nanoseconds = Int(clamping: max(deadline.nanoseconds, 1))
    time.it_value = timespec(tv_sec: nanoseconds / 1_000_000_000, tv_nsec: nanoseconds % 1_000_000_000)
    // Fails for what is no timer alone.
    timerfd_settime(file.number, Int32(TFD_TIMER_ABSTIME), &time, nil)
  }

  /// Waits until `duration` from now, in place of any time set before; a negative one counts as zero.
  public func start(after duration: Duration) {
    start(at: loop.now + duration)
  }

  private func expire() {
    var times: UInt64 = 0
    // Nothing is there where the time was set anew after libevent had noticed that the old one came.
    guard read(file.number, &times, MemoryLayout<UInt64>.size) > 0 else { return }
    deadline = nil
    handler()
  }
}
