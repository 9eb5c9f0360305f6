/// Something that a peer sends and this host refuses, although an option would admit it.
public struct Refusal: Equatable, Sendable {
  /// What is refused.
  public enum Kind: Hashable, Sendable {
    /// IPv4, which is not carried.
    case ipv4
    /// IPv4 to an identity that never carries it: the host's first one does, if any.
    case ipv4Elsewhere
    /// Packets to a host that this one does not serve.
    case notServed
    /// Packets from a host that is not routed to this peer.
    case notRouted
    /// What the door is closed to.
    case closed
  }

  /// The operator's name for the peer; `nil` for one that is not configured.
  public let peer: String?
  /// What is refused.
  public let kind: Kind
  /// The address that would have to be served or routed, of IPv4 in its mapped form, or the identity that carries no
  /// IPv4; `nil` if it does not matter.
  public let about: IPv6Address?
  /// The rule that would let it in past the door, as it is written; `nil` for another kind.
  public var rule: String?
}
