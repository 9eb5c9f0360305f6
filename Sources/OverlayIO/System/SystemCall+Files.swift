import CLinux
import Glibc

/// Files and directories.
extension SystemCall {
  /// Opens the file at `path` with `O_…` flags, and with `mode` where it is made.
  static func open(_ path: String, _ flags: Int32, mode: mode_t = 0) throws(SystemError) -> FileDescriptor {
    do throws(SystemError) {
      return try FileDescriptor("open \(path)") { Glibc.open(path, flags | O_CLOEXEC, mode) }
    } catch {
      return try ask(after: error) { broker throws(SystemError) in try broker.open(path, flags) }
    }
  }

  /// Opens the file of this name in a directory; `path` names it in an error.
  static func open(
    _ name: String, in directory: Int32, _ flags: Int32, mode: mode_t = 0, path: @autoclosure () -> String
  ) throws(SystemError) -> FileDescriptor {
    try FileDescriptor("open \(path())") { Glibc.openat(directory, name, flags | O_CLOEXEC, mode) }
  }

  /// One more number, not below `least`, for what an open descriptor stands for, which no other program inherits.
  static func duplicate(_ descriptor: Int32, from least: Int32 = 0) throws(SystemError) -> Int32 {
    try perform("fcntl F_DUPFD_CLOEXEC") { Glibc.fcntl(descriptor, F_DUPFD_CLOEXEC, least) }
  }

  /// Takes up to as many bytes as `buffer` has room for; 0 at the end, `nil` where none are there yet.
  static func read(
    _ descriptor: Int32, into buffer: UnsafeMutableRawBufferPointer, _ act: @autoclosure () -> String = "read"
  ) throws(SystemError) -> Int? {
    try attempt(act()) { Glibc.read(descriptor, buffer.baseAddress, buffer.count) }
  }

  /// As the one above, into what stands behind the first `start` bytes of the buffer.
  static func read(
    _ descriptor: Int32, into buffer: inout [UInt8], from start: Int = 0, _ act: @autoclosure () -> String = "read"
  ) throws(SystemError) -> Int? {
    try attempt(act()) {
      buffer.withUnsafeMutableBytes { bytes in
        Glibc.read(descriptor, bytes.baseAddress.map { $0 + start }, bytes.count - start)
      }
    }
  }

  /// Takes what stands behind the first `offset` bytes of a file, as much as `buffer` has room for; how many bytes that
  /// was.
  static func read(
    _ descriptor: Int32, into buffer: inout [UInt8], at offset: Int, _ act: @autoclosure () -> String
  ) throws(SystemError) -> Int {
    var count = 0
    while count < buffer.count {
      let more = try perform(act()) {
        buffer.withUnsafeMutableBytes { bytes in
          Glibc.pread(
            descriptor, bytes.baseAddress.map { $0 + count }, bytes.count - count, off_t(offset + count))
        }
      }
      if more == 0 { break }
      count += more
    }
    return count
  }

  /// Hands over some of the bytes; how many were taken, `nil` where none can be now.
  static func write(
    _ descriptor: Int32, _ bytes: UnsafeRawBufferPointer, _ act: @autoclosure () -> String = "write"
  ) throws(SystemError) -> Int? {
    try attempt(act()) { Glibc.write(descriptor, bytes.baseAddress, bytes.count) }
  }

