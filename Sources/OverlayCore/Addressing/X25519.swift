import CNettle

/// X25519 (RFC 7748), whose keys open an onion service to those whom its host invited (Tor's rend-spec-v3, section
/// "Client authorization"). Nettle computes it.
public enum X25519 {
  /// The number of bytes of a secret or a public key.
  public static let keySize = 32

  /// Returns the public key of a secret one; `nil` for a key of another length.
  public static func publicKey(of secret: [UInt8]) -> [UInt8]? {
    guard secret.count == keySize else { return nil }
    var key = [UInt8](repeating: 0, count: keySize)
    nettle_curve25519_mul_g(&key, secret)
    return key
  }

  /// Makes a secret key.
  public static func makeSecret(using random: inout some RandomNumberGenerator) -> [UInt8] {
    var secret: [UInt8] = []
    for _ in 0..<keySize / 8 { withUnsafeBytes(of: random.next() as UInt64) { secret.append(contentsOf: $0) } }
    return secret
  }
}
