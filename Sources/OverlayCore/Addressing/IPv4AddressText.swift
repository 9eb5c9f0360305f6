extension IPv4Address: CustomStringConvertible, LosslessStringConvertible {
  /// The address as four decimal numbers with dots between.
  public var description: String {
    [24, 16, 8, 0].map { String(value >> UInt32($0) & 0xff) }.joined(separator: ".")
  }

  /// The address that `text` writes as four decimal numbers without leading zeroes, which some would read as octal;
  /// `nil` if it writes none.
  public init?(_ text: String) {
    let parts = text.split(separator: ".", omittingEmptySubsequences: false)
    guard parts.count == 4 else { return nil }
    var value: UInt32 = 0
    for part in parts {
      // The standard library's reading of numbers takes a sign, too.
      let isDecimal = part.utf8.allSatisfy { (0x30...0x39).contains($0) } && (part == "0" || !part.hasPrefix("0"))
      guard isDecimal, let byte = UInt8(part) else { return nil }
      value = value << 8 | UInt32(byte)
    }
    self.init(value: value)
  }
}
