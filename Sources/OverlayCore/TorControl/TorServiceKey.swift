import CNettle

/// The secret key of an onion service of version 3: the 64 bytes of an expanded ed25519 key, as Tor keeps it. Its
/// memory is overwritten when it is not used any more, and its description tells nothing.
///
/// `@unchecked Sendable`: the memory never changes until the end.
public final class TorServiceKey: Equatable, CustomStringConvertible, @unchecked Sendable {
  /// How many bytes it has.
  public static let size = 64
  /// The name of its kind at Tor's control port.
  static let kind = "ED25519-V3"

  private let memory = UnsafeMutableBufferPointer<UInt8>.allocate(capacity: size)

  /// The key of these bytes; `nil` if they are not `size` many.
  public init?(_ bytes: some Collection<UInt8>) {
    guard bytes.count == TorServiceKey.size else { return nil }
    _ = memory.initialize(from: bytes)
  }

  /// The key that Tor tells as `ED25519-V3:BASE64`, or that we tell it so.
  public convenience init?(text: some Collection<UInt8>) {
    let start = Array("\(TorServiceKey.kind):".utf8)
    guard text.starts(with: start) else { return nil }
    var encoded = Array(text.dropFirst(start.count))
    defer { encoded.wipe() }
    guard var bytes = Base64.decode(encoded) else { return nil }
    defer { bytes.wipe() }
    self.init(bytes)
  }

  deinit {
    TorServiceKey.wipe(UnsafeMutableRawBufferPointer(memory))
    memory.deallocate()
  }

  /// The 64 bytes, made anew: whoever takes them wipes them.
  public var bytes: [UInt8] { Array(memory) }

  /// The key as Tor reads it, made anew: whoever takes it wipes it.
  public var text: [UInt8] {
    var bytes = bytes
    defer { bytes.wipe() }
    var text = SecretText("\(TorServiceKey.kind):")
    text.append(secret: Base64.encode(bytes))
    return text.take()
  }

  /// Nothing of the key.
  public var description: String { "the key of an onion service" }

  /// Whether both are the same key.
  public static func == (left: TorServiceKey, right: TorServiceKey) -> Bool { left.memory.elementsEqual(right.memory) }

  /// Overwrites the bytes.
  static func wipe(_ bytes: UnsafeMutableRawBufferPointer) {
    if let start = bytes.baseAddress { oncilla_wipe(start, bytes.count) }
  }
}

extension [UInt8] {
  /// Overwrites what held a secret. It is best effort: copies that were made of the array stay.
  public mutating func wipe() {
    withUnsafeMutableBytes { TorServiceKey.wipe($0) }
    removeAll()
  }
}
