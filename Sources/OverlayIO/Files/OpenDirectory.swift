import Glibc

/// A directory that is open: what is done in it is done there, whatever its path leads to meanwhile.
struct OpenDirectory: ~Copyable {
  /// Who may read a file.
  enum Readers {
    /// Its owner alone.
    case owner
    /// The group of its directory, too.
    case group
    /// Everybody.
    case everybody
    /// Whoever could read the file before, to whom it belongs as before: it is there.
    case asBefore
  }

  private let file: FileDescriptor
  private let path: String

  /// Opens the directory at `path`, which errors name, and where that is a link what it leads to if `follows` says so.
  init(_ path: String, follows: Bool = true) throws(SystemError) {
    file = try SystemCall.open(path, O_RDONLY | O_DIRECTORY | (follows ? 0 : O_NOFOLLOW))
    self.path = path
  }

  /// Takes a directory that is open, and was at this path, which errors name.
  init(_ file: consuming FileDescriptor, at path: String) {
    self.file = file
    self.path = path
  }

  /// To whom it belongs.
  var owner: uid_t { get throws(SystemError) { try SystemCall.status(file.number).st_uid } }

  /// Sets who may use it.
  func setMode(_ mode: mode_t) throws(SystemError) { try SystemCall.setMode(of: file.number, mode, path: path) }

  /// Gives it to the user and group of another directory.
  func give(toOwnerOf other: borrowing OpenDirectory) throws(SystemError) {
    let owner = try SystemCall.status(other.file.number)
    try SystemCall.give(file.number, to: owner.st_uid, owner.st_gid, path: path)
  }

  /// The content of the file of this name, at most `limit` bytes; a longer one is EFBIG.
  func read(_ name: String, limit: Int) throws(SystemError) -> [UInt8] {
    let path = "\(path)/\(name)"
    let file = try SystemCall.open(name, in: self.file.number, O_RDONLY | O_NONBLOCK | O_NOCTTY, path: path)
    return try content(of: file, path: path, limit: limit)
  }

  /// The same; `nil` if there is no such file.
  func readIfThere(_ name: String, limit: Int) throws(SystemError) -> [UInt8]? {
    do throws(SystemError) {
      return try read(name, limit: limit)
    } catch {
      if error.number == ENOENT { return nil }
      throw error
    }
  }

  /// What stands under a name that is not followed where it is a link.
  enum Plain {
    case content([UInt8])
    case nothing, link, noFile
  }

  /// The content of the regular file of this name, at most `limit` bytes; a longer one is EFBIG.
  func readPlain(_ name: String, limit: Int) throws(SystemError) -> Plain {
    let path = "\(path)/\(name)"
    do throws(SystemError) {
      let flags = O_RDONLY | O_NONBLOCK | O_NOCTTY | O_NOFOLLOW
      let file = try SystemCall.open(name, in: self.file.number, flags, path: path)
      guard try SystemCall.status(file.number).st_mode & S_IFMT == S_IFREG else { return .noFile }
      return .content(try content(of: file, path: path, limit: limit))
    } catch {
      switch error.number {
      case ENOENT: return .nothing
      case ELOOP: return .link
      case ENXIO: return .noFile
      default: throw error
      }
    }
  }

  /// Writes a new file of this name, for its owner alone, who is that of the directory.
  func create(_ name: String, with bytes: [UInt8]) throws(SystemError) {
    let path = "\(path)/\(name)"
    let flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW
    let file = try SystemCall.open(name, in: self.file.number, flags, mode: 0o600, path: path)
    let owner = try SystemCall.status(self.file.number)
    if try SystemCall.status(file.number).st_uid != owner.st_uid {
      try SystemCall.give(file.number, to: owner.st_uid, owner.st_gid, path: path)
    }
    try SystemCall.writeAll(file.number, bytes, "write \(path)")
    try SystemCall.synchronize(file.number, path: path)
  }

  /// Returns whether something has this name here, as far as that can be seen.
  func has(_ name: String) -> Bool {
    (try? SystemCall.open(name, in: file.number, SystemCall.placeFlag | O_NOFOLLOW, path: "\(path)/\(name)")) != nil
  }

  /// Removes the file of this name.
  func remove(_ name: String) throws(SystemError) {
    try SystemCall.remove(name, from: file.number, path: "\(path)/\(name)")
  }

  /// As the one below, with the bytes of a text.
  func replace(_ name: String, with text: String, for readers: Readers = .owner) throws(SystemError) {
    try replace(name, with: Array(text.utf8), for: readers)
  }

