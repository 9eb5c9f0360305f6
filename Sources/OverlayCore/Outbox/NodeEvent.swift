/// Something that happened to a node and that somebody may want to know of: a log, whoever watches the daemon. Values, no
/// words: who shows them chooses those, and whether a peer's name may be among them.
public enum NodeEvent: Equatable, Sendable {
  /// A circuit to a peer is being built: the first one, numbered 0, or one more for bulk.
  case dialling(OnionName, circuit: Int)
  /// The first circuit to a peer stands.
  case connected(PeerChange)
  /// The first circuit to a peer is gone, or was not built, and none takes its place.
  case disconnected(PeerChange, Disconnection)
  /// The first circuit to a peer is gone, and this one of those for bulk takes its place.
  case promoted(OnionName, circuit: Int, after: CircuitEnd)
  /// A peer does not answer on a circuit that stands: a second one is being built beside it.
  case doubted(OnionName)
  /// The second circuit took the place of the first.
  case replaced(OnionName)
  /// The second circuit is gone, or was not built.
  case noReplacement(OnionName, CircuitEnd)
  /// A circuit that was accepted is gone.
  case callEnded(CircuitEnd)
  /// A circuit that was accepted was closed, so that another finds a place.
  case crowdedOut
  /// A keepalive told a name that was not known.
  case learned(OnionName)
  /// A circuit claims a name whose address another name holds. Strangers can cause it: it is limited.
  case nameConflict
  /// There are packets for an address whose name is not known: told of once, and limited.
  case unknownName(IPv6Address)
  /// A circuit says to come from this host's own name, and does not: told of once.
  case ownNameClaimed
  /// A circuit that was accepted began with a PROXY line: told of once.
  case proxyLine

  /// A peer that was reached or lost.
  public struct PeerChange: Equatable, Sendable {
    /// Who it is.
    public let name: OnionName
    /// What it may be called where its name is not to be seen: its petname, its number or its address.
    public let label: String
    /// Whether the operator configured it, and it was the other way before.
    public let isNews: Bool
  }

  /// Why a peer is not connected.
  public enum Disconnection: Equatable, Sendable {
    /// The circuit stood, and was lost for this reason.
    case lost(String)
    /// No circuit was built, for this reason; when the next one is tried, if one is.
    case notReached(String, NextTry?)
  }
}

/// When a peer is dialled again.
public enum NextTry: Equatable, Sendable {
  /// After so long, whether or not anybody wants it.
  case after(Duration)
  /// After so long, if there is a packet for it then or later.
  case ifWanted(after: Duration)
  /// When Tor is there again.
  case whenTorIsBack
}
