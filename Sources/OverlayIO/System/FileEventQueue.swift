import Glibc

/// A queue of what happens to files (inotify(7)). Where this process gave its rights up the broker makes it, and keeps
/// it, too: so it lets the queue hear of what this process may not look at, and needs to take no descriptor from
/// anybody for that.
struct FileEventQueue: ~Copyable {
  /// The queue, readable when something happened.
  let file: FileDescriptor
  // What the broker calls it; `nil` for one that it knows nothing of.
  private let number: Int32?

  /// Takes over a queue, which the broker calls by this number.
  init(owning file: consuming FileDescriptor, number: Int32?) {
    self.file = file
    self.number = number
  }

  deinit {
    if let number { SystemCall.broker?.endFileEvents(number) }
  }

  /// Makes a queue.
  static func make() throws(SystemError) -> FileEventQueue {
    if let broker = SystemCall.broker { return try broker.fileEvents() }
    return FileEventQueue(owning: try SystemCall.fileEvents(), number: nil)
  }

  /// Lets it tell of these events (`IN_…`) of what stands at `path`; the number of that watch.
  func watch(_ path: String, _ mask: UInt32) throws(SystemError) -> Int32 {
    do throws(SystemError) {
      return try SystemCall.watch(path, mask, in: file.number)
    } catch {
      guard let number else { throw error }
      return try SystemCall.ask(after: error) { broker throws(SystemError) in
        try broker.watch(path, mask, in: number)
      }
    }
  }

  /// Lets it tell no more of a watch; EINVAL where the kernel has dropped it already.
  func end(_ watch: Int32) throws(SystemError) { try SystemCall.endWatch(watch, in: file.number) }
}
