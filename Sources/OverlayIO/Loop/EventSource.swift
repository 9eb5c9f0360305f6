import CLibevent

/// Something that the loop waits for, and what is done when it happens. It is waited for until `cancel` or the
/// end of its owner's interest: the source must live as long as it is wanted, and no longer than its loop.
public final class EventSource {
  /// What is waited for.
  public enum Interest {
    /// The descriptor has something to read, again and again.
    case readable(Int32)
    /// The descriptor takes bytes, again and again.
    case writable(Int32)
    /// The process receives this signal, again and again.
    case signal(Int32)
  }

  // Kept, so that it is there for as long as it knows the event.
  private let loop: EventLoop
  private let handler: () -> Void
  private var event: OpaquePointer?

  /// A source that waits for nothing before `start`.
  public init(_ interest: Interest, on loop: EventLoop, handler: @escaping () -> Void) {
    self.loop = loop
    self.handler = handler
    let (number, kinds): (Int32, Int32) =
      switch interest {
      case .readable(let descriptor): (descriptor, EV_READ | EV_PERSIST)
      case .writable(let descriptor): (descriptor, EV_WRITE | EV_PERSIST)
      case .signal(let signal): (signal, EV_SIGNAL | EV_PERSIST)
      }
    event = event_new(
      loop.base, number, Int16(kinds),
      { _, _, context in
        guard let context else { return }
        // The handler is kept while it runs, and not its source: libevent counts who waits for a descriptor, and one that
        // its handler drops must be gone before the number means another file.
        let handler = Unmanaged<EventSource>.fromOpaque(context).takeUnretainedValue().handler
        handler()
      }, Unmanaged.passUnretained(self).toOpaque())
  }

  deinit {
    // libevent knows the source no more after this, not even for an event that it has already noticed.
    if let event { event_free(event) }
  }

  /// Waits from now on.
  public func start() {
    if let event { event_add(event, nil) }
  }

  /// Waits no more, until it is started again.
  public func cancel() {
    if let event { event_del(event) }
  }
}
