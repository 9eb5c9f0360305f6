import CLinux
import Glibc
import OverlayCore

/// A route that the program keeps: one into the interface, or the leak guard that takes what is for the same prefix
/// when the interface's own route is gone, so that it does not leave through the default route in the clear. All stand
/// in the main table, where a route to a part of the prefix, such as a LAN's, goes before ours.
struct KernelRoute: Equatable {
  /// Where it leads packets.
  enum Target: Equatable {
    /// Into the interface of this number.
    case interface(Int32)
    /// Nowhere: they are refused as `unreachable`.
    case leakGuard
  }

  /// What it is for.
  let prefix: IPPrefix
  /// Where it leads.
  let target: Target
  /// Who is said to have made it (`RTPROT_…`).
  let origin: UInt8
  /// How many segments a new connection sends before it is answered (`RTAX_INITCWND`); 0 for what the kernel has by
  /// itself.
  var initialWindow: UInt32 = 0
  /// The host's own address that its packets along the route come from (`RTA_PREFSRC`), its errors about others'
  /// packets included; `nil` for what the kernel chooses, which can be the address of any interface.
  var preferredSource: IPPrefix?
  /// The congestion control of its TCP connections (`RTAX_CC_ALGO`); `nil` for what the host uses by default.
  var congestionControl: String?

  /// Whether its TCP connections understand marks of congestion (`RTAX_FEATURES`, RFC 3168).
  var understandsMarks = false

  /// The mark by which the route is known as ours, by a later run, too (`rtm_protocol`): free in iproute2's `rt_protos`
  /// and in FRRouting's list.
  static let mark: UInt8 = 235
  /// Greater, and so of less weight, than what interfaces (256), static routes and router advertisements (1024) get.
  static let leakGuardMetric: UInt32 = 4096

  /// The table that holds it, which every kernel asks.
  static let mainTable = UInt32(RT_TABLE_MAIN.rawValue)

  /// The route into the interface of this number.
  init(to prefix: IPPrefix, through interface: Int32) {
    self.prefix = prefix
    target = .interface(interface)
    origin = KernelRoute.mark
  }

  /// The route that the kernel makes for an address of this prefix, on the interface of this number.
  init(connected prefix: IPv6Prefix, to interface: Int32) {
    self.prefix = .ipv6(prefix)
    target = .interface(interface)
    origin = UInt8(RTPROT_KERNEL)
  }

  /// The leak guard of this prefix.
  init(guarding prefix: IPPrefix) {
    self.prefix = prefix
    target = .leakGuard
    origin = KernelRoute.mark
  }

  /// As the kernel's own to a connected prefix: 256 with IPv6, none with IPv4.
  var metric: UInt32 {
    switch (target, prefix) {
    case (.leakGuard, _): KernelRoute.leakGuardMetric
    case (.interface, .ipv6): 256
    case (.interface, .ipv4): 0
    }
  }

  /// The request that adds the route, and fails with EEXIST where any of its prefix and metric stands.
  var addition: NetlinkMessage { message("install", type: RTM_NEWROUTE, flags: NLM_F_CREATE | NLM_F_EXCL) }

  /// The request that puts the route in the place of the first of its prefix and metric, whatever interface that names.
  var replacement: NetlinkMessage { message("replace", type: RTM_NEWROUTE, flags: NLM_F_CREATE | NLM_F_REPLACE) }

  /// The request that removes the route, and fails with ESRCH where there is none.
  var removal: NetlinkMessage { message("remove", type: RTM_DELROUTE) }

  /// The request for the routes of this version of IP among which ours is: those that bear its mark, or all where it
  /// has none.
  var query: NetlinkMessage {
    KernelRoute.query(family: prefix.family, origin: origin == KernelRoute.mark ? origin : 0)
  }

  /// The request for all routes of the main table of this family, or those of one origin.
  static func query(family: UInt8, origin: UInt8 = 0) -> NetlinkMessage {
    var header = rtmsg()
    header.rtm_family = family
    header.rtm_table = UInt8(mainTable)
    header.rtm_protocol = origin
    return NetlinkMessage("look for routes", type: RTM_GETROUTE, flags: Int32(NLM_F_DUMP), header: header)
  }

  /// What it is, for an error.
  var name: String { target == .leakGuard ? "the leak guard" : "the route to \(prefix)" }

  /// Whether the route is this one.
  func matches(_ route: RouteRecord) -> Bool {
    guard takesPlace(route), route.origin == origin else { return false }
    switch target {
    case .interface(let index): return Int(route.type) == RTN_UNICAST && route.interface == index
    case .leakGuard: return Int(route.type) == RTN_UNREACHABLE
    }
  }

  /// Whether the route stands where this one does, whoever made it.
  func takesPlace(_ route: RouteRecord) -> Bool {
    route.prefix == prefix && route.table == KernelRoute.mainTable && route.metric == metric
  }

  private func message(_ verb: String, type: Int, flags: Int32 = 0) -> NetlinkMessage {
    var header = rtmsg()
    header.rtm_family = prefix.family
    header.rtm_dst_len = UInt8(prefix.length)
    header.rtm_table = UInt8(KernelRoute.mainTable)
    header.rtm_protocol = origin
    header.rtm_scope = UInt8(RT_SCOPE_UNIVERSE.rawValue)
    header.rtm_type = UInt8(RTN_UNREACHABLE)
    var interface: Int32?
    if case .interface(let index) = target {
      interface = index
      header.rtm_type = UInt8(RTN_UNICAST)
      // Hosts of an IPv4 prefix without a router stand on the link itself.
      if case .ipv4 = prefix { header.rtm_scope = UInt8(RT_SCOPE_LINK.rawValue) }
    }
    var message = NetlinkMessage("\(verb) \(name)", type: type, flags: flags, header: header)
    message.append(Int(RTA_DST.rawValue), bytes: prefix.addressBytes)
    if metric > 0 { message.append(Int(RTA_PRIORITY.rawValue), value: metric) }
    if let interface { message.append(Int(RTA_OIF.rawValue), value: interface) }
    if let preferredSource { message.append(Int(RTA_PREFSRC.rawValue), bytes: preferredSource.addressBytes) }
    guard initialWindow > 0 || congestionControl != nil || understandsMarks else { return message }
    message.nest(Int(RTA_METRICS.rawValue)) { metrics in
      if understandsMarks { metrics.append(Int(RTAX_FEATURES), value: UInt32(RTAX_FEATURE_ECN)) }
      if initialWindow > 0 { metrics.append(Int(RTAX_INITCWND), value: initialWindow) }
      if let congestionControl { metrics.append(Int(RTAX_CC_ALGO), bytes: Array(congestionControl.utf8) + [0]) }
    }
    return message
  }
}

extension IPPrefix {
  /// `AF_INET` or `AF_INET6`, as the headers of rtnetlink hold it.
  var family: UInt8 {
    switch self {
    case .ipv4: UInt8(AF_INET)
    case .ipv6: UInt8(AF_INET6)
    }
  }

  /// The bytes of its first address in network byte order.
  var addressBytes: [UInt8] {
    switch self {
    case .ipv4(let prefix): prefix.address.bytes
    case .ipv6(let prefix): prefix.address.bytes
    }
  }
}
