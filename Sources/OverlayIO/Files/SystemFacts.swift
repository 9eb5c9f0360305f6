import Glibc

/// What files tell of the system.
public enum SystemFacts {
  /// The name and version of the distribution; `nil` if it does not tell.
  public static var distribution: String? {
    guard let bytes = try? readFile("/etc/os-release") else { return nil }
    let prefix = "PRETTY_NAME="
    for line in String(decoding: bytes, as: UTF8.self).split(separator: "\n") where line.hasPrefix(prefix) {
      return String(line.dropFirst(prefix.count).filter { $0 != "\"" })
    }
    return nil
  }

  /// Whether the kernel has IPv6.
  public static var hasIPv6: Bool { (try? exists("/proc/net/if_inet6")) == true }

  /// Whether something stands at `path`.
  public static func exists(_ path: String) throws(SystemError) -> Bool { try SystemCall.look(at: path) != nil }
}

/// The packages that dpkg has installed.
public enum DebianPackages {
  /// Returns the version of an installed package; `nil` if it is not installed.
  public static func version(of package: String, status: String = "/var/lib/dpkg/status") -> String? {
    guard let bytes = try? readFile(status, limit: 64 << 20) else { return nil }
    let (name, version) = (Array("Package: \(package)".utf8), Array("Version: ".utf8))
    var isMeant = false
    for line in bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false) {
      if line.isEmpty {
        isMeant = false
      } else if line.elementsEqual(name) {
        isMeant = true
      } else if isMeant, line.starts(with: version) {
        return String(decoding: line.dropFirst(version.count), as: UTF8.self)
      }
    }
    return nil
  }
}

/// The last lines of the file at `path`, as far as they stand in its last 128 KiB.
public func lastLines(of path: String, count: Int) throws(SystemError) -> [String] {
  let file = try SystemCall.open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY)
  let status = try SystemCall.status(file.number)
  guard status.st_mode & S_IFMT == S_IFREG else { throw SystemError(call: "read \(path)", number: EINVAL) }
  let most = 128 << 10
  let start = max(0, Int(status.st_size) - most)
  var buffer = [UInt8](repeating: 0, count: most)
  let size = try SystemCall.read(file.number, into: &buffer, at: start, "read \(path)")
  var lines = buffer.prefix(size).split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
  // The first was cut, and behind the last line feed nothing stands.
  if start > 0, !lines.isEmpty { lines.removeFirst() }
  if lines.last?.isEmpty == true { lines.removeLast() }
  return lines.suffix(count).map { String(decoding: $0, as: UTF8.self) }
}
