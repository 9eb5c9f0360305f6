import OverlayCore

extension NodeEvent {
  /// The event for those who watch, with `petname` from an onion name to what the operator calls the peer; `nil` for
  /// what is no news.
  func json(petname: (OnionName) -> Petname?) -> JSONValue? {
    func make(_ event: String, _ name: OnionName, _ more: JSONObject = [:]) -> JSONValue {
      var members: JSONObject = ["petname": .text(petname(name)), "address": .text(name.address), "name": .text(name)]
      for member in more.members { members[member.name] = member.value }
      return ControlEvent.make(event, members)
    }
    switch self {
    case .dialling(let name, let circuit): return make("dialling", name, ["circuit": .count(circuit)])
    case .connected(let peer): return make("peer_up", peer.name)
    case .disconnected(let peer, let reason):
      var next: JSONValue = .null
      if case .notReached(_, let time?) = reason { next = time.json }
      return make("peer_down", peer.name, ["text": .string(reason.text(withNextTry: false)), "next_try": next])
    case .promoted(let name, let circuit, let end):
      return make("circuit_replaced", name, ["circuit": .count(circuit), "text": .string("\(end)")])
    case .doubted(let name): return make("peer_silent", name)
    case .replaced(let name): return make("circuit_replaced", name)
    case .noReplacement(let name, let end): return make("circuit_failed", name, ["text": .string("\(end)")])
    case .callEnded(let end): return ControlEvent.make("call_ended", ["text": .string("\(end)")])
    case .crowdedOut: return ControlEvent.make("call_crowded_out")
    case .learned(let name): return make("name_learned", name)
    case .nameConflict: return ControlEvent.make("name_conflict")
    case .unknownName(let address): return ControlEvent.make("name_unknown", ["address": .text(address)])
    case .lookup(let finding): return ControlEvent.make("lookup", finding.members)
    case .ownNameClaimed: return ControlEvent.make("own_name_claimed")
    case .acceptLimit: return ControlEvent.make("accept_limit")
    case .proxyLine: return ControlEvent.make("proxy_line")
    case .noTorLine: return ControlEvent.make("no_tor_line")
    case .readiness(let readiness):
      return ControlEvent.make(
        "readiness",
        ["state": .string(readiness.name), "loop_us": readiness.loop.map { .microseconds($0) } ?? .null])
    case .refused(let refusal): return ControlEvent.make("refused", ["text": .string(refusal.text)])
    case .pingAnswered: return nil
    }
  }
}
