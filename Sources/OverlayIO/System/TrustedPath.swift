import Glibc

/// Opens paths for a process with more rights than some of those whose directories lie on the way. Whoever owns a
/// directory may put anything into it: a link, or a further name of a file that is not his. So the way is walked
/// directory by directory. From one that is neither root's nor this process's own it leads on only to what belongs to
/// the same user, or to what has one name and is root's or this process's own, which nobody else can have put there; a
/// link is followed only if it is root's or this process's own.
enum TrustedPath {
  // As many links as the kernel follows (path_resolution(7)).
  private static let mostLinks = 40

  /// A name in a directory that is open as a place; "." for the directory itself.
  struct Place: ~Copyable {
    let directory: FileDescriptor
    let name: String
  }

  /// Opens what stands at a path, as these `O_…` flags say. Throws EACCES where the way leads from one user's directory
  /// to what is another's. Directories of `user`, whom this process serves, are led to from everywhere.
  static func open(
    _ path: String, _ flags: Int32, mode: mode_t = 0, serving user: uid_t? = nil
  ) throws(SystemError) -> FileDescriptor {
    let place = try place(of: path, follows: flags & O_NOFOLLOW == 0, serving: user)
    let (directory, flags) = (place.directory.number, flags | O_NOFOLLOW)
    do throws(SystemError) {
      let file = try SystemCall.open(place.name, in: directory, flags & ~O_CREAT, path: path)
      let status = try SystemCall.status(file.number)
      guard leads(from: try SystemCall.status(directory), to: status, serving: user) else { throw strayed(path) }
      return file
    } catch {
      guard error.number == ENOENT, flags & O_CREAT != 0 else { throw error }
    }
    return try SystemCall.open(place.name, in: directory, flags | O_EXCL, mode: mode, path: path)
  }

  /// The place of what a path names, which is a link only if it is the last one and `follows` says that it stays one.
  static func place(of path: String, follows: Bool, serving user: uid_t? = nil) throws(SystemError) -> Place {
    let flags = O_DIRECTORY | SystemCall.placeFlag
    var directory = try SystemCall.open(path.hasPrefix("/") ? "/" : ".", in: AT_FDCWD, flags, path: path)
    var rest = names(of: path)
    var links = 0
    while let name = rest.popLast() {
      let next: FileDescriptor
      do throws(SystemError) {
        next = try SystemCall.open(name, in: directory.number, SystemCall.placeFlag | O_NOFOLLOW, path: path)
      } catch {
        guard error.number == ENOENT, rest.isEmpty else { throw error }
        return Place(directory: directory, name: name)
      }
      let status = try SystemCall.status(next.number)
      if status.st_mode & S_IFMT == S_IFLNK {
        if rest.isEmpty && !follows { return Place(directory: directory, name: name) }
        guard isTrusted(status.st_uid), status.st_nlink == 1 else { throw strayed(path) }
        links += 1
        guard links <= mostLinks else { throw SystemError(call: "open \(path)", number: ELOOP) }
        let target = try SystemCall.target(of: "", in: next.number, path: path)
        if target.hasPrefix("/") { directory = try SystemCall.open("/", in: AT_FDCWD, flags, path: path) }
        rest += names(of: target)
        continue
      }
      guard leads(from: try SystemCall.status(directory.number), to: status, serving: user) else {
        throw strayed(path)
      }
      if rest.isEmpty { return Place(directory: directory, name: name) }
      guard status.st_mode & S_IFMT == S_IFDIR else { throw SystemError(call: "open \(path)", number: ENOTDIR) }
      directory = next
    }
    return Place(directory: directory, name: ".")
  }

  /// The names on a path, the last one first.
  private static func names(of path: String) -> [String] {
    path.split(separator: "/").filter { $0 != "." }.reversed().map { String($0) }
  }

  /// Whether the way leads on from a directory to this.
  private static func leads(from directory: stat, to status: stat, serving user: uid_t?) -> Bool {
    let kind = status.st_mode & S_IFMT
    // A second name could be that of a file elsewhere.
    let isSingle = kind == S_IFDIR || status.st_nlink == 1
    if isTrusted(directory.st_uid) { return isSingle || directory.st_mode & (S_IWGRP | S_IWOTH) == 0 }
    if status.st_uid == directory.st_uid || kind == S_IFDIR && status.st_uid == user { return true }
    // Nobody but its owner can give a file away.
    return isTrusted(status.st_uid) && kind != S_IFDIR && isSingle
  }

  private static func isTrusted(_ user: uid_t) -> Bool { user == 0 || user == SystemCall.user }

  private static func strayed(_ path: String) -> SystemError {
    SystemError(call: "open \(path), on whose way another user may have put a link", number: EACCES)
  }
}
