/// The files of an onion service in Tor's `HiddenServiceDir`: what stands in torrc can move to `publish = tor` and
/// back.
///
///     hs_ed25519_secret_key   "== ed25519v1-secret: type0 ==" and NULs up to 32 bytes, then the expanded key
///     hs_ed25519_public_key   "== ed25519v1-public: type0 ==" and NULs up to 32 bytes, then the public key
///     hostname                the name and a line's end
public struct TorKeyFiles: Equatable, Sendable {
  /// The content of `hs_ed25519_secret_key`: whoever takes it wipes it.
  public var secretKey: [UInt8]
  /// The content of `hs_ed25519_public_key`.
  public var publicKey: [UInt8]
  /// The content of `hostname`.
  public var hostname: [UInt8]

  /// The names of the files, in the order above.
  public static let names = (secretKey: "hs_ed25519_secret_key", publicKey: "hs_ed25519_public_key", name: "hostname")
  /// How many bytes a file has at most.
  public static let longest = 32 + TorServiceKey.size

  private static let size = 32

  /// Files of this content.
  public init(secretKey: [UInt8], publicKey: [UInt8], hostname: [UInt8]) {
    (self.secretKey, self.publicKey, self.hostname) = (secretKey, publicKey, hostname)
  }

  /// The files of an identity.
  public init(_ identity: StoredIdentity) {
    var key = identity.key.bytes
    defer { key.wipe() }
    secretKey = TorKeyFiles.header("secret") + key
    publicKey = TorKeyFiles.header("public") + (identity.name.publicKey ?? [])
    hostname = Array("\(identity.name)\n".utf8)
  }

  /// The identity that the files hold. Throws the name of the first that is not as Tor writes it, or that contradicts
  /// the others.
  public func identity() throws(TorKeyFileError) -> StoredIdentity {
    let names = TorKeyFiles.names
    guard secretKey.starts(with: TorKeyFiles.header("secret")),
      let key = TorServiceKey(secretKey.dropFirst(TorKeyFiles.size))
    else { throw TorKeyFileError(file: names.secretKey) }
    guard publicKey.starts(with: TorKeyFiles.header("public")),
      let name = OnionName(publicKey: Array(publicKey.dropFirst(TorKeyFiles.size)))
    else { throw TorKeyFileError(file: names.publicKey) }
    let lines = hostname.split(separator: UInt8(ascii: "\n"))
    guard lines.count == 1, (try? OnionName(pasted: ControlText.string(lines[0]))) == name else {
      throw TorKeyFileError(file: names.name)
    }
    return StoredIdentity(name: name, key: key)
  }

  private static func header(_ kind: String) -> [UInt8] {
    let text = Array("== ed25519v1-\(kind): type0 ==".utf8)
    return text + [UInt8](repeating: 0, count: size - text.count)
  }
}

/// A file of an onion service that is not as Tor writes it, or belongs to another one.
public struct TorKeyFileError: Error, Equatable, Sendable, CustomStringConvertible {
  /// The name of the file.
  public let file: String

  /// What was wrong.
  public var description: String { "\(file) is not that of an onion service of version 3, or belongs to another one" }
}

extension OnionName {
  /// The public key in a name of version 3; `nil` in others.
  var publicKey: [UInt8]? { isVersion2 ? nil : Base32.decode(label.utf8).map { Array($0.prefix(32)) } }

  /// The name of version 3 that has this public key; `nil` unless it has 32 bytes.
  init?(publicKey: [UInt8]) {
    guard publicKey.count == 32 else { return nil }
    let checksum = SHA3.sha256(Array(".onion checksum".utf8) + publicKey + [3]).prefix(2)
    self.init(unverified: publicKey + checksum + [3])
  }
}
