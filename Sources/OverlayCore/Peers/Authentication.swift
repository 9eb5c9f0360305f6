/// What an incoming circuit has to prove before anything of it reaches the device.
public enum Authentication: String, CaseIterable, Sendable {
  /// That whoever dialled it holds the key of the onion name that it claims. A peer without extensions proves it by an
  /// echo reply, which is weaker.
  case strict
  /// The same, but who has not proven it after `Claims.patience` is believed all the same, as OnionCat believes
  /// everybody.
  case legacy
  /// Nothing: every claim is believed.
  case off
  /// The same as `strict`, but an echo reply is no proof. It is for single peers.
  case full

  /// The values for all peers together.
  public static let ofAll: [Authentication] = [.strict, .legacy, .off]

  /// Whether an echo reply proves who has sent it.
  var acceptsEcho: Bool { self != .full }
}

/// Why the sender of an incoming circuit is believed, the weakest reason first.
public enum Proof: Int, Comparable, Sendable {
  /// It has proven nothing, and need not.
  case belief
  /// A reply to an echo request came over it that went to the peer alone. A peer that answers on circuits that it
  /// accepted can be made to relay such a reply.
  case weak
  /// A response to a challenge came over it that only the holder of the peer's onion key can read.
  case full

  /// Orders by strength.
  public static func < (left: Proof, right: Proof) -> Bool { left.rawValue < right.rawValue }
}
