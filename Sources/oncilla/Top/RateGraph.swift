/// A row of bars, a character each.
enum RateGraph {
  private static let blocks: [Character] = ["▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"]
  private static let marks: [Character] = [".", ":", "-", "=", "+", "*", "#", "@"]
  /// The rate of a full bar at the least, in bytes a second: keepalives alone make no mountains.
  static let lowestScale: UInt64 = 2_048

  /// Returns the last rates, the last one at the end, in `width` characters. A full bar is the greatest of them.
  static func text(_ rates: [UInt64], width: Int, isUnicode: Bool) -> String {
    let shown = rates.suffix(max(0, width))
    let scale = max(shown.max() ?? 0, lowestScale)
    let bars = isUnicode ? blocks : marks
    let text = shown.map { rate -> Character in
      if rate == 0 { return " " }
      let level = Int((Double(rate) / Double(scale) * Double(bars.count)).rounded(.up))
      return bars[min(max(level, 1), bars.count) - 1]
    }
    return String(repeating: " ", count: max(0, width - shown.count)) + String(text)
  }
}
