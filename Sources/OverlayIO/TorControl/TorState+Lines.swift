import OverlayCore

extension TorState {
  /// What there is to wait for at Tor, in a sentence; `nil` where it has started, or where that is not known.
  var sentence: String? {
    guard case .starting(let percent, let summary) = bootstrap else { return nil }
    return "Tor is starting (\(percent) %)" + (summary.isEmpty ? "" : ": \(summary)")
      + (problem.map { "; \($0)" } ?? "")
  }
}
