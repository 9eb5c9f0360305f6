import OverlayCore

/// The readers of ceilings: `2MB/s`, `16Mbit/s`, `5000pps`, or a rate of bytes and one of packets with a comma between.
enum RateSetting {
  /// The units of bytes, each with the number of them that are eight bits a second.
  private static let units: [(name: String, bytes: Double)] = [
    ("kB/s", 1_000), ("MB/s", 1_000_000), ("GB/s", 1_000_000_000), ("kbit/s", 125), ("Mbit/s", 125_000),
    ("Gbit/s", 125_000_000),
  ]
  /// From what one packet of the usual length needs in a tenth of a second, to more than one processor carries.
  static let bytes = 16_000...10_000_000_000
  /// From as many in half a second as one read may bring of the shortest, to more than one processor carries.
  static let packets = 100...10_000_000

  /// Reads a ceiling; `nil` for none.
  static func read(_ text: String) throws(SettingValue.Refusal) -> RateLimit? {
    guard text != "none" else { return nil }
    var (bytes, packets): (Int?, Int?)
    for part in text.split(separator: ",", omittingEmptySubsequences: false) {
      let word = String(PastedName.trimmed(part))
      if word.hasSuffix("pps") {
        guard packets == nil, let number = Int(decimal: PastedName.trimmed(word.dropLast(3))),
          self.packets.contains(number)
        else { throw refusal }
        packets = number
      } else {
        guard bytes == nil, let number = self.number(of: word) else { throw refusal }
        bytes = number
      }
    }
    guard let limit = RateLimit(bytes: bytes, packets: packets) else { throw refusal }
    return limit
  }

  private static func number(of word: String) -> Int? {
    guard let unit = units.first(where: { word.hasSuffix($0.name) }) else { return nil }
    let digits = PastedName.trimmed(word.dropLast(unit.name.count))
    let parts = digits.split(separator: ".", omittingEmptySubsequences: false)
    guard (1...2).contains(parts.count), digits.utf8.count <= 12,
      parts.allSatisfy({ !$0.isEmpty && Int(decimal: $0) != nil }), let value = Double(digits)
    else { return nil }
    let number = value * unit.bytes
    guard number >= Double(bytes.lowerBound), number <= Double(bytes.upperBound) else { return nil }
    return Int(number)
  }

  private static let refusal = SettingValue.Refusal(
    "a rate is accepted such as 2MB/s or 16Mbit/s, from 16kB/s to 10GB/s, or of packets such as 5000pps, from 100pps "
      + "to 10000000pps, or one of each with a comma between; or none")
}
