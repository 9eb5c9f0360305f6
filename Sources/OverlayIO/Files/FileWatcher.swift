import Glibc

/// Tells when a file that may not exist yet appears, changes or is replaced, its directories included (inotify(7)).
///
/// Two places are watched: the file itself, which finds changes behind a symbolic link, and the nearest directory
/// above it that exists, for the next name on the way down. A change counts when the writer closes the file, so that
/// a half-written one is not read.
final class FileWatcher: Pollable {
  private let queue: FileEventQueue
  /// The directories on the way to the file, the outermost first.
  private let directories: [String]
  /// The names that are looked for in each of `directories`.
  private let names: [[UInt8]]
  private let path: String
  private var depth = 0
  private var directoryWatch: Int32 = -1
  private var fileWatch: Int32 = -1

  /// Starts to watch `path`, whose file and directories need not exist. An error where the kernel has no inotify
  /// watch left.
  init(path: String) throws(SystemError) {
    self.path = path
    (directories, names) = FileWatcher.way(to: path)
    queue = try FileEventQueue.make()
    try arm()
  }

  /// Readable when `drain` has something to do.
  public var descriptor: Int32 { queue.file.number }

  /// Takes what the kernel told, without waiting. True if the file may have appeared, changed or gone: read it again.
  func drain() throws(SystemError) -> Bool {
    var hasChanged = false
    var isStale = false
    var isCreated = false
    var buffer = [UInt8](repeating: 0, count: 4096)
    // Bounded, so that a busy directory cannot hold up the loop: what is left makes the descriptor readable again.
    for _ in 0..<16 {
      guard let count = try SystemCall.read(queue.file.number, into: &buffer, "read inotify") else { break }
      for event in FileWatcher.events(in: buffer.prefix(count)) {
        let isLoss = event.mask & FileWatcher.losses != 0
        if event.mask & UInt32(IN_Q_OVERFLOW) != 0 {
          hasChanged = true
          isStale = true
        } else if event.watch == fileWatch {
          hasChanged = true
          isStale = isStale || isLoss || event.mask & UInt32(IN_ATTRIB) != 0
        } else if event.watch == directoryWatch, isLoss || event.name == names[depth] {
          let isFile = depth == directories.count - 1
          if isFile, event.mask & UInt32(IN_CREATE) != 0, isBeingWritten {
            isCreated = true
          } else {
            hasChanged = hasChanged || isLoss || isFile
          }
          isStale = true
        }
      }
    }
    if isStale {
      let before = (depth, fileWatch)
      try arm()
      hasChanged = hasChanged || (before != (depth, fileWatch) && !isCreated)
    }
    return hasChanged
  }

  /// Watches what stands there now, as at the start. The file may have changed since.
  func renew() throws(SystemError) { try arm() }

  /// Whether what was created at `path` will be told again, when its writer closes it: a file that has no other name. A
  /// link, symbolic or not, is there at once.
  private var isBeingWritten: Bool {
    guard let found = try? SystemCall.look(at: path) else { return false }
    return found.st_mode & S_IFMT == S_IFREG && found.st_nlink == 1
  }

  /// Watches the innermost directory there is, and the file. Each directory is watched before the next is looked
  /// for: one that appears meanwhile is found by the look or told by the watch.
  private func arm() throws(SystemError) {
    var found: (depth: Int, watch: Int32)?
    var next = directories.count - 1
    while next < directories.count {
      if let watch = try add(directories[next], FileWatcher.directoryMask) {
        if let found, found.watch != watch { remove(found.watch) }
        found = (next, watch)
        next += 1
      } else if found != nil || next == 0 {
        break
      } else {
        next -= 1
      }
    }
    if directoryWatch != found?.watch { remove(directoryWatch) }
    (depth, directoryWatch) = found ?? (0, -1)

    let watch = try add(path, FileWatcher.fileMask) ?? -1
    if fileWatch != watch { remove(fileWatch) }
    fileWatch = watch
  }

  /// The watch of what is at `path`; `nil` where nothing is, or nothing that may be read.
  private func add(_ path: String, _ mask: UInt32) throws(SystemError) -> Int32? {
    do {
      return try queue.watch(path, mask)
    } catch {
      if [ENOENT, ENOTDIR, EACCES, ELOOP].contains(error.number) { return nil }
      throw error
    }
  }

  private func remove(_ watch: Int32) {
    // The kernel has already dropped the watch of what was deleted.
    if watch >= 0 { try? queue.end(watch) }
  }

  private static let directoryMask = UInt32(
    IN_CREATE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_CLOSE_WRITE | IN_ONLYDIR | IN_DELETE_SELF | IN_MOVE_SELF)
  private static let fileMask = UInt32(IN_CLOSE_WRITE | IN_ATTRIB | IN_DELETE_SELF | IN_MOVE_SELF)
  /// All sets of events that are ever watched: that somebody reads a file, or opens it, is not among them.
  static let masks = [directoryMask, fileMask]
  private static let losses = UInt32(IN_DELETE_SELF | IN_MOVE_SELF | IN_IGNORED | IN_UNMOUNT)

  private static func way(to path: String) -> (directories: [String], names: [[UInt8]]) {
    var directory = path.hasPrefix("/") ? "/" : "."
    var directories: [String] = []
    var names: [[UInt8]] = []
    for name in path.split(separator: "/") {
      directories.append(directory)
      names.append(Array(name.utf8))
      directory += directory.hasSuffix("/") ? name : "/" + name
    }
    return directories.isEmpty ? (["/"], [[]]) : (directories, names)
  }
}
