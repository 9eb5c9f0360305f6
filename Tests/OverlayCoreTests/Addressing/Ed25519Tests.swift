import Testing

@testable import OverlayCore

@Suite("Ed25519")
struct Ed25519Tests {
  @Test(
    "RFC 8032's public keys (section 7.1)",
    arguments: [
      (
        "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"
      ),
      (
        "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c"
      ),
      (
        "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025"
      ),
    ])
  func publicKey(seed: String, key: String) throws {
    #expect(Ed25519.publicKey(of: try hexadecimal(seed)) == (try hexadecimal(key)))
  }

  @Test("the scalar of an expanded key is a multiple of 8 of 255 bits")
  func expanded() throws {
    var random = SeededGenerator(seed: 1)
    for _ in 0..<100 {
      let key = try #require(Ed25519.expanded(random.bytes(32)))
      #expect(key.count == 64 && key[0] & 7 == 0 && key[31] >> 6 == 1)
    }
  }

  @Test("a key of another length is none", arguments: [0, 1, 31, 33, 64])
  func length(_ count: Int) {
    #expect(Ed25519.publicKey(of: [UInt8](repeating: 1, count: count)) == nil)
    #expect(Ed25519.expanded([UInt8](repeating: 1, count: count)) == nil)
  }
}
