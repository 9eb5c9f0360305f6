/// Something that happened to a node, for the log or for whoever else watches the daemon. An event has values and no
/// words. Whoever shows it chooses the words, and whether they may hold a peer's name.
public enum NodeEvent: Equatable, Sendable {
  /// A circuit to a peer is being built: the first one, numbered 0, or one more for bulk.
  case dialling(OnionName, circuit: Int)
  /// The first circuit to a peer was granted.
  case connected(PeerChange)
  /// The first circuit to a peer is gone or was not built, and no other replaces it.
  case disconnected(PeerChange, Disconnection)
  /// The first circuit to a peer is gone, and this circuit for bulk was promoted.
  case promoted(OnionName, circuit: Int, after: CircuitEnd)
  /// A peer does not answer on an open circuit, and a second one is being built beside it.
  case doubted(OnionName)
  /// The second circuit has replaced the first.
  case replaced(OnionName)
  /// The second circuit is gone, or was not built.
  case noReplacement(OnionName, CircuitEnd)
  /// An accepted circuit is gone.
  case callEnded(CircuitEnd)
  /// An accepted circuit was closed to make room for another.
  case crowdedOut
  /// A name that was not known was told: by a keepalive, by a lookup service or by an acquaintance.
  case learned(OnionName)
  /// A name was told whose address belongs to another name, by a circuit that claims it or in answer to a question.
  /// Strangers can cause it, so its rate is limited.
  case nameConflict
  /// Whether others can reach this host has changed.
  case readiness(Readiness)
  /// A peer sends what an option would admit. It is told once an hour for each peer and kind.
  case refused(Refusal)
  /// There are packets for an address without a known name. It is told once for each address, at a limited rate.
  case unknownName(IPv6Address)
  /// What strangers find who look this host up by its address has changed.
  case lookup(LookupFinding)
  /// A circuit claims this host's own name, and is not of this host. It is told once.
  case ownNameClaimed
  /// More circuits were to be accepted in a second than may be, and some were refused. It is told once.
  case acceptLimit
  /// An accepted circuit began with a PROXY line. It is told once.
  case proxyLine
  /// An accepted circuit did not begin with the line that Tor was to write about it. It is told once.
  case noTorLine
  /// A peer answered the operator's echo request with this number after so long.
  case pingAnswered(Int, Duration)

  /// A peer that was reached or lost.
  public struct PeerChange: Equatable, Sendable {
    /// The onion name of the peer.
    public let name: OnionName
    /// The label of the peer where its name must not be seen: its petname, its number or its address.
    public let label: String
    /// Whether the operator configured the peer, and this is a change.
    public let isNews: Bool
  }

  /// The reason why a peer is not connected.
  public enum Disconnection: Equatable, Sendable {
    /// The circuit was open, and was lost for this reason.
    case lost(String)
    /// No circuit was built for this reason. The next attempt follows then, if there is one.
    case notReached(DialFailure, NextTry?)
  }
}

/// The time until a peer is dialled again.
public enum NextTry: Equatable, Sendable {
  /// After so long, whether or not a packet waits.
  case after(Duration)
  /// After so long, with the first packet then.
  case ifWanted(after: Duration)
  /// When Tor is there again.
  case whenTorIsBack
}
