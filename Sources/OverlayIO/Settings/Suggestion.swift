/// The word that a mistyped one was probably meant to be.
public enum Suggestion {
  /// The candidate with the fewest edits, if they are few for the word's length; else the only one that begins with
  /// `word`; else none.
  public static func nearest(to word: String, among candidates: [String]) -> String? {
    guard (3...64).contains(word.utf8.count) else { return nil }
    let limit = word.drop { $0 == "-" }.utf8.count < 6 ? 1 : 2
    let ranked = candidates.map { (name: $0, edits: edits(Array(word.utf8), Array($0.utf8))) }
    if let best = ranked.min(by: { $0.edits < $1.edits }), best.edits <= limit { return best.name }
    let completions = candidates.filter { $0.hasPrefix(word) }
    return completions.count == 1 ? completions.first : nil
  }

  /// How many bytes must be inserted, removed, replaced or swapped with their neighbour (optimal string alignment).
  public static func edits(_ left: [UInt8], _ right: [UInt8]) -> Int {
    var beforePrevious: [Int] = []
    var previous = Array(0...right.count)
    for row in left.indices {
      var current = [row + 1]
      for column in right.indices {
        let replaced = previous[column] + (left[row] == right[column] ? 0 : 1)
        var best = min(replaced, previous[column + 1] + 1, current[column] + 1)
        if row > 0, column > 0, left[row] == right[column - 1], left[row - 1] == right[column] {
          best = min(best, beforePrevious[column - 1] + 1)
        }
        current.append(best)
      }
      (beforePrevious, previous) = (previous, current)
    }
    return previous[right.count]
  }
}
