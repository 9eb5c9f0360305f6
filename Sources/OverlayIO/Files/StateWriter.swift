import Glibc
import OverlayCore

/// Keeps one file of the state directory up to date, in a thread of its own: nobody's packets wait for a disk.
///
/// The last text that it was given is written at most once in `interval`, those between are left out, and what waits is
/// written before it ends. What cannot be written is told in the log once, by the loop's thread, and so is that it is
/// over.
///
/// A power cut loses what was given in the last second. That is right for leases: a host whose lease is not known is
/// given the same address when it asks for it by name, as hosts do.
final class StateWriter {
  /// The longest time from a write that failed to the next.
  static let longestPause = Duration.seconds(60)

  /// Writes a text as the file's content; what went wrong.
  typealias Write = @Sendable (_ text: String) -> SystemError?

  private let path: String
  private let log: Log
  private let source: EventSource<WritingTask>
  private let thread: pthread_t
  private var complaint: String?

  /// A writer of the file at `path`, which `write` replaces. An error if the system has no thread for it.
  init(
    _ path: String, every interval: Duration = .seconds(1), on loop: EventLoop, log: Log, write: @escaping Write
  ) throws(SystemError) {
    self.path = path
    self.log = log
    let task = WritingTask(news: try SystemCall.counter(), interval, write)
    source = EventSource(task, on: loop)
    thread = try StateWriter.start(task)
    source.handle(.readable) { [unowned self] in report() }
    source.start(.readable)
  }

  deinit {
    source.file.stop()
    pthread_join(thread, nil)
    report()
  }

  /// Lets the file have this content soon.
  func keep(_ text: String) { keep { text } }

  /// Lets the file have the content that `make`, in the writer's thread, makes soon.
  func keep(making make: @escaping @Sendable () -> String) { source.file.give(make) }

  private func report() {
    guard let outcome = source.file.takeOutcome() else { return }
    if let error = outcome.error {
      if complaint != "\(error)" {
        log.warning("\(path) cannot be written, and is forgotten when the daemon ends: \(error)")
      }
      complaint = "\(error)"
    } else if complaint != nil {
      log.notice("\(path) can be written again")
      complaint = nil
    }
  }

  private static func start(_ task: WritingTask) throws(SystemError) -> pthread_t {
    // Signals are the loop's thread's.
    var (all, before) = (sigset_t(), sigset_t())
    sigfillset(&all)
    pthread_sigmask(SIG_SETMASK, &all, &before)
    defer { pthread_sigmask(SIG_SETMASK, &before, nil) }
    var thread = pthread_t()
    let context = Unmanaged.passRetained(task)
    let number = pthread_create(
      &thread, nil,
      { context in
        guard let context else { return nil }
        Unmanaged<WritingTask>.fromOpaque(context).takeRetainedValue().run()
        return nil
      }, context.toOpaque())
    guard number == 0 else {
      context.release()
      throw SystemError(call: "pthread_create", number: number)
    }
    return thread
  }
}

/// What the loop's thread and the writing one share.
///
/// `@unchecked Sendable`: everything that changes is touched with the mutex held alone, and the rest never changes.
private final class WritingTask: Pollable, @unchecked Sendable {
  /// What came of a write.
  struct Outcome {
    let error: SystemError?
  }

  /// Readable when there is an outcome.
  private let news: FileDescriptor
  private let interval: Duration
  private let write: StateWriter.Write
  private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
  private let condition = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
  // With the mutex held:
  private var text: (@Sendable () -> String)?
  private var isStopping = false
  private var outcome: Outcome?

  var descriptor: Int32 { news.number }

  init(news: consuming FileDescriptor, _ interval: Duration, _ write: @escaping StateWriter.Write) {
    self.news = news
    self.interval = interval
    self.write = write
    pthread_mutex_init(mutex, nil)
    // A wall clock that is set must not change how long a write waits.
    var attributes = pthread_condattr_t()
    pthread_condattr_init(&attributes)
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC)
    pthread_cond_init(condition, &attributes)
    pthread_condattr_destroy(&attributes)
  }

  deinit {
    pthread_cond_destroy(condition)
    pthread_mutex_destroy(mutex)
    condition.deallocate()
    mutex.deallocate()
  }

  func give(_ text: @escaping @Sendable () -> String) {
    locked { self.text = text }
    pthread_cond_signal(condition)
  }

  func stop() {
    locked { isStopping = true }
    pthread_cond_signal(condition)
  }

  func takeOutcome() -> Outcome? {
    _ = try? SystemCall.takeCount(of: news.number)
    return locked {
      defer { outcome = nil }
      return outcome
    }
  }

  func run() {
    var pause = interval
    while let make = next() {
      let text = make()
      let error = write(text)
      locked {
        outcome = Outcome(error: error)
        // It is tried again, and for the last time at the end: nothing newer may ever come.
        if error != nil, !isStopping, self.text == nil { self.text = { text } }
      }
      try? SystemCall.increment(news.number)
      rest(pause)
      pause = error == nil ? interval : min(pause + pause, StateWriter.longestPause)
    }
  }

  /// The text that is to be written next, as soon as there is one; `nil` when there will be none.
  private func next() -> (@Sendable () -> String)? {
    pthread_mutex_lock(mutex)
    defer { pthread_mutex_unlock(mutex) }
    while text == nil, !isStopping { pthread_cond_wait(condition, mutex) }
    defer { text = nil }
    return text
  }

  /// Waits until the next write may follow the last.
  private func rest(_ pause: Duration) {
    let nanoseconds = Int(clamping: (SystemCall.now + pause).nanoseconds)
    var end = timespec(tv_sec: nanoseconds / 1_000_000_000, tv_nsec: nanoseconds % 1_000_000_000)
    pthread_mutex_lock(mutex)
    defer { pthread_mutex_unlock(mutex) }
    while !isStopping, pthread_cond_timedwait(condition, mutex, &end) != ETIMEDOUT {}
  }

  private func locked<Result>(_ body: () -> Result) -> Result {
    pthread_mutex_lock(mutex)
    defer { pthread_mutex_unlock(mutex) }
    return body()
  }
}
