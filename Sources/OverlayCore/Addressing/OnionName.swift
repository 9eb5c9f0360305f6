/// The reason why a text is no onion name.
public enum OnionNameError: Error, Equatable, Sendable, CustomStringConvertible {
  /// The label has this many characters; 16 or 56 are accepted.
  case length(Int)
  /// There is another dot than that of `.onion`: a subdomain, or a name of the ordinary Internet.
  case dots
  /// The label holds a character that is not of base32.
  case alphabet
  /// A version 3 label's checksum does not match its key: a mistyped or damaged name.
  case checksum
  /// A label of 56 characters of this version, whose checksum matches it; only 3 is known.
  case version(UInt8)
  /// A path follows the name.
  case path
  /// What follows the name and a colon is no port.
  case portText
  /// This port follows the name, where that of all peers is another.
  case port(UInt16, accepted: UInt16)

  /// What was wrong and what is accepted, for the operator.
  public var description: String {
    switch self {
    case .length(let count): "an onion name has 56 characters before .onion (16 in version 2), not \(count)"
    case .dots: "it has another dot than that of .onion: the name is accepted without subdomains"
    case .alphabet: "an onion name is written with the letters a to z and the digits 2 to 7 only"
    case .checksum: "its checksum does not match: it is mistyped or damaged"
    case .version(let version): "it is of version \(version), only version 3 is known"
    case .path: "it has a path: the name is accepted alone"
    case .portText: "what follows its colon is not a port: the name is accepted alone"
    case .port(let port, let accepted):
      "its port is \(port), and all peers are dialled at port \(accepted), which --service-port changes"
    }
  }
}

/// The full name of an onion service, which identifies a host. A value of this type is well formed, and if it is of
/// version 3, its checksum and version are right.
///
///     version 3:  base32( key[32] | checksum[2] | version[1] = 3 ) ".onion"
///     checksum:   first 2 bytes of SHA3-256( ".onion checksum" | key | version )
///
/// (Tor's rend-spec-v3, section "Encoding onion addresses".)
public struct OnionName: Hashable, Sendable, CustomStringConvertible {
  // The decoded label, of 35 or 10 bytes, at the end of 40 bytes whose first says how many those are: words in host
  // byte order, the first one first. So no name takes memory of its own, and in both versions the last ten bytes, which
  // the address holds, stand in the same place.
  private let words: (UInt64, UInt64, UInt64, UInt64, UInt64)

  private static let size = 40
  private static let bytesOfVersion3 = 35

  /// The number of bytes of the longest full name.
  static let longest = 56 + ".onion".utf8.count

  /// Makes the name whose decoded label is `bytes`, without checking it. There are at most 39.
  init(unverified bytes: [UInt8]) {
    let padding = [UInt8(bytes.count)] + [UInt8](repeating: 0, count: OnionName.size - 1 - bytes.count)
    words = (padding + bytes).withUnsafeBytes { bytes in
      let word = { UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: $0 * 8, as: UInt64.self)) }
      return (word(0), word(1), word(2), word(3), word(4))
    }
  }

  private var bytes: [UInt8] {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(OnionName.size)
    for word in [words.0, words.1, words.2, words.3, words.4] { bytes.append(bigEndian: word) }
    return bytes.suffix(Int(bytes[0]))
  }

  /// Returns whether the two have the same version and the same label.
  public static func == (left: OnionName, right: OnionName) -> Bool { left.words == right.words }

  /// Hashes the last 16 bytes of the label alone. Few names share them.
  public func hash(into hasher: inout Hasher) {
    hasher.combine(words.3)
    hasher.combine(words.4)
  }

  /// The overlay address, which holds the last 16 characters of the label. It does not prove the name: other names may
  /// have the same address.
  public var address: IPv6Address {
    OverlayNetwork.tor.address(hostPart: (high: UInt16(truncatingIfNeeded: words.3), low: words.4))
  }

  /// Whether it is of version 2, which Tor has not served since 0.4.6.
  public var isVersion2: Bool { words.0 >> 56 != OnionName.bytesOfVersion3 }

  /// The name without its suffix, in lower case. Each use makes the text anew.
  public var label: String { Base32.encode(bytes) }

  /// The full name, with `.onion`. Each use makes the text anew.
  public var description: String { label + OverlayNetwork.tor.suffix }

  /// A hash of 32 bytes that distinguishes the name from any other without telling it.
  public var fingerprint: [UInt8] { SHA3.sha256(Array("oncilla identity ".utf8) + label.utf8) }
}

extension OnionName {
  /// Reads a name that is written with or without `.onion`, in upper or lower case.
  public init(_ text: some StringProtocol) throws(OnionNameError) {
    let network = OverlayNetwork.tor
    var label = text.lowercasedASCII
    if label.hasSuffix(network.suffix) { label.removeLast(network.suffix.utf8.count) }
    guard !label.utf8.contains(UInt8(ascii: ".")) else { throw .dots }
    guard network.labelLengths.contains(label.utf8.count) else { throw .length(label.utf8.count) }
    guard let bytes = Base32.decode(label.utf8) else { throw .alphabet }
    if bytes.count == OnionName.bytesOfVersion3 { try OnionName.verify(bytes) }
    self.init(unverified: bytes)
  }

  private static func verify(_ bytes: [UInt8]) throws(OnionNameError) {
    let version = bytes[34]
    let digest = SHA3.sha256(Array(".onion checksum".utf8) + bytes[..<32] + [version])
    guard digest[..<2] == bytes[32..<34] else { throw .checksum }
    guard version == 3 else { throw .version(version) }
  }
}