  /// Writes the file of this name, for these readers, under another name first: whatever happens meanwhile, the old
  /// one is there or the new one. That name is `draft`; `nil` for the usual one, with `.new` at its end.
  func replace(
    _ name: String, with bytes: [UInt8], for readers: Readers = .owner, draft: String? = nil
  ) throws(SystemError) {
    let (directory, draft) = (file.number, draft ?? "\(name).new")
    let path = "\(path)/\(draft)"
    do throws(SystemError) {
      let file = try make(draft)
      let owner = try SystemCall.status(directory)
      // Whoever the directory belongs to reads it, such as a daemon that is not root when root writes.
      if readers != .asBefore { try? give(file.number, toOwner: owner, path: path) }
      try SystemCall.writeAll(file.number, bytes, "write \(path)")
      switch readers {
      case .owner: break
      case .group:
        // Who is not in that group gives it to a group of its own.
        // A directory of root's, as one that was made for an instance, is read by the daemon's group.
        let group = owner.st_gid == 0 ? UserFiles.group("oncilla")?.number ?? 0 : owner.st_gid
        try? SystemCall.setGroup(of: file.number, group, path: path)
        try SystemCall.setMode(of: file.number, 0o640, path: path)
      case .everybody: try SystemCall.setMode(of: file.number, 0o644, path: path)
      case .asBefore:
        let old = try SystemCall.open(
          name, in: directory, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_NOFOLLOW, path: "\(self.path)/\(name)")
        let before = try SystemCall.status(old.number)
        // A further name elsewhere would keep what is old, and who has it would not know.
        guard before.st_nlink == 1 else {
          throw SystemError(call: "replace \(self.path)/\(name), which has further names", number: EMLINK)
        }
        if before.st_uid != SystemCall.user || before.st_gid != SystemCall.group {
          try SystemCall.give(file.number, to: before.st_uid, before.st_gid, path: path)
        }
        try SystemCall.setMode(of: file.number, before.st_mode & 0o7777, path: path)
      }
      try SystemCall.synchronize(file.number, path: path)
      try SystemCall.rename(draft, to: name, in: directory, path: path)
    } catch {
      try? SystemCall.remove(draft, from: directory, path: path)
      throw error
    }
    try SystemCall.synchronize(directory, path: self.path)
  }

  // MARK: - In two steps

  /// Makes a file that is to take the place of the one of this name, for its owner alone, who is that of the directory.
  /// Whoever gets it writes it, and has it take that place by `finish`.
  func draft(of name: String) throws(SystemError) -> FileDescriptor {
    let file = try make("\(name).new")
    try? give(file.number, toOwner: try SystemCall.status(self.file.number), path: "\(path)/\(name).new")
    return file
  }

  /// Lets what was written to the draft take the place of the file of this name. Whoever wrote it has it stand on the
  /// disk, by fsync(2) before this and after. Throws ESTALE where another draft, of another inode, stands there
  /// meanwhile.
  func finish(_ name: String, ifDraftIs inode: ino_t) throws(SystemError) {
    let (directory, draft) = (file.number, "\(name).new")
    let path = "\(path)/\(draft)"
    guard try self.inode(of: draft) == inode else { throw SystemError(call: "rename \(path)", number: ESTALE) }
    try SystemCall.rename(draft, to: name, in: directory, path: path)
  }

  /// Removes the draft of the file of this name, unless another one, of another inode, stands there meanwhile.
  func discard(_ name: String, ifDraftIs inode: ino_t) throws(SystemError) {
    let draft = "\(name).new"
    if try self.inode(of: draft) == inode { try remove(draft) }
  }

  private func inode(of name: String) throws(SystemError) -> ino_t {
    let flags = SystemCall.placeFlag | O_NOFOLLOW
    let found = try SystemCall.open(name, in: file.number, flags, path: "\(path)/\(name)")
    return try SystemCall.status(found.number).st_ino
  }

  /// Makes a file for this user alone.
  private func make(_ name: String) throws(SystemError) -> FileDescriptor {
    let path = "\(path)/\(name)"
    // What a crash left behind may be a link, or belong to somebody else.
    try? SystemCall.remove(name, from: file.number, path: path)
    let flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW
    return try SystemCall.open(name, in: file.number, flags, mode: 0o600, path: path)
  }

  private func give(_ file: Int32, toOwner owner: stat, path: String) throws(SystemError) {
    guard try SystemCall.status(file).st_uid != owner.st_uid else { return }
    try SystemCall.give(file, to: owner.st_uid, owner.st_gid, path: path)
  }
}
