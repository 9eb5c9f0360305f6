import OverlayCore

/// What the operator has to know of an identity to understand whether it can be reached.
struct ServicePlace {
  /// The identity's name.
  let name: OnionName
  /// What the operator calls it; `nil` for the host itself.
  var label: Petname?
  /// Where its onion service has to lead.
  let listen: String
  /// The port of its onion service.
  let port: UInt16
  /// Tor's SOCKS port.
  let socks: String
  /// Whether Tor serves the lookup name at the daemon's word, and not by torrc.
  let asksTor: Bool

  /// The identity's address.
  var address: IPv6Address { name.address }

  /// The same with what it is called.
  var shown: String { label.map { "\($0), \(address)" } ?? "\(address)" }
}

extension Readiness {
  /// Whether others can reach an identity, or what that waits for or lacks, in words.
  func text(at place: ServicePlace) -> String {
    switch self {
    case .waitingForTor: "waiting for Tor at \(place.socks)"
    case .checking: "Tor is there, and the way to the own onion service and back is tried"
    case .publishing: "publishing: Tor finds no descriptor of the own onion service yet"
    case .ready(let loop): "ready, loop \(max(1, Int(loop / .milliseconds(1)))) ms"
    case .notReady(let failure): "not ready: \(failure.text(at: place))"
    }
  }

  /// The same in a sentence that names the identity, one of `others` + 1 of this host.
  func sentence(at place: ServicePlace, others: Int) -> String {
    let more = others > 0 ? " (and \(others) more)" : ""
    guard case .ready(let loop) = self else {
      return others > 0 ? "\(place.shown): \(text(at: place))" : text(at: place)
    }
    return "ready: \(place.shown) is \(place.name)\(more), loop \(max(1, Int(loop / .milliseconds(1)))) ms"
  }

  /// Whether others can reach an identity, in a word or two.
  var word: String {
    switch self {
    case .waitingForTor: "waiting for Tor"
    case .checking: "checking"
    case .publishing: "publishing"
    case .ready: "ready"
    case .notReady: "not ready"
    }
  }

  /// The level at which the log tells of it.
  var level: LogLevel {
    switch self {
    case .ready, .publishing: .notice
    case .notReady: .warning
    // Whether Tor is there is told once for all identities.
    case .waitingForTor, .checking: .debug
    }
  }
}

extension LoopFailure {
  fileprivate func text(at place: ServicePlace) -> String {
    switch self {
    case .notSOCKS: "\(place.socks) is not a SOCKS port of Tor's: --socks names it, and SocksPort in torrc"
    case .silence: "Tor has not bootstrapped: it takes requests at \(place.socks) and answers none"
    case .portNotMapped:
      "our onion service has no port \(place.port): torrc needs 'HiddenServicePort \(place.port) \(place.listen)'"
    case .nobodyListens, .leadsElsewhere:
      "our onion service does not lead here: its HiddenServicePort must end in \(place.listen)"
        + (self == .leadsElsewhere ? ", and no other host may have its key" : "")
    case .notBuilt(.noRendezvous): "Tor does not reach our onion service, though it has published it"
    case .notBuilt(let failure): "no circuit to our own onion service: \(failure)"
    }
  }
}

extension Refusal {
  /// The refusal in words, with the option that would admit what is refused.
  var text: String {
    let peer = peer ?? "a peer that is not configured"
    let address = about.map { $0.mappedAddress.map { "\($0)" } ?? "\($0)" } ?? "its address"
    return switch kind {
    case .ipv4: "\(peer) sends IPv4, which is not carried here: --ipv4 on both sides switches it on"
    case .ipv4Elsewhere:
      "\(peer) sends IPv4 to \(address), which carries none: with --ipv4 on both sides the first identity of this "
        + "host does"
    case .notServed:
      "\(peer) sends to \(address), which this host does not serve: --serve with a prefix that "
        + "holds it would admit that"
    case .notRouted:
      "\(peer) sends from \(address), which is not routed to it: --route PREFIX,via=NAME with a prefix that holds it "
        + "would admit that"
    case .closed:
      "\(peer) was refused at the door: --allow-in '\(rule ?? "any")' would let that in"
    }
  }
}
