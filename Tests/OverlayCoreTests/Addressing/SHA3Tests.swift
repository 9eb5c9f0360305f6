import Testing

@testable import OverlayCore

@Suite("SHA-3")
struct SHA3Tests {
  @Test(
    "FIPS 202's SHA3-256, not the earlier Keccak",
    arguments: [
      ("", "a7ffc6f8bf1ed76651c14756a061d662f580ff4de43b49fa82d80a4b80f8434a"),
      ("abc", "3a985da74fe225b2045c172d6bd390bd855f086e3e9d525b46bfe24511431532"),
    ])
  func digest(text: String, hexadecimal: String) {
    let digits = SHA3.sha256(Array(text.utf8)).map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }
    #expect(digits.joined() == hexadecimal)
  }
}
