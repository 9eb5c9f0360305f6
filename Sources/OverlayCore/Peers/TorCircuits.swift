/// The connections of accepted circuits, counted by the Tor circuit that they came through, as `TorCircuitLine` tells
/// it: whoever calls again and again through one circuit of his takes few places, and little time.
///
/// A Tor circuit may have at most `most` connections at a time, and `perSecond` new ones a second once it has had that
/// many. A peer needs one for each circuit that it dials, and Tor gives most of them a circuit of their own. Beside
/// those that have connections it remembers at most `remembered`, none for longer than their bounds need; past that it
/// forgets those without connections. The counter `torCircuitLimit` shows how many connections were closed.
public struct TorCircuits {
  /// The greatest number of connections through one Tor circuit.
  public static let most = 16
  /// The number of connections a second that may be new through one Tor circuit.
  static let perSecond = 2.0
  /// The greatest number of Tor circuits that are remembered beside those that have connections.
  static let remembered = 4_096

  private struct Entry {
    var count = 0
    var pace = TokenBucket(rate: perSecond, burst: Double(most))
  }

  private var entries: [UInt32: Entry] = [:]
  private var used = 0

  /// Counts a new connection through a Tor circuit. It returns whether there may be one more.
  mutating func enter(_ circuit: UInt32, at now: Instant) -> Bool {
    if entries[circuit] == nil, entries.count - used >= TorCircuits.remembered { forgetUnused(at: now) }
    var entry = entries[circuit] ?? Entry()
    defer { entries[circuit] = entry }
    guard entry.pace.take(at: now), entry.count < TorCircuits.most else { return false }
    if entry.count == 0 { used += 1 }
    entry.count += 1
    return true
  }

  /// Notes that a connection through a Tor circuit is gone.
  mutating func leave(_ circuit: UInt32) {
    guard var entry = entries[circuit], entry.count > 0 else { return }
    entry.count -= 1
    if entry.count == 0 { used -= 1 }
    entries[circuit] = entry
  }

  /// The number of Tor circuits that it knows, for tests.
  var count: Int { entries.count }

  private mutating func forgetUnused(at now: Instant) {
    entries = entries.filter { $0.value.count > 0 || !$0.value.pace.isFull(at: now) }
    if entries.count - used >= TorCircuits.remembered { entries = entries.filter { $0.value.count > 0 } }
  }
}
