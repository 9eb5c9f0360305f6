import Glibc
import SystemProbes
import Testing

@testable import OverlayIO

@Suite("File watcher")
struct FileWatcherTests {
  let directory: TemporaryDirectory

  init() throws { directory = try TemporaryDirectory() }

  /// Whether the event loop would be woken. inotify queues its events before the call that made them returns.
  func isReadable(_ watcher: FileWatcher) -> Bool {
    var request = pollfd(fd: watcher.descriptor, events: Int16(POLLIN), revents: 0)
    return poll(&request, 1, 0) == 1
  }

  @Test("nothing happened, nothing is told")
  func quiet() throws {
    try directory.write("file", "x")
    let watcher = try FileWatcher(path: directory.file("file"))
    #expect(!isReadable(watcher))
    #expect(try !watcher.drain())
  }

  @Test("a file that appears, changes, and goes is told each time")
  func life() throws {
    let watcher = try FileWatcher(path: directory.file("file"))
    try directory.write("file", "one")
    #expect(isReadable(watcher))
    #expect(try watcher.drain())
    #expect(try !watcher.drain())
    try directory.write("file", "two")
    #expect(try watcher.drain())
    unlink(directory.file("file"))
    #expect(try watcher.drain())
    try directory.write("file", "three")
    #expect(try watcher.drain())
    #expect(try !watcher.drain())
  }

  @Test("a file that is replaced by rename is told, and its successor is watched")
  func replaced() throws {
    try directory.write("file", "one")
    let watcher = try FileWatcher(path: directory.file("file"))
    for text in ["two", "three", "four"] {
      try directory.write("new", text)
      rename(directory.file("new"), directory.file("file"))
      #expect(try watcher.drain())
      try directory.write("file", text + " again")
      #expect(try watcher.drain())
    }
    #expect(!isReadable(watcher))
  }

  @Test("other files in the directory are no change")
  func others() throws {
    try directory.write("file", "x")
    let watcher = try FileWatcher(path: directory.file("file"))
    try directory.write("file2", "x")
    try directory.write("fil", "x")
    unlink(directory.file("fil"))
    #expect(try !watcher.drain())
    try directory.write("file", "y")
    #expect(try watcher.drain())
  }

  @Test("directories that appear one after the other are followed down to the file")
  func descending() throws {
    let watcher = try FileWatcher(path: directory.file("a/b/c/file"))
    for name in ["a", "a/b", "a/b/c"] {
      mkdir(directory.file(name), 0o700)
      #expect(isReadable(watcher))
      _ = try watcher.drain()
    }
    #expect(try !watcher.drain())
    try directory.write("a/b/c/file", "x")
    #expect(try watcher.drain())
  }

  @Test("directories and file that appear before anybody looks are found at once")
  func allAtOnce() throws {
    let watcher = try FileWatcher(path: directory.file("a/b/file"))
    mkdir(directory.file("a"), 0o700)
    mkdir(directory.file("a/b"), 0o700)
    try directory.write("a/b/file", "x")
    #expect(try watcher.drain())
    try directory.write("a/b/file", "y")
    #expect(try watcher.drain())
  }

  @Test("a directory that is removed or moved away with the file is told, and its successor is found")
  func removedDirectory() throws {
    mkdir(directory.file("a"), 0o700)
    try directory.write("a/file", "x")
    let watcher = try FileWatcher(path: directory.file("a/file"))
    rename(directory.file("a"), directory.file("old"))
    #expect(try watcher.drain())
    try directory.write("old/file", "y")
    #expect(try !watcher.drain())
    mkdir(directory.file("a"), 0o700)
    _ = try watcher.drain()
    try directory.write("a/file", "z")
    #expect(try watcher.drain())
    unlink(directory.file("a/file"))
    rmdir(directory.file("a"))
    #expect(try watcher.drain())
    mkdir(directory.file("a"), 0o700)
    try directory.write("a/file", "again")
    #expect(try watcher.drain())
  }

  @Test("a change behind a symbolic link is told")
  func link() throws {
    mkdir(directory.file("far"), 0o700)
    try directory.write("far/file", "x")
    symlink("far/file", directory.file("file"))
    let watcher = try FileWatcher(path: directory.file("file"))
    try directory.write("far/file", "y")
    #expect(try watcher.drain())
    try directory.write("far/new", "z")
    rename(directory.file("far/new"), directory.file("far/file"))
    #expect(try watcher.drain())
    try directory.write("far/file", "again")
    #expect(try watcher.drain())
  }

  @Test("a half-written file is told when its writer closes it")
  func halfWritten() throws {
    try directory.write("file", "x")
    let watcher = try FileWatcher(path: directory.file("file"))
    do {
      let file = try FileDescriptor("open") { open(directory.file("file"), O_WRONLY) }
      let number = file.number
      try SystemCall.perform("write") { write(number, "half", 4) }
      #expect(try !watcher.drain())
    }
    #expect(try watcher.drain())
  }

  @Test("a new file is told once, when its writer closes it, and not half-written")
  func created() throws {
    let watcher = try FileWatcher(path: directory.file("file"))
    do {
      let file = try FileDescriptor("open") { open(directory.file("file"), O_WRONLY | O_CREAT, 0o600) }
      let number = file.number
      #expect(try !watcher.drain())
      try SystemCall.perform("write") { write(number, "half", 4) }
      #expect(try !watcher.drain())
    }
    #expect(try watcher.drain())
    #expect(try !watcher.drain())
  }

  @Test("a new name of a file that exists is told at once, since nobody writes to it")
  func linked() throws {
    try directory.write("other", "x")
    let watcher = try FileWatcher(path: directory.file("file"))
    #expect(Glibc.link(directory.file("other"), directory.file("file")) == 0)
    #expect(try watcher.drain())
    unlink(directory.file("file"))
    #expect(try watcher.drain())
    #expect(symlink(directory.file("other"), directory.file("file")) == 0)
    #expect(try watcher.drain())
  }

  @Test("a file in the working directory is watched too")
  func relative() throws {
    let watcher = try FileWatcher(path: "oncilla-no-such-file")
    #expect(try !watcher.drain())
  }

  @Test("an event that claims more bytes than were read is left out")
  func truncated() {
    var event: [UInt8] = [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 16, 0, 0, 0]
    #expect(FileWatcher.events(in: event[...]).isEmpty)
    event += Array("file".utf8) + [UInt8](repeating: 0, count: 12)
    #expect(FileWatcher.events(in: event[...]) == [.init(watch: 1, mask: 0x100, name: Array("file".utf8))])
    #expect(FileWatcher.events(in: event.dropLast()).isEmpty)
    #expect(FileWatcher.events(in: event[..<15]).isEmpty)
  }
}
