import OverlayCore

/// The sockets that the kernel lists in `/proc/net`, of the thread's network namespace.
struct SocketTable {
  /// A socket of TCP that listens, or one of UDP that is not connected.
  struct Entry: Equatable {
    /// Where it is bound.
    let address: IPv6Address
    /// Its port.
    let port: UInt16
    /// The number by which `/proc/PID/fd` tells whose it is.
    let inode: UInt64
  }

  /// What a socket waits for, as the tables have it.
  enum State: String {
    /// A socket of TCP listens.
    case listening = "0A"
    /// A socket of UDP is not connected.
    case unconnected = "07"
  }

  /// The sockets of this state in the table at `/proc/thread-self/net/NAME`; `nil` if it cannot be read. Those of IPv4
  /// have mapped addresses.
  static func entries(_ name: String, _ state: State, in paths: DoctorPaths) -> [Entry]? {
    guard let text = paths.read("/proc/thread-self/net/\(name)", limit: 16 << 20) else { return nil }
    return text.split(whereSeparator: \.isNewline).dropFirst().compactMap { line in
      let fields = line.split(separator: " ")
      guard fields.count > 9, fields[3] == state.rawValue, let inode = UInt64(fields[9]) else { return nil }
      let place = fields[1].split(separator: ":")
      guard place.count == 2, let port = UInt16(place[1], radix: 16), let address = address(place[0]) else {
        return nil
      }
      return Entry(address: address, port: port, inode: inode)
    }
  }

  /// An address of one or four words of 32 bits, each in the byte order of the host.
  private static func address(_ text: Substring) -> IPv6Address? {
    let digits = Array(text.utf8)
    var words: [UInt64] = []
    for start in stride(from: 0, to: digits.count - digits.count % 8, by: 8) {
      guard let word = UInt32(String(decoding: digits[start..<start + 8], as: UTF8.self), radix: 16) else { return nil }
      words.append(UInt64(UInt32(bigEndian: word)))
    }
    switch words.count {
    case 4: return IPv6Address(high: words[0] << 32 | words[1], low: words[2] << 32 | words[3])
    case 1: return IPv6Address(high: 0, low: 0xffff << 32 | words[0])
    default: return nil
    }
  }

  /// The number of the UNIX socket of this name, which begins with `@` in the abstract namespace; `nil` if there is
  /// none.
  static func unixSocket(_ name: String, in paths: DoctorPaths) -> UInt64? {
    let text = paths.read("/proc/thread-self/net/unix", limit: 16 << 20) ?? ""
    for line in text.split(whereSeparator: \.isNewline).dropFirst() {
      let fields = line.split(separator: " ")
      if fields.count >= 8, fields[7] == name { return UInt64(fields[6]) }
    }
    return nil
  }

  /// The program that has one of these sockets, each by the socket's number, as far as this user may know.
  static func holders(of inodes: Set<UInt64>, in paths: DoctorPaths) -> [UInt64: Holder] {
    guard !inodes.isEmpty else { return [:] }
    let links = Dictionary(uniqueKeysWithValues: inodes.map { ("socket:[\($0)]", $0) })
    var holders: [UInt64: Holder] = [:]
    for process in paths.names(in: "/proc") where Int32(process) != nil {
      for file in paths.names(in: "/proc/\(process)/fd") {
        guard let target = try? SystemCall.target(of: paths("/proc/\(process)/fd/\(file)")), let inode = links[target]
        else { continue }
        holders[inode] = Holder(process: process, program: paths.line("/proc/\(process)/comm") ?? "?")
        if holders.count == inodes.count { return holders }
      }
    }
    return holders
  }

  /// A process that has a socket.
  struct Holder: Hashable, CustomStringConvertible {
    /// Its number.
    let process: String
    /// What the kernel calls its program.
    let program: String

    var description: String { "\(program) (process \(process))" }
  }
}
