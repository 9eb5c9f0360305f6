/// A change by others of something that the program set up.
public enum InterfaceChange: Hashable, Sendable {
  /// Someone set the interface down, which takes its address and routes.
  case wentDown
  /// Someone set the interface up; the kernel restored nothing.
  case cameUp
  /// The interface is gone, or is in another network namespace.
  case deleted
  /// One of this host's overlay addresses was removed from the interface.
  case addressLost
  /// The interface, which must have no address, got a link-local one.
  case linkLocalAddressAdded
  /// The host got or lost an address in a prefix that it serves.
  case servedAddressChanged
  /// The overlay's route through the interface was removed.
  case prefixRouteLost
  /// A route of the program to a prefix behind a peer was removed or replaced.
  case routeLost
  /// The interface became a bridge's port, or that of another one.
  case joinedBridge
  /// The interface's MTU is now this many bytes.
  case mtuChanged(Int)
  /// A leak guard, or a policy rule that leads to it, was removed or replaced.
  case leakGuardLost
  /// Somebody added a policy rule that takes packets elsewhere before the program's rules.
  case overridingRuleAdded
  /// Somebody added a route that takes packets elsewhere.
  case overridingRouteAdded
  /// `lo`, which the leak guard hangs on, was set up.
  case loopbackCameUp
  /// Messages were lost, so anything can have happened.
  case overflow
}
