import CLibevent

/// A file that the loop can wait for.
protocol Pollable: ~Copyable {
  /// The number that the file has for as long as it is open.
  var descriptor: Int32 { get }
}

extension FileDescriptor: Pollable {
  /// The number itself.
  var descriptor: Int32 { number }
}

/// An open file, what the loop waits for on it, and what is done when that happens. The file is closed with its source
/// and never before: so libevent never watches a number that means another file.
final class EventSource<File: Pollable & ~Copyable> {
  /// What is waited for.
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

  /// A source that takes over the file and waits for nothing before `start`.
  init(_ file: consuming File, on loop: EventLoop) {
    self.file = file
    self.loop = loop
  }

  deinit {
    // Before the file is closed.
    reading = nil
    writing = nil
  }

  /// Sets what is done each time that this happens, in place of what was to be done before; it is waited for from the
  /// next `start` on. The handler may drop the source.
  func handle(_ interest: Interest, by handler: @escaping () -> Void) {
    switch interest {
    case .readable: reading = EventWatch(file.descriptor, EV_READ, on: loop, handler: handler)
    case .writable: writing = EventWatch(file.descriptor, EV_WRITE, on: loop, handler: handler)
    }
  }

  /// Waits for this from now on.
  func start(_ interest: Interest) { watch(interest)?.start() }

  /// Waits for this no more, until it is started again.
  func cancel(_ interest: Interest) { watch(interest)?.cancel() }

  private func watch(_ interest: Interest) -> EventWatch? {
    switch interest {
    case .readable: reading
    case .writable: writing
    }
  }
}

/// A signal that the process receives, and what is done each time: from the beginning of the source to its end.
final class SignalSource {
  private let watch: EventWatch

  /// Waits for the signal with this number.
  init(_ number: Int32, on loop: EventLoop, handler: @escaping () -> Void) {
    watch = EventWatch(number, EV_SIGNAL, on: loop, handler: handler)
    watch.start()
  }
}
