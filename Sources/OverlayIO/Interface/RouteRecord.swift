import CLinux
import Glibc
import OverlayCore

/// A route as rtnetlink tells of it.
struct RouteRecord: Equatable {
  /// Where it leads to.
  var prefix: IPPrefix
  /// The table that holds it (`RT_TABLE_…`).
  var table: UInt32
  /// Who made it (`RTPROT_…`).
  var origin: UInt8
  /// Unicast, unreachable and so on (`RTN_…`).
  var type: UInt8
  /// The smaller one wins.
  var metric: UInt32
  /// The interface it leaves through; 0 where it names none.
  var interface: Int32
  /// The address that the host's own packets along it come from, as the prefix of all its bits; `nil` where it names
  /// none.
  var preferredSource: IPPrefix?

  /// Reads `RTM_NEWROUTE` and `RTM_DELROUTE`; `nil` for another family's than IP, and for what is not whole.
  init?(_ record: NetlinkRecord) {
    guard let header = record.familyHeader(as: rtmsg.self) else { return nil }
    let attributes = record.attributes(after: rtmsg.self)
    guard
      let prefix = IPPrefix(
        family: header.rtm_family, length: Int(header.rtm_dst_len), attribute: attributes.first(Int(RTA_DST.rawValue)))
    else { return nil }
    self.prefix = prefix
    table = attributes.value(Int(RTA_TABLE.rawValue), as: UInt32.self) ?? UInt32(header.rtm_table)
    origin = header.rtm_protocol
    type = header.rtm_type
    metric = attributes.value(Int(RTA_PRIORITY.rawValue), as: UInt32.self) ?? 0
    preferredSource = attributes.first(Int(RTA_PREFSRC.rawValue)).flatMap {
      IPPrefix(family: header.rtm_family, length: $0.count * 8, attribute: $0)
    }
    interface = attributes.value(Int(RTA_OIF.rawValue), as: Int32.self) ?? 0
  }

  /// Whether it is somebody's way for packets of one of the guarded prefixes, or of a part of it, that is better than
  /// ours. Those that the kernel makes for networks that the host is in are none: they are to count. Neither are those
  /// to what this host serves, which is not asked of peers.
  func overrides(_ guarded: some Sequence<IPPrefix>, exceptIn served: [IPPrefix]) -> Bool {
    guard table == KernelRoute.mainTable, Int(type) == RTN_UNICAST, origin != KernelRoute.mark,
      origin != UInt8(RTPROT_KERNEL), !served.contains(where: { $0.contains(prefix) })
    else { return false }
    return guarded.contains {
      $0.contains(prefix) && (prefix != $0 || metric < KernelRoute(to: $0, through: interface).metric)
    }
  }
}
