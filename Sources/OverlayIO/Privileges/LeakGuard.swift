import CLinux
import Glibc
import OverlayCore

/// The `unreachable` route that takes what is for the overlay when the interface's own route is gone, so that it does
/// not leave through the default route in the clear.
struct LeakGuard {
  /// The overlay's prefix.
  let prefix: IPv6Prefix

  /// The mark by which a later run knows the route as ours (`rtm_protocol`): free in iproute2's `rt_protos` and in
  /// FRRouting's list.
  static let origin: UInt8 = 235
  /// Greater, and so of less weight, than what interfaces (256), static routes and router advertisements (1024) get.
  static let metric: UInt32 = 4096

  /// The request that adds the route, and fails with EEXIST where any of its metric stands.
  var addition: NetlinkMessage {
    message("install the leak guard", type: RTM_NEWROUTE, flags: NLM_F_CREATE | NLM_F_EXCL)
  }

  /// The request that removes the route, and fails with ESRCH where there is none.
  var removal: NetlinkMessage { message("remove the leak guard", type: RTM_DELROUTE) }

  /// The request for the routes among which ours is.
  var query: NetlinkMessage {
    var header = rtmsg()
    header.rtm_family = UInt8(AF_INET6)
    header.rtm_table = UInt8(RT_TABLE_MAIN.rawValue)
    header.rtm_protocol = LeakGuard.origin
    return NetlinkMessage("look for the leak guard", type: RTM_GETROUTE, flags: Int32(NLM_F_DUMP), header: header)
  }

  /// Whether the route is ours.
  func matches(_ route: RouteRecord) -> Bool {
    takesPlace(route) && route.origin == LeakGuard.origin && Int(route.type) == RTN_UNREACHABLE
  }

  /// Whether the route stands where ours does, whoever made it.
  func takesPlace(_ route: RouteRecord) -> Bool {
    route.prefix == prefix && route.table == UInt32(RT_TABLE_MAIN.rawValue) && route.metric == LeakGuard.metric
  }

  private func message(_ purpose: String, type: Int, flags: Int32 = 0) -> NetlinkMessage {
    var header = rtmsg()
    header.rtm_family = UInt8(AF_INET6)
    header.rtm_dst_len = UInt8(prefix.length)
    header.rtm_table = UInt8(RT_TABLE_MAIN.rawValue)
    header.rtm_protocol = LeakGuard.origin
    header.rtm_scope = UInt8(RT_SCOPE_UNIVERSE.rawValue)
    header.rtm_type = UInt8(RTN_UNREACHABLE)
    var message = NetlinkMessage(purpose, type: type, flags: flags, header: header)
    message.append(Int(RTA_DST.rawValue), bytes: prefix.address.bytes)
    message.append(Int(RTA_PRIORITY.rawValue), value: LeakGuard.metric)
    return message
  }
}
