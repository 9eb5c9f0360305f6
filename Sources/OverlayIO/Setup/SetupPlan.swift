import Glibc
import OverlayCore

/// What 'oncilla setup' would do: the files that it writes, which it shows before. A file that is there already and
/// says something else is somebody's, and is left alone.
public struct SetupPlan: Equatable, Sendable {
  /// A file to be written.
  public struct File: Equatable, Sendable {
    /// Where it is.
    public let path: String
    /// What it says.
    public let text: String
    /// What it says where a program is too old for that; `nil` if nothing else will do.
    public var plainText: String?

    /// Whether it is there and says that.
    public enum Standing: Equatable, Sendable {
      /// There is none.
      case missing
      /// It says the same.
      case same
      /// It says something else.
      case different
    }

    /// Returns what is there now.
    public func standing() throws(SystemError) -> Standing {
      do throws(SystemError) {
        let found = try readFile(path, limit: 1 << 20)
        return found == Array(text.utf8) || found == plainText.map { Array($0.utf8) } ? .same : .different
      } catch {
        if error.number == ENOENT { return .missing }
        throw error
      }
    }

    /// Writes the file, and the directories that it is in. `isPlain` says that a program is too old for its usual text.
    public func write(isPlain: Bool = false) throws(SystemError) {
      let parts = path.split(separator: "/")
      let directory = "/" + parts.dropLast().joined(separator: "/")
      try ConfigurationDirectory.make(directory)
      try OpenDirectory(directory).replace(
        String(parts.last ?? ""), with: isPlain ? plainText ?? text : text, for: .everybody)
    }

    /// Removes the file.
    public func remove() throws(SystemError) { try SystemCall.remove(path) }
  }

  /// A file that Tor's own configuration includes.
  public struct Include: Equatable, Sendable {
    /// The file.
    public let file: File
    /// The line that includes it; `nil` if that is there already.
    public let line: String?
    /// Whether it is about the lookup service, whose key has to be there before.
    public let isLookup: Bool
  }

  /// Who makes the onion service.
  public enum Publisher: Equatable, Sendable {
    /// Tor, told at its control port, which this group may use; `nil` for everybody.
    case control(SocketAddress, group: String?)
    /// Tor, told by torrc.
    case torrc
  }

  /// Whether this host is found by its address.
  public struct Lookup: Equatable, Sendable {
    /// What is asked and served.
    public var mode: LookupMode
    /// The port at 127.0.0.1 where the name is told.
    public var port: UInt16

    /// This mode, and this port for it.
    public init(_ mode: LookupMode, port: UInt16) { (self.mode, self.port) = (mode, port) }

    fileprivate var lines: [String] {
      ["lookup = \(mode.rawValue)"] + (mode == .serve ? ["lookup-listen = 127.0.0.1:\(port)"] : [])
    }
  }

  /// Who makes the onion service.
  public let publisher: Publisher
  /// The files, in the order in which they are written.
  public let files: [File]
  /// Tor's files, each with the line of its configuration that includes it, in the order in which Tor reads them.
  public let torFiles: [Include]

  /// The first port that is tried for the lookup service.
  public static let firstLookupPort: UInt16 = 8_061

  private static let heading =
    "# Written by 'oncilla setup', which never writes it again. It is yours to change.\n"

  /// Plans to let Tor make the onion service at its control port.
  public static func control(
    _ control: SocketAddress, socks: SocketAddress, port: UInt16, isPrivate: Bool, lookup: Lookup? = nil,
    _ places: SetupPlaces
  ) -> SetupPlan {
    let group: String? = if case .unix(let path) = control { groupOwner(of: path) } else { nil }
    var lines = ["tor-control = \(control)", "publish = tor", "socks = \(socks)", "listen = 127.0.0.1:\(port)"]
    if isPrivate { lines.append("private = yes") }
    lines += lookup?.lines ?? []
    var files = [File(path: places.setupFile, text: heading + lines.map { $0 + "\n" }.joined())]
    if let group, group != "root", places.hasSystemd {
      files.append(File(path: places.unitFile, text: heading + "[Service]\nSupplementaryGroups=\(group)\n"))
    }
    return SetupPlan(publisher: .control(control, group: group), files: files, torFiles: [])
  }

  private static func groupOwner(of path: String) -> String? {
    guard let status = try? SystemCall.look(at: path) else { return nil }
    return UserFiles.groupName(status.st_gid) ?? "\(status.st_gid)"
  }

  /// Plans to let Tor make the onion service by lines of its configuration. `exportsCircuit` has Tor write which
  /// circuit of its own a connection came through.
  public static func torrc(
    socks: SocketAddress, port: UInt16, lookup: Lookup? = nil, exportsCircuit: Bool = false, _ places: SetupPlaces
  ) throws(SystemError) -> SetupPlan {
    let service = places.serviceDirectory
    let torText =
      heading + "HiddenServiceDir \(service)\nHiddenServicePort 8060 127.0.0.1:\(port)\n"
      + "HiddenServiceEnableIntroDoSDefense 1\n" + (exportsCircuit ? "HiddenServiceExportCircuitID haproxy\n" : "")
    // Tor 0.4.8 and later know the defence against floods of callers.
    var torFiles = [
      try include(
        File(path: places.torFile, text: torText + "HiddenServicePoWDefensesEnabled 1\n", plainText: torText), places)
    ]
    if let lookup, lookup.mode == .serve {
      let text = lookupText(port: lookup.port, places)
      torFiles.append(try include(File(path: places.lookupFile, text: text), isLookup: true, places))
    }
    var files: [File] = []
    var hostname = places.hostnameFile
    if places.hasSystemd {
      // Tor's directory is closed to other users: the service manager reads the file as it is at each start.
      files.append(
        File(path: places.unitFile, text: heading + "[Service]\nLoadCredential=hostname:\(hostname)\n"))
      hostname = "/run/credentials/\(places.unit)/hostname"
    }
    let lines =
      ["hostname-file = \(hostname)", "socks = \(socks)", "listen = 127.0.0.1:\(port)"] + (lookup?.lines ?? [])
    files.append(File(path: places.setupFile, text: heading + lines.map { $0 + "\n" }.joined()))
    return SetupPlan(publisher: .torrc, files: files, torFiles: torFiles)
  }

  /// Whether the lookup name is served by lines of torrc.
  public var servesLookupByTorrc: Bool { torFiles.contains(where: \.isLookup) }

  /// What Tor's part of the lookup service says.
  static func lookupText(port: UInt16, _ places: SetupPlaces) -> String {
    heading + "HiddenServiceDir \(places.lookupDirectory)\nHiddenServicePort 8060 127.0.0.1:\(port)\n"
  }

  /// The line of Tor's configuration that includes the file at a path.
  static func includeLine(_ path: String) -> String { "%include \(path)" }

  private static func include(
    _ file: File, isLookup: Bool = false, _ places: SetupPlaces
  ) throws(SystemError) -> Include {
    let line = includeLine(file.path)
    let torrc = String(decoding: try readFile(places.torrc, limit: 1 << 20), as: UTF8.self)
    let isThere = torrc.split(whereSeparator: \.isNewline).contains { PastedName.trimmed($0[...]) == line }
    return Include(file: file, line: isThere ? nil : line, isLookup: isLookup)
  }
}
