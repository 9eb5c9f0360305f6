import OverlayCore

extension TorState {
  /// What there is to wait for at Tor, in a sentence; `nil` where it has started, or where that is not known.
  var sentence: String? {
    guard link == .up, case .starting(let percent, let summary) = bootstrap else { return nil }
    return "Tor is starting (\(percent) %)" + (summary.isEmpty ? "" : ": \(summary)")
      + (problem.map { "; \($0)" } ?? "")
  }
}

extension TorBootstrap {
  /// How far Tor is with its start, 0 to 100; `nil` where that is not known.
  var percent: Int? {
    switch self {
    case .unknown: nil
    case .starting(let percent, _): percent
    case .up: 100
    }
  }
}
