import OverlayCore

/// Calls its owner whenever a file may have changed, whether or not it exists yet.
///
/// Where this host lacks memory or descriptors for a moment, the owner is called again once it may have them: a change
/// that was not seen, or a file that could not be read, is not left until the next change.
final class FileChanges {
  /// The time until what did not work is tried again.
  private static let pause = Duration.seconds(1)

  private let path: String
  private let log: Log
  private let handler: () -> Void
  private let source: EventSource<FileWatcher>
  private var timer: TimerSource?
  // Whether changes are not seen at the moment.
  private var isBlind = false

  /// Tells `handler` of every change of the file at `path`.
  init(of path: String, on loop: EventLoop, log: Log, handler: @escaping () -> Void) throws(SystemError) {
    (self.path, self.log, self.handler) = (path, log, handler)
    source = EventSource(try FileWatcher(path: path), on: loop)
    timer = try TimerSource(on: loop) { [unowned self] in tryAgain() }
    source.handle(.readable) { [unowned self] in drain() }
    source.start(.readable)
  }

  /// Calls the handler in a second, whether or not the file changes.
  func repeatLater() { timer?.start(after: FileChanges.pause) }

  private func drain() {
    do throws(SystemError) {
      if try source.file.drain() { handler() }
    } catch {
      if !isBlind { log.warning("changes of \(path) are not seen for now: \(error)") }
      isBlind = true
      source.cancel(.readable)
      repeatLater()
    }
  }

  private func tryAgain() {
    if isBlind {
      do throws(SystemError) { try source.file.renew() } catch { return repeatLater() }
      isBlind = false
      log.notice("changes of \(path) are seen again")
      source.start(.readable)
    }
    handler()
  }
}
