import OverlayCore

/// All that the program ever does with more than a user's rights. The set is closed, and its values are plain, so that
/// another process can be asked for them.
public enum PrivilegedRequest: Hashable, Sendable {
  /// Let packets for the overlay be refused wherever the interface's own route is missing. Idempotent.
  case installLeakGuard
  /// Take the leak guard away: on an orderly stop, never after a failure. Idempotent.
  case removeLeakGuard
  /// Make the interface, still down and without an address. Once.
  case openTunnel
  /// Watch the leak guard, and the interface if it was made. Once.
  case openMonitor
  /// Give the interface MTU and address, and set it up. Idempotent, after `openTunnel`.
  case configureInterface(IPv6Address)
  /// Give back what `configureInterface` set and someone removed, but leave a link that was set down as it is.
  case restoreInterface
}
