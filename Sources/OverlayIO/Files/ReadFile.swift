import Glibc

/// The content of the file at `path`, at most `limit` bytes; a longer one is EFBIG and names the limit. Never waits: a
/// named pipe without data is EAGAIN.
func readFile(_ path: String, limit: Int = 1 << 20) throws(SystemError) -> [UInt8] {
  try content(of: try SystemCall.open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY), path: path, limit: limit)
}

/// As above, of a file that was opened so; `path` names it in an error.
func content(of file: consuming FileDescriptor, path: String, limit: Int) throws(SystemError) -> [UInt8] {
  var content = [UInt8](repeating: 0, count: min(limit + 1, 16_384))
  var count = 0
  while true {
    guard let more = try SystemCall.read(file.number, into: &content, from: count, "read \(path)") else {
      throw SystemError(call: "read \(path)", number: EAGAIN)
    }
    count += more
    if count > limit {
      throw SystemError(call: "read \(path), of which at most \(size(limit)) are accepted", number: EFBIG)
    }
    if more == 0 {
      content.removeLast(content.count - count)
      return content
    }
    if count == content.count {
      // It may be a key: no copy of it stays behind.
      var smaller = content
      content = smaller + [UInt8](repeating: 0, count: min(smaller.count, limit + 1 - count))
      smaller.wipe()
    }
  }
}

/// The directory that the file at `path` is to be in, if it does not exist.
public func missingDirectory(of path: String) -> String? {
  guard let slash = path.lastIndex(of: "/") else { return nil }
  let directory = String(path[..<slash])
  guard !directory.isEmpty else { return nil }
  do throws(SystemError) {
    try SystemCall.find(directory)
    return nil
  } catch {
    return error.number == ENOENT ? directory : nil
  }
}

/// So many bytes, in the largest unit that they are a whole number of.
private func size(_ bytes: Int) -> String {
  if bytes > 0, bytes % (1 << 20) == 0 { return "\(bytes >> 20) MiB" }
  if bytes > 0, bytes % (1 << 10) == 0 { return "\(bytes >> 10) KiB" }
  return "\(bytes) bytes"
}
