/// Limits how often each station of a LAN is served, so that one that asks without end silences itself alone: 400 times
/// at once, and 200 times a second after that.
///
/// There are buckets for 64 stations. A new one takes the place of one whose bucket is full again, from which nothing
/// is lost; where there is none, it shares a bucket of 1,000 a second with all that are not known, which a flood of
/// made-up stations can empty.
struct StationBuckets {
  static let limit = 64
  static let rate = 200.0
  static let burst = 400.0
  static let sharedRate = 1_000.0

  private struct Entry {
    let station: MACAddress
    var bucket: TokenBucket
  }

  private var entries: [Entry] = []
  private var shared = TokenBucket(rate: sharedRate, burst: sharedRate)

  /// Takes a token for a station, `nil` for one that is not known, and returns false if there is none.
  mutating func take(for station: MACAddress?, at now: Instant) -> Bool {
    guard let station, let index = place(of: station, now) else { return shared.take(at: now) }
    return entries[index].bucket.take(at: now)
  }

  private mutating func place(of station: MACAddress, _ now: Instant) -> Int? {
    if let known = entries.firstIndex(where: { $0.station == station }) { return known }
    let fresh = Entry(
      station: station, bucket: TokenBucket(rate: StationBuckets.rate, burst: StationBuckets.burst))
    guard entries.count >= StationBuckets.limit else {
      entries.append(fresh)
      return entries.count - 1
    }
    guard let idle = entries.firstIndex(where: { $0.bucket.isFull(at: now) }) else { return nil }
    entries[idle] = fresh
    return idle
  }
}
