/// An onion name as people write and paste it: with blanks around it, in any case, as the beginning of a URL, or with a
/// port. `OnionName` itself takes none of that; it reads what peers send.
///
///     http://657G75…ITGYD.onion:8060/
public struct PastedName: Equatable, Sendable {
  /// The name.
  public let name: OnionName
  /// The port that follows the name, if one does.
  public let port: UInt16?

  /// Reads a name that a person wrote or pasted.
  public init(_ text: some StringProtocol) throws(OnionNameError) {
    // Nearly every name of a long hosts file stands alone.
    guard text.utf8.contains(where: { !PastedName.isPartOfName($0) }) else {
      name = try OnionName(text)
      port = nil
      return
    }
    var rest = PastedName.trimmed(Substring(text))
    let scheme = rest.prefix { $0.isASCII && $0.isLetter }
    let afterScheme = rest[scheme.endIndex...]
    if !scheme.isEmpty, afterScheme.hasPrefix("://") { rest = afterScheme.dropFirst(3) }
    if rest.hasSuffix("/") { rest.removeLast() }
    guard !rest.contains("/") else { throw .path }
    guard let colon = rest.lastIndex(of: ":") else {
      name = try OnionName(rest)
      port = nil
      return
    }
    name = try OnionName(rest[..<colon])
    let digits = rest[rest.index(after: colon)...]
    guard let port = UInt16(decimal: digits) else { throw .portText }
    self.port = port
  }

  /// Returns `text` without the blanks around it, invisible ones included.
  public static func trimmed(_ text: Substring) -> Substring {
    var scalars = text.unicodeScalars
    while let first = scalars.first, isBlank(first) { scalars.removeFirst() }
    while let last = scalars.last, isBlank(last) { scalars.removeLast() }
    return Substring(scalars)
  }

  /// Returns whether a byte can be in a name: a letter, a digit, or a dot.
  private static func isPartOfName(_ byte: UInt8) -> Bool {
    (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 0x20)
      || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) || byte == UInt8(ascii: ".")
  }

  private static func isBlank(_ scalar: Unicode.Scalar) -> Bool {
    // Zero width space, word joiner, byte order mark: what is copied from web pages and editors brings them along.
    scalar.properties.isWhitespace || [0x200b, 0x2060, 0xfeff].contains(scalar.value)
  }
}

extension OnionName {
  /// Reads a name that a person wrote or pasted. If a port follows it, the port must be `servicePort`, at which all
  /// peers are dialled.
  public init(
    pasted text: some StringProtocol, servicePort: UInt16 = OverlayNetwork.servicePort
  ) throws(OnionNameError) {
    let pasted = try PastedName(text)
    if let port = pasted.port, port != servicePort { throw .port(port, accepted: servicePort) }
    self = pasted.name
  }
}
