import CNettle

/// Ed25519 (RFC 8032), whose public keys are the names of onion services of version 3. Nettle computes it.
enum Ed25519 {
  /// The number of bytes of a private key, which is the seed of all else.
  static let seedSize = 32

  /// Returns the public key of 32 bytes of a private key; `nil` for a key of another length.
  static func publicKey(of seed: [UInt8]) -> [UInt8]? {
    guard seed.count == seedSize else { return nil }
    var key = [UInt8](repeating: 0, count: Int(ED25519_KEY_SIZE))
    nettle_ed25519_sha512_public_key(&key, seed)
    return key
  }

  /// Returns the private key as Tor keeps it: its SHA-512, whose first half is made a scalar (RFC 8032 section 5.1.5).
  /// It is `nil` for a key of another length.
  static func expanded(_ seed: [UInt8]) -> [UInt8]? {
    guard seed.count == seedSize else { return nil }
    var context = sha512_ctx()
    var key = [UInt8](repeating: 0, count: Int(SHA512_DIGEST_SIZE))
    nettle_sha512_init(&context)
    nettle_sha512_update(&context, seed.count, seed)
    nettle_sha512_digest(&context, key.count, &key)
    key[0] &= 0xf8
    key[31] = key[31] & 0x3f | 0x40
    return key
  }
}
