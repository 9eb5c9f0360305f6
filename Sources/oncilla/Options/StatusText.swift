import OverlayCore
import OverlayIO

/// The reply to `status` for people.
struct StatusText {
  private let status: JSONObject

  /// Makes the text of a reply.
  init(_ status: JSONObject) { self.status = status }

  /// The sentence, what keeps an identity from being found by its address, and a table of the peers of each.
  func text(_ style: Style) -> String {
    var text = style.bold((status["summary"]?.string ?? "the daemon runs").quotedLine(limit: 400)) + "\n"
    let identities = status["identities"]?.array ?? []
    text += StatusText.door(identities)
    for identity in identities {
      let peers = identity["peers"]?.array ?? []
      if identities.count > 1 {
        let called = identity["label"]?.string.map { "\($0.quotedLine()): " } ?? ""
        text += "\n\(called)\(identity["address"]?.string ?? "") is \(identity["name"]?.string ?? "")\n"
      }
      let lookup = identity["lookup"]
      if ["missing", "hidden"].contains(lookup?["finding"]?.string ?? ""), let trouble = lookup?["text"]?.string {
        text += "\(identities.count > 1 ? "" : "\n")\(trouble.quotedLine(limit: 400))\n"
      }
      if peers.isEmpty { continue }
      text += "\n" + PeerText.table(peers).text(style)
      if let omitted = identity["peers_omitted"]?.integer, omitted > 0 { text += "and \(omitted) more peers\n" }
    }
    return text
  }
}

extension StatusText {
  /// What peers may begin with this host, which is the same for all identities; empty where the daemon tells nothing.
  private static func door(_ identities: [JSONValue]) -> String {
    guard let rules = identities.first?["door"]?["allow_in"]?.array else { return "" }
    let flows = identities.reduce(0) { $0 + ($1["door"]?["flows"]?.integer ?? 0) }
    let shown = rules.map { rule in
      "\((rule["rule"]?.string ?? "?").quotedLine()) (\(rule["packets"]?.integer ?? 0) packets)"
    }
    return "let in: \((["pings", "answers"] + shown).joined(separator: ", ")); \(flows) flows of ours\n"
  }
}

/// Peers for people.
enum PeerText {
  /// Returns a table of peers, each as fast as the daemon says.
  static func table(_ peers: [JSONValue]) -> Table {
    TopColumn.table(
      peers.map { peer in
        TopModel.Row(
          peer: TopPeer(peer), rateIn: UInt64(clamping: peer["received_bytes_per_second"]?.integer ?? 0),
          rateOut: UInt64(clamping: peer["sent_bytes_per_second"]?.integer ?? 0), history: [])
      })
  }

  /// Returns what a peer is called: by its petname, or else its address.
  static func label(_ peer: JSONValue) -> String {
    (peer["petname"]?.string ?? peer["address"]?.string ?? "?").quotedLine()
  }

  /// Returns all that is known of a peer, a line each.
  static func lines(_ peer: JSONValue) -> String {
    let rows: [(String, String?)] = [
      ("petname", peer["petname"]?.string), ("address", peer["address"]?.string), ("name", peer["name"]?.string),
      ("state", TopPeer(peer).stateText), ("configured", peer["configured"]?.boolean.map { $0 ? "yes" : "no" }),
      ("round trip", peer["round_trip_us"]?.integer.map(milliseconds)),
      ("sent", traffic(peer["bytes_sent"], now: peer["sent_bytes_per_second"])),
      ("received", traffic(peer["bytes_received"], now: peer["received_bytes_per_second"])),
      ("circuits", peer["circuits_out"]?.integer.map { "\($0) out, \(peer["circuits_in"]?.integer ?? 0) in" }),
      ("callers", peer["authentication"]?.string),
      ("dropped", dropped(peer)),
      (peer["last_error"]?["text"] == nil ? "next try" : "last error", trouble(peer).isEmpty ? nil : trouble(peer)),
    ]
    return rows.compactMap { name, value in
      value.map { (name + ":").padded(to: 12) + $0.quotedLine(limit: 400) + "\n" }
    }.joined()
  }

  private static func dropped(_ peer: JSONValue) -> String? {
    let drops = peer["dropped"]?.object?.members ?? []
    let shown = drops.compactMap { drop in drop.value.integer.map { "\(drop.name)=\($0)" } }
    return shown.isEmpty ? nil : shown.joined(separator: " ")
  }

  /// Returns why a peer was last lost or not reached, with its age, and when it is tried again; empty if there is
  /// nothing to tell.
  static func trouble(_ peer: JSONValue) -> String {
    let error = peer["last_error"]?["text"]?.string.map { text in
      let age = peer["last_error"]?["age_seconds"]?.integer.map { " (\(duration($0)) ago)" } ?? ""
      return text.quotedLine() + age
    }
    return [error, nextTry(peer)].compactMap { $0 }.joined(separator: "; ")
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

  /// Returns so many bytes in at most 8 characters.
  static func bytes(_ count: UInt64) -> String { count < 1_000 ? "\(count) B" : Traffic.text(count) }

  private static func traffic(_ sum: JSONValue?, now rate: JSONValue?) -> String? {
    guard let sum = sum?.integer else { return nil }
    let rate = UInt64(clamping: rate?.integer ?? 0)
    return bytes(UInt64(clamping: sum)) + (rate > 0 ? ", now \(bytes(rate))/s" : "")
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
