/// A text that holds a secret, while it is put together. Where it outgrows its memory, what it leaves there is
/// overwritten, and so is what is appended as a secret.
struct SecretText: ~Copyable {
  private static let size = 512

  private var bytes: [UInt8] = []

  /// An empty text, or one that begins with this, which is no secret.
  init(_ start: String = "") {
    bytes.reserveCapacity(SecretText.size)
    append(start)
  }

  /// Appends what is no secret.
  mutating func append(_ text: String) { append(bytes: text.utf8) }

  /// Appends a secret, which is overwritten.
  mutating func append(secret: consuming [UInt8]) {
    append(bytes: secret)
    secret.wipe()
  }

  private mutating func append(bytes part: some Collection<UInt8>) {
    let count = bytes.count + part.count
    if count > bytes.capacity {
      var larger: [UInt8] = []
      larger.reserveCapacity(max(count, 2 * bytes.capacity))
      larger += bytes
      bytes.wipe()
      bytes = larger
    }
    bytes += part
  }

  /// The whole: whoever takes it wipes it.
  consuming func take() -> [UInt8] { bytes }
}
