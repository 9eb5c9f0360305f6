import CLibevent
import Glibc
import OverlayCore

/// The program's one loop, on libevent: everything happens in its thread.
public final class EventLoop {
  let base: OpaquePointer
  // libevent forgets a wish to stop that comes before the loop runs.
  private var isStopped = false

  /// A loop in which nothing is awaited yet; `nil` if libevent finds no way to wait.
  public init?() {
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

  /// Serves events until `stop`, which may have come already.
  public func run() {
    guard !isStopped else { return }
    event_base_loop(base, EVLOOP_NO_EXIT_ON_EMPTY)
  }

  /// Ends `run` after the handler that is being served.
  public func stop() {
    isStopped = true
    event_base_loopbreak(base)
  }

  /// The time of the monotonic clock.
  public var now: Instant {
    var time = timespec()
    // Fails for an unknown clock alone.
    clock_gettime(CLOCK_MONOTONIC, &time)
    return Instant(nanoseconds: UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec))
  }
}
