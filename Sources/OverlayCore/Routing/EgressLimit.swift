/// How long packets may be that are delivered to the device.
public enum EgressLimit: Sendable {
  /// As long as IP allows: behind the device is a kernel, which takes its own packets in any size, and forwards,
  /// fragments or refuses those of others.
  case none
  /// As long as the device carries: behind it is a link. What is longer is cut where that is allowed, and refused
  /// otherwise.
  case mtu
}
