extension [String] {
  /// The words as a sentence lists them: `a, b or c`.
  public func listed(with conjunction: String) -> String {
    guard count > 1, let last else { return first ?? "" }
    return "\(dropLast().joined(separator: ", ")) \(conjunction) \(last)"
  }
}
