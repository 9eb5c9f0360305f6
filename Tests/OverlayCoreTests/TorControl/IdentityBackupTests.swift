import Testing

@testable import OverlayCore

@Suite("A backup of identities")
struct IdentityBackupTests {
  private static func identity(_ first: UInt8) throws -> StoredIdentity {
    let key = try #require(TorServiceKey((0..<64).map { first &+ UInt8($0) }))
    return StoredIdentity(name: try #require(OnionName(publicKey: [UInt8](repeating: first, count: 32))), key: key)
  }

  @Test("that of one is as it was before there were others, and all come back")
  func text() throws {
    let first = IdentityBackup.Entry(try Self.identity(0))
    let one = try #require(IdentityBackup([first]))
    #expect(one.text == first.identity.text)
    #expect(try IdentityBackup(parsing: one.text) == one)
    let others = try (1..<4).map { IdentityBackup.Entry(try Self.identity($0), label: Petname("id-\($0)")) }
    let all = try #require(IdentityBackup([first] + others))
    #expect(try IdentityBackup(parsing: all.text) == all)
  }

  @Test("two of one label or name are none, and the host itself is never missing")
  func refused() throws {
    let (first, second) = (try Self.identity(0), try Self.identity(1))
    let work = Petname("work")
    #expect(IdentityBackup([]) == nil)
    #expect(IdentityBackup([.init(first), .init(second)]) == nil)
    #expect(IdentityBackup([.init(first), .init(first, label: work)]) == nil)
    #expect(IdentityBackup([.init(first, label: work)]) == nil)
    let text = Array("identity work\n".utf8) + first.text
    #expect(throws: StoredIdentityError.missing("name")) { try IdentityBackup(parsing: text) }
  }

  @Test("an error names the line of the whole text")
  func lines() throws {
    let start = try Self.identity(0).text
    let count = start.count { $0 == UInt8(ascii: "\n") }
    #expect(throws: StoredIdentityError.line(count + 2)) {
      try IdentityBackup(parsing: start + Array("identity work\nnonsense\n".utf8))
    }
    #expect(throws: StoredIdentityError.line(count + 1)) {
      try IdentityBackup(parsing: start + Array("identity -\n".utf8))
    }
  }
}
