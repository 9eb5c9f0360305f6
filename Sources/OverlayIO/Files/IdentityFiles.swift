import Glibc
import OverlayCore

/// Files that hold an identity outside the state directory: a backup, and the directory of an onion service of torrc.
public enum IdentityFiles {
  /// Why they give or take no identity.
  public enum Failure: PermissionError, Equatable {
    /// They cannot be read or written.
    case system(SystemError)
    /// The file at this path holds something else.
    case malformed(String, StoredIdentityError)
    /// A file of the directory at this path is not as Tor writes it.
    case notTors(String, TorKeyFileError)
    /// There is none where one is to be.
    case nothing(String)
    /// The file at this path holds another one, whose address is told.
    case taken(String, by: String)

    /// Whether this user lacks a right.
    public var isDenied: Bool { if case .system(let error) = self { error.isDenied } else { false } }

    /// What was wrong, for the operator.
    public var description: String {
      switch self {
      case .system(let error) where error.number == EEXIST: "\(error): nothing that is there is overwritten"
      case .system(let error): "\(error)"
      case .malformed(let path, let error): "\(path) does not hold an identity: \(error)"
      case .notTors(let directory, let error): "\(directory)/\(error)"
      case .nothing(let path): "there is no key at \(path): 'oncilla run --publish tor' makes one"
      case .taken(let path, let address):
        "\(path) holds the key of \(address), which would be lost: 'oncilla identity backup FILE' keeps a copy, and "
          + "--force replaces it"
      }
    }
  }

  /// Writes identities to a new file at `path`, for its owner alone.
  public static func write(_ backup: IdentityBackup, to path: String) throws(Failure) {
    var text = backup.text
    defer { text.wipe() }
    do throws(SystemError) {
      try create(path, text)
    } catch {
      throw .system(error)
    }
  }

  /// The identity in the file at `path`.
  public static func read(_ path: String) throws(Failure) -> StoredIdentity {
    var text: [UInt8]
    do throws(SystemError) {
      text = try readFile(path, limit: StoredIdentity.longestText)
    } catch {
      throw .system(error)
    }
    defer { text.wipe() }
    do throws(StoredIdentityError) {
      return try StoredIdentity(parsing: text)
    } catch {
      throw .malformed(path, error)
    }
  }

  /// Writes the identity to new files of a directory as Tor's `HiddenServiceDir` has them; those of them that are there
  /// already, since a write was cut short, stay. The directory is made, for its owner alone, if it is not there; by
  /// root it is given to the owner of the one that it is in, who is Tor's user below Tor's directory. Returns the name
  /// of the user to whom it belongs.
  @discardableResult
  public static func write(_ identity: StoredIdentity, toService directory: String) throws(Failure) -> String {
    var files = TorKeyFiles(identity)
    defer { files.secretKey.wipe() }
    let names = TorKeyFiles.names
    do throws(SystemError) {
      var path = directory[...]
      while path.count > 1, path.last == "/" { path.removeLast() }
      let isNew = try SystemCall.makeDirectory(String(path), mode: 0o700)
      let made = try OpenDirectory(String(path), follows: !isNew)
      if isNew, SystemCall.user == 0 {
        try made.give(toOwnerOf: try OpenDirectory(parent(of: path)))
      }
      try complete(made, names.secretKey, files.secretKey)
      try complete(made, names.publicKey, files.publicKey)
      try complete(made, names.name, files.hostname)
      let owner = try made.owner
      return UserFiles.user(owner) ?? "\(owner)"
    } catch {
      throw .system(error)
    }
  }

  /// The identities in a backup at `path`.
  public static func readBackup(_ path: String) throws(Failure) -> IdentityBackup {
    var text: [UInt8]
    do throws(SystemError) {
      text = try readFile(path, limit: IdentityBackup.longestText)
    } catch {
      throw .system(error)
    }
    defer { text.wipe() }
    do throws(StoredIdentityError) {
      return try IdentityBackup(parsing: text)
    } catch {
      throw .malformed(path, error)
    }
  }

  /// The identity in a directory such as Tor's `HiddenServiceDir`.
  public static func read(service directory: String) throws(Failure) -> StoredIdentity {
    let names = TorKeyFiles.names
    var files: TorKeyFiles
    do throws(SystemError) {
      let limit = TorKeyFiles.longest
      files = TorKeyFiles(
        secretKey: try readFile("\(directory)/\(names.secretKey)", limit: limit),
        publicKey: try readFile("\(directory)/\(names.publicKey)", limit: limit),
        hostname: try readFile("\(directory)/\(names.name)", limit: limit))
    } catch {
      throw .system(error)
    }
    defer { files.secretKey.wipe() }
    do throws(TorKeyFileError) {
      return try files.identity()
    } catch {
      throw .notTors(directory, error)
    }
  }

  /// Creates a file, unless it is there and says the same.
  private static func complete(
    _ directory: borrowing OpenDirectory, _ name: String, _ bytes: [UInt8]
  ) throws(SystemError) {
    if case .content(var old) = try directory.readPlain(name, limit: TorKeyFiles.longest) {
      defer { old.wipe() }
      if old == bytes { return }
    }
    try directory.create(name, with: bytes)
  }

  private static func parent(of path: Substring) -> String {
    guard let slash = path.lastIndex(of: "/") else { return "." }
    return slash == path.startIndex ? "/" : String(path[..<slash])
  }

  private static func create(_ path: String, _ bytes: [UInt8]) throws(SystemError) {
    let file = try SystemCall.open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode: 0o600)
    try SystemCall.writeAll(file.number, bytes, "write \(path)")
    try SystemCall.synchronize(file.number, path: path)
  }
}
