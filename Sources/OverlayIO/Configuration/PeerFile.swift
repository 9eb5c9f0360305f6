import Glibc
import OverlayCore

/// One file of `peers.d`, which the program writes and removes: a peer, and what lies behind it. What somebody else
/// wrote, or changed, is never written over or removed.
public struct PeerFile: Equatable, Sendable {
  /// What the peer is called, and its file.
  public let petname: Petname
  /// Its onion name.
  public let name: OnionName
  /// The secret key of 32 bytes with which its service is found, if it is private.
  public let key: [UInt8]?
  /// What lies behind it.
  public let routes: [IPPrefix]

  /// Whose file it is: its first line.
  static let mark =
    "# Written by oncilla, and removed by it. Once it is changed by hand, it is yours, and is left alone."
  /// The largest file that is looked at.
  private static let mostBytes = 64 << 10

  /// The peer of this petname. More than `DaemonSettings.mostPrefixes` routes are left out.
  public init(_ petname: Petname, name: OnionName, key: [UInt8]? = nil, routes: [IPPrefix] = []) {
    self.petname = petname
    self.name = name
    self.key = key
    self.routes = Array(routes.prefix(DaemonSettings.mostPrefixes))
  }

  /// The content of the file.
  public var text: String {
    let keyLines = key.map { ["key = \(Invitation.text(ofKey: $0))"] } ?? []
    let lines = [PeerFile.mark, "[peer \(petname)]", "name = \(name)"] + keyLines + routes.map { "route = \($0)" }
    return lines.map { $0 + "\n" }.joined()
  }

  /// The file of the peer of this petname, of the configuration in this directory (`Instance.configurationDirectory`).
  public static func path(of petname: Petname, in directory: String) -> String {
    "\(directory)/peers.d/\(petname).conf"
  }

  /// Whether there is such a file, in the configuration in this directory.
  public static func exists(_ petname: Petname, in directory: String) -> Bool {
    SystemCall.exists(path(of: petname, in: directory))
  }

  /// Writes the file, in place of one that was written so, and makes its directory where it is missing. Whatever
  /// happens meanwhile, the old file is there or the new one. Returns its path.
  @discardableResult
  public func write(to directory: String) throws(PeerFileError) -> String {
    let path = PeerFile.path(of: petname, in: directory)
    do throws(SystemError) {
      try ConfigurationDirectory.make("\(directory)/peers.d")
      let folder = try OpenDirectory("\(directory)/peers.d")
      if let standing = try folder.readIfThere("\(petname).conf", limit: PeerFile.mostBytes) {
        guard PeerFile.isOurs(standing) else { throw foreignFile }
        guard PeerFile.name(in: standing) == "\(name)" else { throw takenFile }
      }
      try folder.replace("\(petname).conf", with: text, for: .group)
    } catch {
      throw PeerFileError(error, path)
    }
    return path
  }

  /// Removes the file of the peer of this petname; whether there was one.
  @discardableResult
  public static func remove(_ petname: Petname, from directory: String) throws(PeerFileError) -> Bool {
    do throws(SystemError) {
      let folder = try OpenDirectory("\(directory)/peers.d")
      guard let standing = try folder.readIfThere("\(petname).conf", limit: mostBytes) else { return false }
      guard isOurs(standing) else { throw foreignFile }
      try folder.remove("\(petname).conf")
      return true
    } catch {
      if error.number == ENOENT { return false }
      throw PeerFileError(error, path(of: petname, in: directory))
    }
  }

  /// The onion name of a file that was written here.
  private static func name(in content: [UInt8]) -> String {
    let lines = String(decoding: content, as: UTF8.self).split(separator: "\n")
    return lines.first { $0.hasPrefix("name = ") }.map { String($0.dropFirst("name = ".count)) } ?? ""
  }

  /// Whether a file was written here and not changed since: its mark, and no line but those that stand here.
  private static func isOurs(_ content: [UInt8]) -> Bool {
    let lines = String(decoding: content, as: UTF8.self).split(separator: "\n", omittingEmptySubsequences: false)
    guard lines.count >= 4, lines[0] == mark, lines[1].hasPrefix("[peer "), lines[2].hasPrefix("name = "),
      lines.last == ""
    else { return false }
    return lines.dropFirst(3).dropLast().allSatisfy {
      ($0.hasPrefix("route = ") || $0.hasPrefix("key = ")) && !$0.contains("#")
    }
  }
}

/// A file of this name is somebody else's.
private let foreignFile = SystemError(call: "replace", number: EEXIST)
/// A file of this name is that of another host.
private let takenFile = SystemError(call: "replace", number: EBUSY)

/// Why a file of `peers.d` was not written or removed.
public enum PeerFileError: PermissionError, Equatable {
  /// The file at this path was written by somebody else, or changed.
  case foreign(String)
  /// The file at this path is that of another host of the same petname.
  case taken(String)
  /// It failed.
  case failed(SystemError)

  fileprivate init(_ error: SystemError, _ path: String) {
    self = error == foreignFile ? .foreign(path) : error == takenFile ? .taken(path) : .failed(error)
  }

  /// Whether this user lacks the right.
  public var isDenied: Bool {
    if case .failed(let error) = self { error.isDenied } else { false }
  }

  /// The line, without the program's name.
  public var description: String {
    switch self {
    case .foreign(let path): "\(path) was written or changed by hand, and is left alone: change it there, or remove it"
    case .taken(let path):
      "\(path) is that of another host: give this one another petname, or remove "
        + "that one with 'oncilla peer remove PETNAME --save'"
    case .failed(let error): "\(error)"
    }
  }
}
