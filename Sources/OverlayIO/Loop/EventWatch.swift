import CLibevent

/// An event of libevent, and its handler.
final class EventWatch {
  // Kept, because libevent must not outlive it.
  private let loop: EventLoop
  private let handler: () -> Void
  private var event: OpaquePointer?
  // Whether it has to begin, and could not.
  private var isLate = false

  /// Makes a watch of a descriptor or a signal, for events of these kinds (`EV_…`), again and again. It waits for
  /// nothing before `start`.
  init(_ number: Int32, _ kinds: Int32, on loop: EventLoop, handler: @escaping () -> Void) {
    self.loop = loop
    self.handler = handler
    event = event_new(
      loop.base, number, Int16(kinds | EV_PERSIST),
      { _, _, context in
        guard let context else { return }
        // The handler is kept while it runs, and its watch is not: libevent counts who waits for a descriptor, and a
        // watch that its handler drops must be gone before the number means another file.
        let handler = Unmanaged<EventWatch>.fromOpaque(context).takeUnretainedValue().handler
        handler()
      }, Unmanaged.passUnretained(self).toOpaque())
  }

  deinit {
    // After this libevent does not call the watch any more, not even for an event that it has noticed.
    if let event { event_free(event) }
  }

  /// Begins to wait. Where the kernel has no memory for that, it begins as soon as there is some.
  func start() {
    guard let event else { return }
    do throws(SystemError) {
      try SystemCall.beginToWait { event_add(event, nil) }
      isLate = false
    } catch {
      if !isLate { loop.startLater(self) }
      isLate = true
    }
  }

  /// Begins to wait if it has to and could not.
  func startLate() {
    guard isLate else { return }
    isLate = false
    start()
  }

  /// Ends to wait, until the next `start`.
  func cancel() {
    isLate = false
    if let event { event_del(event) }
  }
}
