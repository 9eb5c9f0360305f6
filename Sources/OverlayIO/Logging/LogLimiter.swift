import OverlayCore

/// Keeps a stranger from filling the log: of each kind of line at most `burst` in `window`, then one that says how
/// many more there were. The kinds are a closed set, so the table is bounded by its type.
public struct LogLimiter<Kind: Hashable & CaseIterable> {
  /// What to do with a line.
  public enum Verdict: Equatable, Sendable {
    /// Write it, after a line that says how many before it were not, if that is more than 0.
    case write(afterSuppressed: Int)
    /// Leave it out; it is counted.
    case suppress
  }

  private struct Window {
    var start: Instant
    var written = 0
    var suppressed = 0
  }

  /// How many lines of a kind are written in a window.
  public let burst: Int
  /// How long a window lasts; it begins with a kind's first line.
  public let window: Duration

  private var windows: [Kind: Window] = [:]

  /// A limiter that has seen nothing.
  public init(burst: Int = 5, window: Duration = .seconds(60)) {
    self.burst = burst
    self.window = window
  }

  /// Whether a line of `kind` is to be written now.
  public mutating func admit(_ kind: Kind, at now: Instant) -> Verdict {
    var current = windows[kind] ?? Window(start: now)
    var unreported = 0
    if now >= current.start + window {
      unreported = current.suppressed
      current = Window(start: now)
    }
    defer { windows[kind] = current }
    guard current.written < burst else {
      current.suppressed += 1
      return .suppress
    }
    current.written += 1
    return .write(afterSuppressed: unreported)
  }

  /// The kinds whose window is over, with the number of their lines that were left out: one summary for each.
  public mutating func summaries(at now: Instant) -> [(kind: Kind, count: Int)] {
    var summaries: [(kind: Kind, count: Int)] = []
    for kind in Kind.allCases {
      guard let current = windows[kind], now >= current.start + window else { continue }
      if current.suppressed > 0 { summaries.append((kind, current.suppressed)) }
      windows[kind] = nil
    }
    return summaries
  }

  /// When `summaries` has something to tell next; `nil` as long as nothing was left out.
  public var nextSummary: Instant? {
    windows.values.lazy.filter { $0.suppressed > 0 }.map { $0.start + window }.min()
  }

  /// The text of a summary.
  public static func summary(_ count: Int) -> String { "\(count) more like this" }
}
