import OverlayCore

extension NodeEvent {
  /// The event in words for the log: a line for each level that has something to say. A peer's name stands in lines of
  /// the level debug alone.
  func lines(at place: ServicePlace) -> [(level: LogLevel, text: String)] {
    switch self {
    case .readiness(let readiness): [(readiness.level, "\(place.address): \(readiness.text(at: place))")]
    case .refused(let refusal): [(.warning, refusal.text)]
    case .dialling(let name, let circuit):
      [(.debug, "\(name): dialling" + (circuit == 0 ? "" : " circuit \(circuit + 1)"))]
    case .connected(let peer): peer.lines("connected")
    case .disconnected(let peer, let reason): peer.lines(reason.text(withNextTry: true))
    case .promoted(let name, let circuit, let end):
      [(.debug, "\(name): lost the first circuit (\(end)), circuit \(circuit + 1) takes its place")]
    case .doubted(let name): [(.debug, "\(name): does not answer, dialling another circuit")]
    case .replaced(let name): [(.debug, "\(name): the first circuit brought no answer, another took its place")]
    case .noReplacement(let name, let end): [(.debug, "\(name): no other circuit: \(end)")]
    case .callEnded(let end): [(.debug, "an accepted circuit ended: \(end)")]
    case .crowdedOut: [(.debug, "an accepted circuit made room for another")]
    case .learned(let name): [(.debug, "\(name): its name was learned")]
    case .nameConflict:
      [
        (
          .warning,
          "a name was told whose address another name holds already: it is not believed, and a circuit that claims "
            + "it may send nothing"
        )
      ]
    case .unknownName(let address):
      [(.debug, "\(address): its name is not known and was not found, and packets to it are refused")]
    case .lookup(let finding):
      [(finding.isTrouble ? .warning : .notice, "\(place.address): \(finding.text(at: place))")]
    case .pingAnswered: []
    case .ownNameClaimed:
      [
        (
          .warning,
          "a circuit says to come from this host's own onion name: if another oncilla or OnionCat "
            + "has the same key, end it"
        )
      ]
    case .acceptLimit:
      [
        (
          .notice,
          "more circuits come in a second than accept-rate permits, and those beyond it are refused: the counter "
            + "acceptLimit tells how many"
        )
      ]
    case .proxyLine:
      [(.warning, NodeEvent.proxyLineText)]
    case .noTorLine:
      [(.warning, NodeEvent.noTorLineText)]
    }
  }

  /// What there is to say of a circuit that begins with a PROXY line.
  static let proxyLineText =
    "a circuit that begins with a PROXY line was closed: if torrc says HiddenServiceExportCircuitID for an onion "
    + "service of this host, remove that, or let the daemon read the line with --tor-circuit-id"

  /// What there is to say of a circuit that does not begin with one and should.
  static let noTorLineText =
    "a circuit without Tor's line about it was closed: --tor-circuit-id needs 'HiddenServiceExportCircuitID haproxy' "
    + "below the HiddenServiceDir of this host in torrc, unless it was no Tor that connected"
}

extension Log {
  /// Writes what there is to say of an event of an identity.
  func write(_ event: NodeEvent, at place: ServicePlace) {
    for line in event.lines(at: place) { write(line.level, line.text) }
  }
}

extension NodeEvent.PeerChange {
  /// What the log says of it: to the operator of what is news, by what he calls it, and of all in debug.
  fileprivate func lines(_ text: String) -> [(level: LogLevel, text: String)] {
    [(.debug, "\(name): \(text)")] + (isNews ? [(.notice, "\(label): \(text)")] : [])
  }
}

extension NodeEvent.Disconnection {
  /// The reason in words, with when it is tried again or without.
  func text(withNextTry hasNextTry: Bool) -> String {
    switch self {
    case .lost(let why): "lost: \(why)"
    case .notReached(let why, let next):
      "not reached: \(why)" + (hasNextTry ? "; \(next.map(\.text) ?? "no next try")" : "")
    }
  }
}

extension NextTry {
  /// When that is, in words.
  var text: String {
    switch self {
    case .after(let wait): "next try in \(NextTry.seconds(wait)) s"
    case .ifWanted(let wait): "next try in \(NextTry.seconds(wait)) s at the earliest"
    case .whenTorIsBack: "next try when Tor is back"
    }
  }

  private static func seconds(_ wait: Duration) -> Int64 { (wait + .nanoseconds(999_999_999)).wholeSeconds }
}
