import OverlayCore

/// All that the program ever does with more than a user's rights. The set is closed, and its values are plain, so that
/// another process can be asked for them.
public enum PrivilegedRequest: Hashable, Sendable {
  /// Let packets for the overlay, and for what lies behind peers, be refused wherever the interface's own route is
  /// missing. Idempotent.
  case installLeakGuard
  /// Take the leak guards away, of whichever prefixes: when the operator says so, and never otherwise. Idempotent.
  case removeLeakGuards
  /// Tell which prefixes have a leak guard. Changes nothing.
  case lookForLeakGuards
  /// Make the interface, still down and without an address. Once.
  case openTunnel
  /// Watch the leak guard, and the interface if it was made. Once.
  case openMonitor
  /// Give the interface MTU, addresses and routes, and set it up. The first address is the one that programs use unless
  /// they ask for another. Idempotent, after `openTunnel`.
  case configureInterface([IPv6Address])
  /// Route and guard these prefixes behind peers, and speak along the routes from an address in those served, in place
  /// of the prefixes before. All or nothing; the guards of prefixes that are routed no more stay.
  case setPrefixes(routes: [IPPrefix], served: [IPPrefix])
  /// Give back what `configureInterface` set and someone removed, and remove a link-local address of an interface that
  /// is to have none, but leave a link that was set down as it is.
  case restoreInterface
  /// Tell what the host lacks to speak along its routes. Changes nothing.
  case lookForSourceAddress
  /// Let the kernel forget the TCP connections of the overlay and to what lies behind peers: on an orderly stop.
  case forgetConnections
  /// Let the interface get all multicast of the bridge whose port it is; nothing if it is none's. Idempotent.
  case becomeMulticastRouterPort
}

extension PrivilegedRequest {
  /// What the interface's keeper asks for.
  public init(_ repair: InterfaceRepair) {
    switch repair {
    case .installLeakGuard: self = .installLeakGuard
    case .restoreInterface: self = .restoreInterface
    case .becomeMulticastRouterPort: self = .becomeMulticastRouterPort
    }
  }
}
