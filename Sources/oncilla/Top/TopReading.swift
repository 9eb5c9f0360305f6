import OverlayCore
import OverlayIO

/// What `status` told of one peer.
struct TopPeer: Equatable {
  /// What tells it from every other, through all readings.
  let key: String
  /// What it is called.
  let label: String
  /// Its state, in a word.
  let state: String
  /// How long it has been so, in seconds; `nil` if that does not matter, or is not known.
  let age: Int64?
  /// The time that its last answer took, in microseconds; `nil` if it has not answered yet.
  let roundTrip: Int64?
  /// The bytes that were sent to it, ever.
  let sent: UInt64
  /// The bytes that came from it, ever.
  let received: UInt64
  /// The circuits to it.
  let circuitsOut: Int64
  /// The circuits from it.
  let circuitsIn: Int64
  /// Why it was last lost or not reached, and when it is tried again; empty if there is nothing to tell.
  let trouble: String
  /// Whether it was lost or not reached, ever.
  let hasFailed: Bool
}

extension TopPeer {
  /// The state, and how long it has been so.
  var stateText: String { age.map { "\(state) \(PeerText.duration($0))" } ?? state }
}

/// One reply to `status`.
struct TopReading {
  /// The state of the daemon in a sentence.
  let summary: String
  /// Whether the daemon is ready.
  let isReady: Bool
  /// How long the daemon has been running, in seconds.
  let uptime: Int64
  /// The peers of all identities, in the order of the reply.
  let peers: [TopPeer]

  /// Reads a reply.
  init(_ status: JSONObject) {
    summary = (status["summary"]?.string ?? "the daemon runs").quotedLine(limit: 400)
    isReady = status["state"]?.string == "ready"
    uptime = status["uptime_seconds"]?.integer ?? 0
    let identities = status["identities"]?.array ?? []
    peers = identities.enumerated().flatMap { index, identity in
      (identity["peers"]?.array ?? []).map { TopPeer($0, identity: index) }
    }
  }
}

extension TopPeer {
  /// Reads a peer of a reply, of the identity of this number.
  init(_ peer: JSONValue, identity: Int = 0) {
    key = "\(identity) \(peer["name"]?.string ?? peer["address"]?.string ?? "")"
    label = PeerText.label(peer)
    state = (peer["state"]?.string ?? "?").quotedLine(limit: 20)
    age = ["up", "connecting"].contains(state) ? peer["since_seconds"]?.integer : nil
    roundTrip = peer["round_trip_us"]?.integer
    sent = UInt64(clamping: peer["bytes_sent"]?.integer ?? 0)
    received = UInt64(clamping: peer["bytes_received"]?.integer ?? 0)
    circuitsOut = peer["circuits_out"]?.integer ?? 0
    circuitsIn = peer["circuits_in"]?.integer ?? 0
    trouble = PeerText.trouble(peer)
    hasFailed = peer["last_error"]?["text"] != nil
  }
}