  /// As the one above.
  static func write(
    _ descriptor: Int32, _ bytes: ArraySlice<UInt8>, _ act: @autoclosure () -> String = "write"
  ) throws(SystemError) -> Int? {
    try attempt(act()) { bytes.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) } }
  }

  /// Hands over all of the bytes, in as many calls as it takes; EAGAIN where the descriptor would have to wait.
  public static func writeAll(
    _ descriptor: Int32, _ bytes: [UInt8], _ act: @autoclosure () -> String = "write"
  ) throws(SystemError) {
    var rest = bytes[...]
    while !rest.isEmpty {
      guard let count = try write(descriptor, rest, act()) else { throw SystemError(call: act(), number: EAGAIN) }
      rest = rest.dropFirst(count)
    }
  }

  /// Hands over the runs of bytes that `vectors` lists, in order; how many bytes were taken, `nil` where none can be
  /// now.
  static func write(
    _ descriptor: Int32, _ vectors: UnsafeBufferPointer<iovec>, _ act: @autoclosure () -> String = "writev"
  ) throws(SystemError) -> Int? {
    try attempt(act()) { Glibc.writev(descriptor, vectors.baseAddress, Int32(vectors.count)) }
  }

  /// What a descriptor stands for.
  static func status(_ descriptor: Int32) throws(SystemError) -> stat {
    var status = stat()
    try perform("fstat") { Glibc.fstat(descriptor, &status) }
    return status
  }

  /// Gives a file to somebody; `path` names it in an error.
  static func give(
    _ descriptor: Int32, to user: uid_t, _ group: gid_t, path: @autoclosure () -> String
  ) throws(SystemError) {
    try perform("fchown \(path())") { Glibc.fchown(descriptor, user, group) }
  }

  /// Whether a descriptor that belongs to somebody else is open, and for writing.
  static func isWritable(_ descriptor: Int32) -> Bool {
    let flags = Glibc.fcntl(descriptor, F_GETFL)
    return flags != -1 && flags & O_ACCMODE != O_RDONLY
  }

  /// Whether a descriptor that belongs to somebody else is open.
  public static func isOpen(_ descriptor: Int32) -> Bool {
    // It fails for what is not open alone, which is no bug here.
    Glibc.fcntl(descriptor, F_GETFD) != -1
  }

  /// Fails where nothing stands at `path`, or not for this user to see.
  static func find(_ path: String) throws(SystemError) {
    do throws(SystemError) {
      try perform("access \(path)") { Glibc.access(path, F_OK) }
    } catch {
      _ = try ask(after: error) { broker throws(SystemError) in try broker.open(path, placeFlag) }
    }
  }

  /// Whether something stands at `path`, as far as this user sees.
  static func exists(_ path: String) -> Bool { (try? find(path)) != nil }

  /// Whether there is a socket at `path` to which whoever asks may connect.
  static func mayConnect(toPath path: String) -> Bool {
    let status = try? look(at: path)
    return status.map { $0.st_mode & S_IFMT == S_IFSOCK } == true && Glibc.access(path, W_OK) == 0
  }

  /// The names in the directory at `path`, in any order. More than `limit` are EFBIG.
  static func names(in path: String, limit: Int) throws(SystemError) -> [String] {
    let file = try open(path, O_RDONLY | O_DIRECTORY)
    return try names(in: file.number, path: path, limit: limit)
  }

  /// The same of an open directory, of which they are read once; `path` names it in an error.
  static func names(in directory: Int32, path: String, limit: Int) throws(SystemError) -> [String] {
    let descriptor = try duplicate(directory)
    // It owns that descriptor from here on.
    guard let directory = Glibc.fdopendir(descriptor) else {
      close(descriptor)
      throw SystemError(call: "read \(path)", number: ENOMEM)
    }
    defer { Glibc.closedir(directory) }
    var names: [String] = []
    while true {
      errno = 0
      guard let entry = Glibc.readdir(directory) else {
        if errno != 0 { throw SystemError(call: "read \(path)", number: errno) }
        return names
      }
      guard names.count < limit else { throw SystemError(call: "read \(path)", number: EFBIG) }
      let name = withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
        String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
      }
      if name != ".", name != ".." { names.append(name) }
    }
  }

  /// The user whose rights the process has.
  public static var user: uid_t { Glibc.geteuid() }

  /// Makes a directory, unless something stands there. It returns whether it did.
  @discardableResult
  static func makeDirectory(_ path: String, mode: mode_t) throws(SystemError) -> Bool {
    do throws(SystemError) {
      try perform("mkdir \(path)") { Glibc.mkdir(path, mode) }
      return true
    } catch {
      if error.number == EEXIST { return false }
      _ = try ask(after: error) { broker throws(SystemError) in try broker.open(path, O_RDONLY | O_DIRECTORY) }
      return false
    }
  }

  /// Makes the directory of this name in another; `path` names it in an error.
  static func makeDirectory(
    _ name: String, in directory: Int32, mode: mode_t, path: @autoclosure () -> String
  ) throws(SystemError) {
    try perform("mkdir \(path())") { Glibc.mkdirat(directory, name, mode) }
  }

  /// Removes the file of this name from a directory; `path` names it in an error.
  static func remove(
    _ name: String, from directory: Int32, path: @autoclosure () -> String
  ) throws(SystemError) {
    try perform("unlink \(path())") { Glibc.unlinkat(directory, name, 0) }
  }

  /// Gives a file of a directory another name there, in place of what has that; `path` names it in an error.
  static func rename(
    _ name: String, to new: String, in directory: Int32, path: @autoclosure () -> String
  ) throws(SystemError) {
    try perform("rename \(path())") { Glibc.renameat(directory, name, directory, new) }
  }

  /// Gives a file to another group; `path` names it in an error.
  static func setGroup(of descriptor: Int32, _ group: gid_t, path: @autoclosure () -> String) throws(SystemError) {
    try perform("chown \(path())") { Glibc.fchown(descriptor, uid_t.max, group) }
  }

  /// Sets who may read and write a file; `path` names it in an error.
  static func setMode(of descriptor: Int32, _ mode: mode_t, path: @autoclosure () -> String) throws(SystemError) {
    try perform("chmod \(path())") { Glibc.fchmod(descriptor, mode) }
  }

  /// What stands at `path`, where links lead to.
  static func status(at path: String) throws(SystemError) -> stat {
    var found = stat()
    do throws(SystemError) {
      try perform("stat \(path)") { fstatat(AT_FDCWD, path, &found, 0) }
      return found
    } catch {
      let place = try ask(after: error) { broker throws(SystemError) in try broker.open(path, placeFlag) }
      return try status(place.number)
    }
  }

  /// Waits until what was written stands on the disk; `path` names the file in an error.
  static func synchronize(_ descriptor: Int32, path: @autoclosure () -> String) throws(SystemError) {
    try perform("fsync \(path())") { Glibc.fsync(descriptor) }
  }
}
