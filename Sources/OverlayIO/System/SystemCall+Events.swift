import CLinux
import Glibc
import OverlayCore

/// What is waited for: times, counters, changes of files.
extension SystemCall {
  /// A timer of the monotonic clock.
  static func timer() throws(SystemError) -> FileDescriptor {
    try FileDescriptor("timerfd_create") { CLinux.timerfd_create(CLOCK_MONOTONIC, Int32(TFD_NONBLOCK | TFD_CLOEXEC)) }
  }

  /// Lets a timer expire at this time, in place of any before.
  static func set(_ timer: Int32, to deadline: Instant) throws(SystemError) {
    var time = itimerspec()
    // All zero would mean that nothing is waited for.
    let nanoseconds = Int(clamping: max(deadline.nanoseconds, 1))
    time.it_value = timespec(tv_sec: nanoseconds / 1_000_000_000, tv_nsec: nanoseconds % 1_000_000_000)
    try perform("timerfd_settime") { CLinux.timerfd_settime(timer, Int32(TFD_TIMER_ABSTIME), &time, nil) }
  }

  /// A timer that expires again and again, each time after so long, the time included in which the host sleeps.
  static func timerInSleep(every interval: Duration) throws(SystemError) -> FileDescriptor {
    let timer = try FileDescriptor("timerfd_create") {
      CLinux.timerfd_create(CLOCK_BOOTTIME, Int32(TFD_NONBLOCK | TFD_CLOEXEC))
    }
    var time = itimerspec()
    time.it_interval = timespec(
      tv_sec: Int(interval.wholeMicroseconds / 1_000_000),
      tv_nsec: Int(interval.wholeMicroseconds % 1_000_000) * 1_000)
    time.it_value = time.it_interval
    let number = timer.number
    try perform("timerfd_settime") { CLinux.timerfd_settime(number, 0, &time, nil) }
    return timer
  }

  /// How long the host has slept since its start.
  static var timeAsleep: Duration {
    let (inAll, awake) = (instant(of: CLOCK_BOOTTIME), now)
    return max(.zero, inAll - awake)
  }

  /// A counter that is readable while it is not zero.
  static func counter() throws(SystemError) -> FileDescriptor {
    try FileDescriptor("eventfd") { CLinux.eventfd(0, Int32(EFD_NONBLOCK | EFD_CLOEXEC)) }
  }

  /// Adds one to a counter.
  static func increment(_ counter: Int32) throws(SystemError) {
    var one: UInt64 = 1
    _ = try attempt("write eventfd") { Glibc.write(counter, &one, MemoryLayout<UInt64>.size) }
  }

  /// What a counter has counted, or how often a timer has expired, since it was last asked; 0 where nothing happened.
  static func takeCount(of descriptor: Int32) throws(SystemError) -> UInt64 {
    var count: UInt64 = 0
    _ = try attempt("read a counter") { Glibc.read(descriptor, &count, MemoryLayout<UInt64>.size) }
    return count
  }

  /// Has the kernel tell of a descriptor, or of a signal, from now on: by `body`, which is a function of libevent's and
  /// returns -1 with `errno` set if that fails.
  static func beginToWait(by body: () -> Int32) throws(SystemError) { try perform("epoll_ctl", body) }

  /// A queue of what happens to files (inotify(7)).
  static func fileEvents() throws(SystemError) -> FileDescriptor {
    try FileDescriptor("inotify_init1") { Glibc.inotify_init1(Int32(IN_CLOEXEC) | Int32(IN_NONBLOCK)) }
  }

  /// Lets a queue tell of these events (`IN_…`) of what stands at `path`; the number of that watch.
  static func watch(_ path: String, _ mask: UInt32, in queue: Int32) throws(SystemError) -> Int32 {
    try perform("inotify_add_watch \(path)") { Glibc.inotify_add_watch(queue, path, mask) }
  }

  /// Lets a queue tell no more of a watch; EINVAL where the kernel has dropped it already.
  static func endWatch(_ watch: Int32, in queue: Int32) throws(SystemError) {
    try perform("inotify_rm_watch") { Glibc.inotify_rm_watch(queue, watch) }
  }

  /// Which of these events (`POLL…`) a descriptor has now, and what is wrong with it.
  static func poll(_ descriptor: Int32, _ events: Int32) throws(SystemError) -> Int32 {
    var request = pollfd(fd: descriptor, events: Int16(events), revents: 0)
    try perform("poll") { Glibc.poll(&request, 1, 0) }
    return Int32(request.revents)
  }

  /// The time of the monotonic clock.
  public static var now: Instant { instant(of: CLOCK_MONOTONIC) }

  private static func instant(of clock: clockid_t) -> Instant {
    let time = time(of: clock)
    return Instant(nanoseconds: UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec))
  }

  /// The calendar's time since 1970.
  static var calendarTime: timespec { time(of: CLOCK_REALTIME) }

  private static func time(of clock: clockid_t) -> timespec {
    var time = timespec()
    // Fails for an unknown clock alone: no test can want it to.
    let result = Glibc.clock_gettime(clock, &time)
    precondition(result == 0, "there is no such clock")
    return time
  }
}
