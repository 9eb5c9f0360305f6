/// Why a packet of a peer could not be delivered on this side, as its sender is told.
public enum DeliveryError: Equatable, Sendable {
  /// It is longer than the link carries, whose MTU is this many bytes: "packet too big", or "fragmentation needed".
  case tooLong(mtu: Int)
  /// Nobody answers for its destination: "address unreachable", or "host unreachable".
  case unreachable
}
