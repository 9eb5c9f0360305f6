import CLibevent

/// What libevent knows of one thing that is waited for, and what is done when it happens.
final class EventWatch {
  // Kept, so that it is there for as long as it knows the event.
  private let loop: EventLoop
  private let handler: () -> Void
  private var event: OpaquePointer?

  /// A watch of a descriptor or a signal, for events of these kinds (`EV_…`), again and again; it waits for nothing
  /// before `start`.
  init(_ number: Int32, _ kinds: Int32, on loop: EventLoop, handler: @escaping () -> Void) {
    self.loop = loop
    self.handler = handler
    event = event_new(
      loop.base, number, Int16(kinds | EV_PERSIST),
      { _, _, context in
        guard let context else { return }
        // The handler is kept while it runs, and not its watch: libevent counts who waits for a descriptor, and one
        // that its handler drops must be gone before the number means another file.
        let handler = Unmanaged<EventWatch>.fromOpaque(context).takeUnretainedValue().handler
        handler()
      }, Unmanaged.passUnretained(self).toOpaque())
  }

  deinit {
    // libevent knows the watch no more after this, not even for an event that it has already noticed.
    if let event { event_free(event) }
  }

  /// Waits from now on.
  func start() {
    if let event { event_add(event, nil) }
  }

  /// Waits no more, until it is started again.
  func cancel() {
    if let event { event_del(event) }
  }
}
