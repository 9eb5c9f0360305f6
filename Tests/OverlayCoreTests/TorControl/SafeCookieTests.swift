import Testing

@testable import OverlayCore

@Suite("The proofs of Tor's control port")
struct SafeCookieTests {
  @Test("both hashes are those that Python's hmac computes")
  func hashes() {
    let bytes = (0..<96).map { UInt8($0) }
    let proof = SafeCookie(
      cookie: Array(bytes[..<32]), clientNonce: Array(bytes[32..<64]), serverNonce: Array(bytes[64...]))
    #expect(
      ControlText.string(ControlText.hexadecimal(proof.serverHash))
        == "3C8780AB52365C0D080750447E5F64DABC00428C6C434579C2043E18C1F85389")
    #expect(
      ControlText.string(ControlText.hexadecimal(proof.controllerHash))
        == "B47642DF2D5ABB84F69E6D02D41BED6B44AEE33E69562528A82166FC98BC0B1E")
  }

  @Test("a key is read and written as Tor writes it")
  func key() throws {
    let bytes = (0..<64).map { UInt8($0) }
    let text =
      "ED25519-V3:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIjJCUmJygpKissLS4vMDEyMzQ1Njc4OTo7PD0+Pw=="
    let key = try #require(TorServiceKey(text: Array(text.utf8)))
    #expect(key.bytes == bytes)
    #expect(key.text == Array(text.utf8))
    #expect(key == TorServiceKey(bytes))
    #expect("\(key) \(TorControlEvent.added(number: 0, name: try .sample(1), newKey: key))".contains("AAEC") == false)
  }

  @Test(
    "what is no key is none",
    arguments: [
      "", "ED25519-V3:", "ED25519-V3:AAEC", "RSA1024:AAEC",
      "ED25519-V3:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIjJCUmJygpKissLS4vMDEyMzQ1Njc4OTo7PD0+P===",
      "ED25519-V3:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIjJCUmJygpKissLS4vMDEyMzQ1Njc4OTo7PD0+Px==",
      "ED25519-V3: AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIjJCUmJygpKissLS4vMDEyMzQ1Njc4OTo7PD0+Pw==",
    ])
  func noKey(_ text: String) {
    #expect(TorServiceKey(text: Array(text.utf8)) == nil)
  }

  @Test("client keys are written as Tor writes them")
  func clientKeys() throws {
    let bytes = (0..<32).map { UInt8($0) }
    let key = try #require(TorClientKey(bytes, for: try .sample(1)))
    #expect(ControlText.string(key.text) == "x25519:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=")
    let publicKey = try #require(TorClientPublicKey(bytes))
    #expect("\(publicKey)" == "AAAQEAYEAUDAOCAJBIFQYDIOB4IBCEQTCQKRMFYYDENBWHA5DYPQ")
  }
}
