import OverlayCore
import OverlayIO

/// What `oncilla top` knows: the last reading, and how fast each peer was in those before it.
struct TopModel {
  /// A peer, and how fast it is.
  struct Row: Equatable {
    /// What was told last.
    let peer: TopPeer
    /// Bytes a second from it.
    let rateIn: UInt64
    /// Bytes a second to it.
    let rateOut: UInt64
    /// Bytes a second both ways, the last one last; at most `TopModel.longestHistory`.
    let history: [UInt64]
  }

  /// The greatest number of rates that are remembered of a peer. Older ones are forgotten; a peer that is not told of
  /// any more is, too, so that the bound of a reply is one of the model.
  static let longestHistory = 60

  /// The last reading; `nil` if there was none.
  private(set) var reading: TopReading?
  /// The peers of the last reading in its order.
  private(set) var rows: [Row] = []
  /// Why there was no reading after the last one; `nil` if there was.
  private(set) var failure: String?
  private var time: Instant?

  /// Takes a reading of this time.
  mutating func take(_ reading: TopReading, at now: Instant) {
    let seconds = time.map { (now - $0) / .seconds(1) } ?? 0
    var earlier: [String: Row] = [:]
    for row in rows { earlier[row.peer.key] = row }
    rows = reading.peers.map { peer in
      guard let last = earlier[peer.key], seconds > 0 else {
        return Row(peer: peer, rateIn: 0, rateOut: 0, history: [])
      }
      // A daemon that was started anew counts from the beginning.
      let rateIn = TopModel.rate(from: last.peer.received, to: peer.received, in: seconds)
      let rateOut = TopModel.rate(from: last.peer.sent, to: peer.sent, in: seconds)
      let (sum, isBeyond) = rateIn.addingReportingOverflow(rateOut)
      let history = last.history.suffix(TopModel.longestHistory - 1) + [isBeyond ? .max : sum]
      return Row(peer: peer, rateIn: rateIn, rateOut: rateOut, history: Array(history))
    }
    (self.reading, time, failure) = (reading, now, nil)
  }

  /// Notes that the daemon could not be asked. The last reading stays, and the time until the next is no part of a
  /// rate.
  mutating func fail(_ reason: String) {
    failure = reason
    time = nil
  }

  /// Returns what the last reading, which this reply gave, tells programs: each peer as in the reply, with the rates of
  /// the model.
  func json(of status: JSONObject) -> JSONObject {
    let told = (status["identities"]?.array ?? []).flatMap { identity in
      (identity["peers"]?.array ?? []).map { (identity["address"] ?? .null, $0.object ?? [:]) }
    }
    let peers = zip(told, rows).map { told, row in
      var (identity, peer) = told
      peer["identity"] = identity
      peer["sent_bytes_per_second"] = .count(row.rateOut)
      peer["received_bytes_per_second"] = .count(row.rateIn)
      return JSONValue.object(peer)
    }
    var result: JSONObject = [:]
    for name in ["state", "summary", "uptime_seconds"] { result[name] = status[name] ?? .null }
    result["peers"] = .array(peers)
    return result
  }

  /// The time between two readings in seconds, as rates tell of it.
  private static func rate(from earlier: UInt64, to later: UInt64, in seconds: Double) -> UInt64 {
    guard later >= earlier else { return 0 }
    return UInt64(exactly: (Double(later - earlier) / seconds).rounded()) ?? .max
  }
}
