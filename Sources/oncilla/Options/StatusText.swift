import OverlayCore
import OverlayIO

/// The reply to `status` for people.
struct StatusText {
  private let status: JSONObject

  /// Makes the text of a reply.
  init(_ status: JSONObject) { self.status = status }

  /// The sentence, and a table of the peers of each identity.
  func text(_ style: Style) -> String {
    var text = style.bold((status["summary"]?.string ?? "the daemon runs").quotedLine(limit: 400)) + "\n"
    let identities = status["identities"]?.array ?? []
    for identity in identities {
      let peers = identity["peers"]?.array ?? []
      if identities.count > 1 {
        text += "\n\(identity["address"]?.string ?? "") is \(identity["name"]?.string ?? "")\n"
      }
      if peers.isEmpty { continue }
      text += "\n" + PeerText.table(peers).text(style)
      if let omitted = identity["peers_omitted"]?.integer, omitted > 0 { text += "and \(omitted) more peers\n" }
    }
    return text
  }
}

/// Peers for people.
enum PeerText {
  /// Returns a table of peers.
  static func table(_ peers: [JSONValue]) -> Table {
    var table = Table([
      ("PEER", .left), ("STATE", .left), ("RTT", .right), ("SENT", .right), ("RECEIVED", .right),
      ("SENDS", .right), ("RECEIVES", .right), ("OUT/IN", .right), ("LAST ERROR", .left),
    ])
    for peer in peers {
      table.add([
        label(peer), state(peer), peer["round_trip_us"]?.integer.map(milliseconds) ?? "-",
        bytes(peer["bytes_sent"]), bytes(peer["bytes_received"]), rate(peer["sent_bytes_per_second"]),
        rate(peer["received_bytes_per_second"]),
        "\(peer["circuits_out"]?.integer ?? 0)/\(peer["circuits_in"]?.integer ?? 0)", lastError(peer),
      ])
    }
    return table
  }

  /// Returns what a peer is called: by its petname, or else its address.
  static func label(_ peer: JSONValue) -> String {
    (peer["petname"]?.string ?? peer["address"]?.string ?? "?").quotedLine()
  }

  private static func state(_ peer: JSONValue) -> String {
    let age = peer["since_seconds"]?.integer.map { " " + duration($0) } ?? ""
    let state = (peer["state"]?.string ?? "?").quotedLine()
    return ["up", "connecting"].contains(state) ? state + age : state
  }

  private static func rate(_ value: JSONValue?) -> String {
    value?.integer.map { $0 > 0 ? bytes(.integer($0)) + "/s" : "-" } ?? "-"
  }

  /// Returns all that is known of a peer, a line each.
  static func lines(_ peer: JSONValue) -> String {
    let rows: [(String, String?)] = [
      ("petname", peer["petname"]?.string), ("address", peer["address"]?.string), ("name", peer["name"]?.string),
      ("state", state(peer)), ("configured", peer["configured"]?.boolean.map { $0 ? "yes" : "no" }),
      ("round trip", peer["round_trip_us"]?.integer.map(milliseconds)),
      ("sent", peer["bytes_sent"].map { bytes($0) + ", now " + rate(peer["sent_bytes_per_second"]) }),
      ("received", peer["bytes_received"].map { bytes($0) + ", now " + rate(peer["received_bytes_per_second"]) }),
      ("circuits", peer["circuits_out"]?.integer.map { "\($0) out, \(peer["circuits_in"]?.integer ?? 0) in" }),
      ("last error", lastError(peer).isEmpty ? nil : lastError(peer)),
    ]
    return rows.compactMap { name, value in
      value.map { (name + ":").padded(to: 12) + $0.quotedLine(limit: 400) + "\n" }
    }.joined()
  }

  /// Returns why a peer was last lost or not reached, with its age and the next try; empty if it never was.
  static func lastError(_ peer: JSONValue) -> String {
    guard let error = peer["last_error"], let text = error["text"]?.string else { return "" }
    let age = error["age_seconds"]?.integer.map { " (\(duration($0)) ago)" } ?? ""
    return text.quotedLine() + age + (nextTry(peer).map { "; " + $0 } ?? "")
  }

  private static func nextTry(_ peer: JSONValue) -> String? {
    guard let next = peer["next_try"] else { return nil }
    let seconds = next["seconds"]?.integer ?? 0
    switch next["when"]?.string {
    case "after": return "next try in \(duration(seconds))"
    case "if_wanted": return seconds > 0 ? "next try in \(duration(seconds)) at the earliest" : nil
    case "tor_is_back": return "next try when Tor is back"
    default: return nil
    }
  }

  /// Returns microseconds in milliseconds.
  static func milliseconds(_ microseconds: Int64) -> String { "\((microseconds + 500) / 1_000) ms" }

  private static func bytes(_ value: JSONValue?) -> String {
    value?.integer.map { Traffic.text(UInt64(max(0, $0))) } ?? "-"
  }

  /// Returns a length of time in its two largest units.
  static func duration(_ seconds: Int64) -> String {
    switch seconds {
    case ..<60: "\(max(0, seconds)) s"
    case ..<3_600: "\(seconds / 60) min" + (seconds < 600 && seconds % 60 > 0 ? " \(seconds % 60) s" : "")
    case ..<86_400: "\(seconds / 3_600) h \(seconds / 60 % 60) min"
    default: "\(seconds / 86_400) d \(seconds / 3_600 % 24) h"
    }
  }
}
