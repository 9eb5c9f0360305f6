import CLibevent
import Glibc
import OverlayCore

/// The program's one loop, on libevent: everything happens in its thread.
final class EventLoop {
  let base: OpaquePointer
  // libevent forgets a wish to stop that comes before the loop runs.
  private var isStopped = false
  // The number of events that were left when `crowd` was last read, and the number at the start of that wake-up.
  private var waiting = 0
  private var most = 1
  // What has watches begin that could not.
  private var late: [() -> Void] = []

  /// Makes a loop that waits for nothing yet; `nil` if libevent finds no way to wait.
  init?() {
    guard let configuration = event_config_new() else { return nil }
    defer { event_config_free(configuration) }
    // There are no timers of libevent's for which it would have to know the time.
    event_config_set_flag(configuration, Int32(EVENT_BASE_FLAG_NO_CACHE_TIME.rawValue))
    guard let base = event_base_new_with_config(configuration) else { return nil }
    self.base = base
  }

  deinit {
    event_base_free(base)
  }

  /// Serves events until `stop`, which may have been called already.
  func run() {
    guard !isStopped else { return }
    event_base_loop(base, EVLOOP_NO_EXIT_ON_EMPTY)
  }

  /// Ends `run` after the current handler.
  func stop() {
    isStopped = true
    event_base_loopbreak(base)
  }

  /// Has a watch that could not begin, for want of memory, try that again in a second.
  func startLater(_ watch: EventWatch) {
    late.append { [weak watch] in watch?.startLate() }
    guard late.count == 1 else { return }
    var pause = timeval(tv_sec: 1, tv_usec: 0)
    event_base_once(
      base, -1, Int16(EV_TIMEOUT),
      { _, _, context in
        guard let context else { return }
        Unmanaged<EventLoop>.fromOpaque(context).takeUnretainedValue().startLate()
      }, Unmanaged.passUnretained(self).toOpaque(), &pause)
  }

  private func startLate() {
    let starts = late
    late = []
    for start in starts { start() }
  }

  /// The number of events that the loop serves in this wake-up, the current one included. Each handler that shares
  /// something with the others has to read it.
  var crowd: Int {
    let active = max(0, Int(event_base_get_num_events(base, UInt32(EVENT_BASE_COUNT_ACTIVE))))
    // Within a wake-up they only become fewer.
    if active >= waiting { most = active + 1 }
    waiting = active
    return most
  }

  /// The time of the monotonic clock.
  var now: Instant { SystemCall.now }
}
