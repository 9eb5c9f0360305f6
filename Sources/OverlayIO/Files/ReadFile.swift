import Glibc

/// The content of the file at `path`, at most `limit` bytes; a longer one is EFBIG. Never waits: a named pipe without
/// data is EAGAIN.
public func readFile(_ path: String, limit: Int = 1 << 20) throws(SystemError) -> [UInt8] {
  let file = try FileDescriptor("open \(path)") { open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC) }
  var content: [UInt8] = []
  var chunk = [UInt8](repeating: 0, count: min(limit + 1, 16_384))
  while true {
    let count = try SystemCall.perform("read \(path)") { read(file.number, &chunk, chunk.count) }
    if count == 0 { return content }
    content += chunk.prefix(count)
    if content.count > limit { throw SystemError(call: "read \(path)", number: EFBIG) }
  }
}
