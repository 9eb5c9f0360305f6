/// Why a text is no onion name.
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

/// The full name of an onion service: an identity. That one exists proves that it is well formed and, for version 3,
/// that its checksum and version are right.
///
///     version 3:  base32( key[32] | checksum[2] | version[1] = 3 ) ".onion"
///     checksum:   first 2 bytes of SHA3-256( ".onion checksum" | key | version )
///
/// (Tor's rend-spec-v3, section "Encoding onion addresses".)
public struct OnionName: Hashable, Sendable, CustomStringConvertible {
  /// The name without its suffix, in lower case.
  public let label: String
  /// The overlay address that the last 16 characters of the label are. Not a proof of the name: others may map
  /// to it too.
  public let address: IPv6Address

  /// Hashes the address alone: two words instead of 56 characters, and few names share an address.
  public func hash(into hasher: inout Hasher) {
    hasher.combine(address)
  }

  /// How many bytes the longest full name takes.
  public static let longest = 56 + ".onion".utf8.count

  /// Whether it is of version 2, which Tor serves no more since 0.4.6.
  public var isVersion2: Bool { label.utf8.count == OverlayNetwork.labelCharactersInAddress }

  /// The full name, with `.onion`.
  public var description: String { label + OverlayNetwork.tor.suffix }

  /// 32 bytes that tell the name from any other, and do not tell the name.
  public var fingerprint: [UInt8] { SHA3.sha256(Array("oncilla identity ".utf8) + label.utf8) }
}

extension OnionName {
  /// The name that `text` writes, with or without `.onion`, in any case.
  public init(_ text: some StringProtocol) throws(OnionNameError) {
    let network = OverlayNetwork.tor
    var label = text.lowercasedASCII
    if label.hasSuffix(network.suffix) { label.removeLast(network.suffix.utf8.count) }
    guard !label.utf8.contains(UInt8(ascii: ".")) else { throw .dots }
    guard network.labelLengths.contains(label.utf8.count) else { throw .length(label.utf8.count) }
    guard let bytes = Base32.decode(label.utf8) else { throw .alphabet }
    if bytes.count == OnionName.bytesOfVersion3 { try OnionName.verify(bytes) }
    guard let address = network.address(hostPart: bytes.suffix(10)) else { throw .length(label.utf8.count) }
    self.label = label
    self.address = address
  }

  private static let bytesOfVersion3 = 35

  private static func verify(_ bytes: [UInt8]) throws(OnionNameError) {
    let version = bytes[34]
    let digest = SHA3.sha256(Array(".onion checksum".utf8) + bytes[..<32] + [version])
    guard digest[..<2] == bytes[32..<34] else { throw .checksum }
    guard version == 3 else { throw .version(version) }
  }
}
