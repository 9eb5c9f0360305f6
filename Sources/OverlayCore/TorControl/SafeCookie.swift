import CNettle

/// The proof by which Tor and a controller show each other that they know the cookie, without telling it (control-spec
/// section 3.24).
struct SafeCookie {
  /// How many bytes the cookie, a nonce and a hash have.
  static let size = 32

  private let message: [UInt8]

  /// The proof with this cookie and the nonces of both sides.
  init(cookie: [UInt8], clientNonce: [UInt8], serverNonce: [UInt8]) {
    message = cookie + clientNonce + serverNonce
  }

  /// What Tor proves itself with.
  var serverHash: [UInt8] {
    SafeCookie.hash(message, key: "Tor safe cookie authentication server-to-controller hash")
  }

  /// What the controller proves itself with.
  var controllerHash: [UInt8] {
    SafeCookie.hash(message, key: "Tor safe cookie authentication controller-to-server hash")
  }

  /// HMAC-SHA-256 (RFC 2104); nettle computes it.
  private static func hash(_ message: [UInt8], key: String) -> [UInt8] {
    let key = Array(key.utf8)
    var context = hmac_sha256_ctx()
    var digest = [UInt8](repeating: 0, count: size)
    nettle_hmac_sha256_set_key(&context, key.count, key)
    nettle_hmac_sha256_update(&context, message.count, message)
    nettle_hmac_sha256_digest(&context, digest.count, &digest)
    return digest
  }
}
