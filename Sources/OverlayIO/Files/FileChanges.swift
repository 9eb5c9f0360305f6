/// Calls its owner whenever a file may have changed, whether or not it exists yet.
final class FileChanges {
  private let watcher: FileWatcher
  private var source: EventSource?

  /// Tells `handler` of every change of the file at `path`.
  init(of path: String, on loop: EventLoop, log: Log, handler: @escaping () -> Void) throws(SystemError) {
    watcher = try FileWatcher(path: path)
    source = EventSource(.readable(watcher.descriptor), on: loop) { [unowned self] in
      do throws(SystemError) {
        if try watcher.drain() { handler() }
      } catch {
        log.warning("changes of \(path) are not seen any more: \(error)")
        source?.cancel()
      }
    }
    source?.start()
  }

  deinit {
    // Before the descriptor is closed: libevent must not watch a number that means another file.
    source = nil
  }
}
