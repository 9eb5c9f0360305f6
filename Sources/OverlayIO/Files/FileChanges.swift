/// Calls its owner whenever a file may have changed, whether or not it exists yet.
final class FileChanges {
  private let source: EventSource<FileWatcher>

  /// Tells `handler` of every change of the file at `path`.
  init(of path: String, on loop: EventLoop, log: Log, handler: @escaping () -> Void) throws(SystemError) {
    source = EventSource(try FileWatcher(path: path), on: loop)
    source.handle(.readable) { [unowned self] in
      do throws(SystemError) {
        if try source.file.drain() { handler() }
      } catch {
        log.warning("changes of \(path) are not seen any more: \(error)")
        source.cancel(.readable)
      }
    }
    source.start(.readable)
  }
}
