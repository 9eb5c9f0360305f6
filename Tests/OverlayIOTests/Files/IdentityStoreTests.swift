import Glibc
import SystemProbes
import Testing

@testable import OverlayCore
@testable import OverlayIO

@Suite("The identity in the state directory")
struct IdentityStoreTests {
  private let scratch: TemporaryDirectory
  private var directory: String { scratch.path }

  init() throws { scratch = try TemporaryDirectory() }

  private static func identity(_ first: UInt8 = 0) throws -> StoredIdentity {
    let key = try #require(TorServiceKey((0..<64).map { first &+ UInt8($0) }))
    let name = try #require(OnionName(publicKey: [UInt8](repeating: first, count: 32)))
    return StoredIdentity(name: name, key: key)
  }

  private static func mode(_ path: String) -> mode_t {
    var status = stat()
    return stat(path, &status) == 0 ? status.st_mode & 0o7777 : 0
  }

  @Test("it is kept for its owner alone, and read again")
  func keep() throws {
    let store = IdentityStore(in: "\(directory)/state")
    #expect(try store.read() == nil)
    #expect(KeptIdentities(in: "\(directory)/state").lastBackup() == nil)
    try store.keep(try Self.identity())
    #expect(try store.read() == (try Self.identity()))
    #expect(Self.mode(store.path) == 0o600)
    #expect(Self.mode("\(directory)/state") == 0o700)
  }

  @Test("when all were backed up is known as long as they are the same")
  func backup() throws {
    let (kept, store) = (KeptIdentities(in: directory), IdentityStore(in: directory))
    try store.keep(try Self.identity())
    #expect(kept.lastBackup() == nil)
    try kept.noteBackup(of: try #require(try kept.read()))
    #expect(kept.lastBackup()?.hasSuffix("Z") == true)
    let other = IdentityStore(in: directory, Petname("work"))
    try other.keep(try Self.identity(1))
    #expect(other.path == "\(directory)/identity-work.key")
    #expect(kept.lastBackup() == nil)
    let both = try #require(try kept.read())
    #expect(both.entries.map(\.label) == [nil, Petname("work")])
    try kept.noteBackup(of: both)
    #expect(kept.lastBackup() != nil)
    try other.remove()
    #expect(kept.lastBackup() != nil)
    try store.keep(try Self.identity(2))
    #expect(kept.lastBackup() == nil)
  }

  @Test("a file that holds something else is an error, and not none")
  func malformed() throws {
    let store = IdentityStore(in: directory)
    try scratch.write("identity.key", "nonsense\n")
    #expect(throws: IdentityFiles.Failure.malformed(store.path, .line(1))) { try store.read() }
  }

  @Test("a backup is for its owner alone, and overwrites nothing")
  func backupFile() throws {
    let path = "\(directory)/backup"
    let entries = [IdentityBackup.Entry(try Self.identity()), .init(try Self.identity(1), label: Petname("work"))]
    let backup = try #require(IdentityBackup(entries))
    try IdentityFiles.write(backup, to: path)
    #expect(Self.mode(path) == 0o600)
    #expect(try IdentityFiles.readBackup(path) == backup)
    let one = try #require(IdentityBackup([entries[0]]))
    #expect(throws: IdentityFiles.Failure.self) { try IdentityFiles.write(one, to: path) }
    #expect(try IdentityFiles.readBackup(path) == backup)
  }

  @Test("a write to Tor's directory that was cut short is completed", arguments: ["hostname", "hs_ed25519_public_key"])
  func cutShort(missing: String) throws {
    let path = "\(directory)/service"
    try IdentityFiles.write(try Self.identity(), toService: path)
    #expect(unlink("\(path)/hostname") == 0 && (missing == "hostname" || unlink("\(path)/\(missing)") == 0))
    try IdentityFiles.write(try Self.identity(), toService: path)
    #expect(try IdentityFiles.read(service: path) == (try Self.identity()))
  }

  @Test("Tor's directory is written and read, and overwritten never")
  func serviceDirectory() throws {
    let path = "\(directory)/service"
    try IdentityFiles.write(try Self.identity(), toService: path)
    #expect(Self.mode(path) == 0o700)
    #expect(Self.mode("\(path)/hs_ed25519_secret_key") == 0o600)
    #expect(try IdentityFiles.read(service: path) == (try Self.identity()))
    #expect(throws: IdentityFiles.Failure.self) { try IdentityFiles.write(try Self.identity(1), toService: path) }
    #expect(try IdentityFiles.read(service: path) == (try Self.identity()))
    #expect(throws: IdentityFiles.Failure.self) { try IdentityFiles.read(service: directory) }
  }
}
