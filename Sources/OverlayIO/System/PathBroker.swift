/// Who does for this process what concerns paths and what it may not do itself: another process, which decides by its
/// own rules whether that is allowed.
protocol PathBroker: AnyObject, Sendable {
  /// Opens what stands at `path`, as these `O_…` flags say. Throws EACCES where that is not allowed.
  func open(_ path: String, _ flags: Int32) throws(SystemError) -> FileDescriptor
  /// Makes a queue of inotify(7), which it keeps, too.
  func fileEvents() throws(SystemError) -> FileEventQueue
  /// Keeps the queue that it calls by this number no longer.
  func endFileEvents(_ number: Int32)
  /// Lets the queue that it calls by this number tell of these events of what stands at `path`; the number of that
  /// watch.
  func watch(_ path: String, _ mask: UInt32, in queue: Int32) throws(SystemError) -> Int32
  /// A socket that does not wait and is connected to the UNIX socket at `path`.
  func connect(toPath path: String) throws(SystemError) -> FileDescriptor
  /// Makes a file that is to take the place of a kept one at `path`, and opens it to be written.
  func draft(of path: String) throws(SystemError) -> FileDescriptor
  /// Lets what was written to the draft take the place of the file at `path`.
  func finish(_ path: String) throws(SystemError)
  /// Removes the draft of the file at `path`, which is not to take its place.
  func discard(_ path: String) throws(SystemError)
  /// Removes the socket, or the kept file, at `path`.
  func remove(_ path: String) throws(SystemError)
}

extension SystemCall {
  /// Whoever is asked where a call that concerns a path is refused; `nil`, as everywhere but in a daemon that gave up
  /// its rights, for nobody.
  ///
  /// `nonisolated(unsafe)`: the main thread sets it before there is another thread, and takes it away when there is
  /// none any more.
  nonisolated(unsafe) static private(set) var broker: (any PathBroker)?

  /// Has a broker asked from now on, or nobody.
  static func use(_ broker: (any PathBroker)?) { self.broker = broker }

  /// Has the broker do what was refused with `error`; throws that where there is none, or it is another one.
  static func ask<Result: ~Copyable>(
    after error: SystemError, _ body: (any PathBroker) throws(SystemError) -> Result
  ) throws(SystemError) -> Result {
    guard error.isDenied, let broker else { throw error }
    return try body(broker)
  }
}
