import Glibc

/// A small file of the state directory, which is replaced as a whole. Where this process gave its rights up the broker
/// opens it, and puts what was written in its place.
struct KeptFile {
  private let directory: String
  private let name: String

  /// The file of this name in the directory at this path; neither need be there.
  init(_ name: String, in directory: String) { (self.name, self.directory) = (name, directory) }

  /// Where it is.
  var path: String { "\(directory)/\(name)" }

  /// What it holds, at most `limit` bytes; a longer one is EFBIG.
  func read(limit: Int) throws(SystemError) -> [UInt8] {
    guard let broker = SystemCall.broker else { return try OpenDirectory(directory).read(name, limit: limit) }
    return try content(of: try broker.open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY), path: path, limit: limit)
  }

  /// Writes it, for its owner alone, in a directory that is made where it is missing, for the owner alone. Whatever
  /// happens meanwhile, the old one is there or the new one; it stands on the disk when this returns.
  func replace(with bytes: [UInt8]) throws(SystemError) {
    if let broker = SystemCall.broker { return try replace(with: bytes, by: broker) }
    try SystemCall.makeDirectory(directory, mode: 0o700)
    try OpenDirectory(directory).replace(name, with: bytes)
  }

  /// Writes it where a broker makes the draft and puts it in its place.
  func replace(with bytes: [UInt8], by broker: any PathBroker) throws(SystemError) {
    let draft = try broker.draft(of: path)
    do throws(SystemError) {
      try SystemCall.writeAll(draft.number, bytes, "write \(path)")
      // Whoever writes waits for the disk, and never the broker, for whom others wait.
      try SystemCall.synchronize(draft.number, path: path)
    } catch {
      try? broker.discard(path)
      throw error
    }
    try broker.finish(path)
    // The file systems with a journal write its new name, too, which changes its inode.
    try SystemCall.synchronize(draft.number, path: path)
  }

  /// Removes it, and what a write of it may have left behind; throws ENOENT where there is none. Nothing is done then:
  /// a file system that cannot be written to would complain.
  func remove() throws(SystemError) {
    if let broker = SystemCall.broker { return try broker.remove(path) }
    try OpenDirectory(directory).removeKept(name)
  }
}

extension OpenDirectory {
  /// Removes a file that is kept here, and what a write of it may have left behind; throws ENOENT where there is none.
  func removeKept(_ name: String) throws(SystemError) {
    if has("\(name).new") { try remove("\(name).new") }
    guard has(name) else { throw SystemError(call: "unlink \(name)", number: ENOENT) }
    try remove(name)
  }
}
