import CLibevent

/// A file that the loop can wait for.
protocol Pollable: ~Copyable {
  /// The descriptor of the file, which stays the same while it is open.
  var descriptor: Int32 { get }
}

extension FileDescriptor: Pollable {
  /// The number itself.
  var descriptor: Int32 { number }
}

/// An event source owns an open file, with what the loop waits for on it and the handlers of that. It closes the file
/// at its own end and never before, so that libevent never watches a number that means another file.
final class EventSource<File: Pollable & ~Copyable> {
  /// An event that the loop waits for.
  enum Interest {
    /// The file has something to read.
    case readable
    /// The file takes bytes.
    case writable
  }

  /// The file.
  var file: File
  private let loop: EventLoop
  private var reading: EventWatch?
  private var writing: EventWatch?

  /// Makes a source that owns the file, and waits for nothing before `start`.
  init(_ file: consuming File, on loop: EventLoop) {
    self.file = file
    self.loop = loop
  }

  deinit {
    // Before the file is closed.
    reading = nil
    writing = nil
  }

  /// Sets the handler of an event, from the next `start` on. The handler may drop the source.
  func handle(_ interest: Interest, by handler: @escaping () -> Void) {
    switch interest {
    case .readable: reading = EventWatch(file.descriptor, EV_READ, on: loop, handler: handler)
    case .writable: writing = EventWatch(file.descriptor, EV_WRITE, on: loop, handler: handler)
    }
  }

  /// Begins to wait for an event.
  func start(_ interest: Interest) { watch(interest)?.start() }

  /// Ends to wait for an event, until the next `start`.
  func cancel(_ interest: Interest) { watch(interest)?.cancel() }

  private func watch(_ interest: Interest) -> EventWatch? {
    switch interest {
    case .readable: reading
    case .writable: writing
    }
  }
}

/// A signal source calls its handler for each signal that the process receives, as long as the source exists.
final class SignalSource {
  private let watch: EventWatch

  /// Begins to wait for the signal with this number.
  init(_ number: Int32, on loop: EventLoop, handler: @escaping () -> Void) {
    watch = EventWatch(number, EV_SIGNAL, on: loop, handler: handler)
    watch.start()
  }
}
