extension IPv6Address: CustomStringConvertible, LosslessStringConvertible {
  /// The address written as RFC 5952 recommends: lower case, the longest run of two or more zero groups as `::`.
  public var description: String {
    let groups = groups
    var longest = 0..<0
    var start = 0
    while start < groups.count {
      var end = start
      while end < groups.count, groups[end] == 0 { end += 1 }
      if end - start > max(longest.count, 1) { longest = start..<end }
      start = end + 1
    }
    func hexadecimal(_ range: Range<Int>) -> String {
      groups[range].map { String($0, radix: 16) }.joined(separator: ":")
    }
    guard !longest.isEmpty else { return hexadecimal(0..<8) }
    return hexadecimal(0..<longest.lowerBound) + "::" + hexadecimal(longest.upperBound..<8)
  }

  /// The address that `text` writes in any form of RFC 4291 section 2.2 without a zone; `nil` if it writes none.
  public init?(_ text: String) {
    var bytes: [UInt8] = []
    var gap: Int?
    var rest = Substring(text)
    if rest.hasPrefix("::") {
      gap = 0
      rest = rest.dropFirst(2)
    }
    while !rest.isEmpty {
      let group = rest.prefix { $0 != ":" }
      rest = rest.dropFirst(group.utf8.count)
      if rest.isEmpty, let quad = IPv6Address.dottedQuad(group) {
        bytes += quad
        break
      }
      // The standard library's reading of numbers takes a sign, too.
      guard (1...4).contains(group.utf8.count), group.first?.isHexDigit == true,
        let value = UInt16(group, radix: 16)
      else { return nil }
      bytes += [UInt8(value >> 8), UInt8(value & 0xff)]
      if rest.isEmpty { break }
      rest = rest.dropFirst()
      if rest.first == ":" {
        guard gap == nil else { return nil }
        gap = bytes.count
        rest = rest.dropFirst()
      } else if rest.isEmpty {
        return nil
      }
    }
    if let gap {
      guard bytes.count <= IPv6Address.size - 2 else { return nil }
      bytes.insert(contentsOf: repeatElement(0, count: IPv6Address.size - bytes.count), at: gap)
    }
    self.init(bytes: bytes)
  }

  private static func dottedQuad(_ text: Substring) -> [UInt8]? {
    let parts = text.split(separator: ".", omittingEmptySubsequences: false)
    guard parts.count == 4 else { return nil }
    var bytes: [UInt8] = []
    for part in parts {
      let isDecimal = part.first?.isHexDigit == true && (part == "0" || !part.hasPrefix("0"))
      guard isDecimal, let byte = UInt8(part) else { return nil }
      bytes.append(byte)
    }
    return bytes
  }
}
