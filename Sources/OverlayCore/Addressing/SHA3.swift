import CNettle

/// SHA-3, which onion names of version 3 hash with. Nettle computes it.
enum SHA3 {
  /// Returns the 32 bytes of SHA3-256 (FIPS 202) over `bytes`.
  static func sha256(_ bytes: [UInt8]) -> [UInt8] {
    var context = sha3_256_ctx()
    var digest = [UInt8](repeating: 0, count: Int(SHA3_256_DIGEST_SIZE))
    nettle_sha3_256_init(&context)
    nettle_sha3_256_update(&context, bytes.count, bytes)
    nettle_sha3_256_digest(&context, digest.count, &digest)
    return digest
  }
}
