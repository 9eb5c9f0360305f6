import OverlayCore

/// The onion services in Tor's configuration: torrc, and the files that it includes. Whatever Tor itself would refuse
/// is passed over.
struct TorConfiguration {
  /// An onion service.
  struct Service: Equatable {
    /// Its directory, without a slash at the end.
    let directory: String
    /// Its ports, and where each leads.
    var ports: [Port] = []
    /// Whether Tor writes a line of its own before what a circuit brings.
    var exportsCircuit = false
  }

  /// A port of an onion service.
  struct Port: Equatable {
    /// The port that others dial.
    let number: UInt16
    /// Where Tor passes circuits on to; `nil` if that cannot be understood.
    let target: SocketAddress?
  }

  /// The onion services in their order.
  private(set) var services: [Service] = []
  /// The first file that could not be read.
  private(set) var failure: SystemError?

  /// How many files are read at most, those that are included again and again among them.
  static let mostFiles = 64
  private static let deepest = 8
  private let paths: DoctorPaths
  private var files = 0

  /// Reads the files at these paths and what they include.
  init(_ files: [String], in paths: DoctorPaths) {
    self.paths = paths
    for path in files { read(path, depth: 0) }
  }

  /// The files of Tor as Debian runs it: that of its first process, and those of tor-instance-create(8).
  static func files(in paths: DoctorPaths) -> [String] {
    let others = paths.names(in: "/etc/tor/instances").map { "/etc/tor/instances/\($0)/torrc" }
    return (["/etc/tor/torrc"] + others).filter { paths.has($0) }
  }

  private mutating func read(_ path: String, depth: Int) {
    guard files < TorConfiguration.mostFiles, depth < TorConfiguration.deepest else { return }
    files += 1
    let bytes: [UInt8]
    do throws(SystemError) {
      bytes = try readFile(paths(path))
    } catch {
      failure = failure ?? error
      return
    }
    for line in TorConfiguration.lines(String(decoding: bytes, as: UTF8.self)) {
      let (key, value) = TorConfiguration.split(line)
      if key == "%include" {
        for file in included(value) { read(file, depth: depth + 1) }
      } else {
        take(key, value)
      }
    }
  }

  private mutating func take(_ key: String, _ value: String) {
    if key == "hiddenservicedir" {
      var directory = value
      while directory.count > 1, directory.last == "/" { directory.removeLast() }
      return services.append(Service(directory: directory))
    }
    guard let last = services.indices.last else { return }
    switch key {
    case "hiddenserviceport":
      if let port = Port(value) { services[last].ports.append(port) }
    case "hiddenserviceexportcircuitid": services[last].exportsCircuit = value.lowercased() != "none"
    default: break
    }
  }

  /// The files that a path, a directory or a pattern in the last part of a path means.
  private func included(_ value: String) -> [String] {
    let slash = value.lastIndex(of: "/") ?? value.startIndex
    let (directory, pattern) = (String(value[..<slash]), value[slash...].drop { $0 == "/" })
    if pattern.contains("*") || pattern.contains("?") {
      return paths.names(in: directory).filter { !$0.hasPrefix(".") && Array($0.utf8).matches(Array(pattern.utf8)) }
        .map { "\(directory)/\($0)" }
    }
    let whole = value.hasSuffix("/") ? String(value.dropLast()) : value
    let names = paths.names(in: whole).filter { !$0.hasPrefix(".") }
    return names.isEmpty && !value.hasSuffix("/") && !isDirectory(whole) ? [whole] : names.map { "\(whole)/\($0)" }
  }

  private func isDirectory(_ path: String) -> Bool {
    (try? SystemCall.names(in: paths(path), limit: 65_536)) != nil
  }

  /// The lines without comments; those that end in a backslash are one with the next.
  private static func lines(_ text: String) -> [String] {
    var lines: [String] = []
    var begun = ""
    for line in text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline) {
      let code = line.withoutBlanks
      if code.hasPrefix("#") { continue }
      if code.hasSuffix("\\") {
        begun += code.dropLast()
        continue
      }
      lines.append(begun + code)
      begun = ""
    }
    return begun.isEmpty ? lines : lines + [begun]
  }

  /// The option in lower-case letters, and its value without comment and quotes.
  private static func split(_ line: String) -> (key: String, value: String) {
    let key = line.prefix { $0 != " " && $0 != "\t" }
    var value = line[key.endIndex...].withoutBlanks
    if value.hasPrefix("\"") {
      value = String(value.dropFirst().prefix { $0 != "\"" })
    } else {
      value = value.prefix { $0 != "#" }.withoutBlanks
    }
    return (key.drop { $0 == "+" || $0 == "/" }.lowercased(), value)
  }
}

extension TorConfiguration.Port {
  /// Reads `PORT [TARGET]`. `nil` if there is no port.
  init?(_ value: String) {
    let words = value.split { $0 == " " || $0 == "\t" }.map(String.init)
    guard let number = words.first.flatMap({ UInt16(decimal: $0) }) else { return nil }
    self.number = number
    switch words.dropFirst().first {
    case nil: target = .ipv4(.loopback, port: number)
    case let text?:
      if let port = UInt16(decimal: text) {
        target = .ipv4(.loopback, port: port)
      } else {
        target = (try? SocketAddress(text)) ?? (try? SocketAddress("\(text):\(number)"))
      }
    }
  }
}

extension [UInt8] {
  /// Whether a pattern, in which `*` stands for any bytes and `?` for one, means all of these.
  fileprivate func matches(_ pattern: [UInt8]) -> Bool {
    var (position, place) = (0, 0)
    var star: (position: Int, place: Int)?
    while position < count {
      if place < pattern.count, pattern[place] == UInt8(ascii: "*") {
        star = (position, place)
        place += 1
      } else if place < pattern.count, pattern[place] == UInt8(ascii: "?") || pattern[place] == self[position] {
        (position, place) = (position + 1, place + 1)
      } else if let last = star {
        star = (last.position + 1, last.place)
        (position, place) = (last.position + 1, last.place + 1)
      } else {
        return false
      }
    }
    return pattern[place...].allSatisfy { $0 == UInt8(ascii: "*") }
  }
}
