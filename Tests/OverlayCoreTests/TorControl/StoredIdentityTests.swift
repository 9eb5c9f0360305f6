import Testing

@testable import OverlayCore

@Suite("Identities that are kept")
struct StoredIdentityTests {
  private static func identity() throws -> StoredIdentity {
    let key = try #require(TorServiceKey((0..<64).map { UInt8($0) }))
    return StoredIdentity(name: try .sample(1), key: key)
  }

  @Test("one is the same when it is read again, with blanks and remarks or without")
  func text() throws {
    let identity = try Self.identity()
    #expect(try StoredIdentity(parsing: identity.text) == identity)
    let key = ControlText.string(identity.key.text)
    #expect(try StoredIdentity(parsing: Array("\r\nkey \(key)\r\n\n  # x\n name\t\(identity.name)".utf8)) == identity)
    #expect(identity.text.count <= StoredIdentity.longestText)
  }

  @Test("a file that is cut anywhere is none, and no error tells a part of the key")
  func truncation() throws {
    let text = try Self.identity().text
    for end in 0..<(text.count - 1) {
      do throws(StoredIdentityError) {
        _ = try StoredIdentity(parsing: Array(text[..<end]))
        Issue.record("\(end)")
      } catch {
        #expect(!error.description.contains("AAEC"))
      }
    }
  }

  @Test(
    "what is no identity",
    arguments: [
      "", "name", "key", "nonsense", "name example.com", "name 7fd22jhmqgfl45j6.onion", "key ED25519-V3:AA==",
      "name a b", "key a b",
    ])
  func malformed(_ text: String) {
    #expect(throws: StoredIdentityError.self) { try StoredIdentity(parsing: Array(text.utf8)) }
  }

  @Test("a line that stands twice is refused")
  func twice() throws {
    let text = try Self.identity().text
    #expect(throws: StoredIdentityError.line(5)) { try StoredIdentity(parsing: text + text) }
  }

  @Test("the files of Tor's directory are made and read again")
  func files() throws {
    let identity = try Self.identity()
    let files = TorKeyFiles(identity)
    #expect(files.secretKey.count == 96 && files.publicKey.count == 64)
    #expect(files.secretKey.starts(with: Array("== ed25519v1-secret: type0 ==\u{0}\u{0}\u{0}".utf8)))
    #expect(files.hostname == Array("\(identity.name)\n".utf8))
    #expect(try files.identity() == identity)
  }

  @Test("files that are cut, or do not belong together, are refused by name")
  func brokenFiles() throws {
    let files = TorKeyFiles(try Self.identity())
    let other = TorKeyFiles(StoredIdentity(name: try .sample(2), key: try Self.identity().key))
    let cases: [(String, TorKeyFiles)] = [
      (
        "hs_ed25519_secret_key",
        TorKeyFiles(secretKey: files.secretKey.dropLast(), publicKey: files.publicKey, hostname: files.hostname)
      ),
      (
        "hs_ed25519_secret_key",
        TorKeyFiles(secretKey: files.publicKey, publicKey: files.publicKey, hostname: files.hostname)
      ),
      (
        "hs_ed25519_public_key",
        TorKeyFiles(secretKey: files.secretKey, publicKey: files.publicKey + [0], hostname: files.hostname)
      ),
      ("hostname", TorKeyFiles(secretKey: files.secretKey, publicKey: files.publicKey, hostname: other.hostname)),
      ("hostname", TorKeyFiles(secretKey: files.secretKey, publicKey: files.publicKey, hostname: [])),
    ]
    for (file, broken) in cases {
      #expect(throws: TorKeyFileError(file: file)) { try broken.identity() }
    }
  }
}
