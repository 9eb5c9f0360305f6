import CLinux
import Glibc

/// A table of the kernel's packet filter.
enum FilterTable {
  /// Whether there is one.
  enum Presence {
    /// It is there.
    case present
    /// It is not.
    case absent
    /// This user may not know.
    case unknown
  }

  /// Looks for the table `inet NAME` in the thread's network namespace.
  static func find(_ name: String) -> Presence {
    // NFPROTO_INET, in <linux/netfilter.h>.
    let header = nfgenmsg(nfgen_family: 1, version: UInt8(NFNETLINK_V0), res_id: 0)
    let type = Int(NFNL_SUBSYS_NFTABLES) << 8 | Int(NFT_MSG_GETTABLE.rawValue)
    var message = NetlinkMessage("look for the filter table \(name)", type: type, header: header)
    message.append(Int(NFTA_TABLE_NAME.rawValue), bytes: Array(name.utf8) + [0])
    do throws(SystemError) {
      var socket = try NetlinkSocket(protocol: NETLINK_NETFILTER)
      var isThere = false
      try socket.request(message) { _ in isThere = true }
      return isThere ? .present : .absent
    } catch {
      return error.number == ENOENT ? .absent : .unknown
    }
  }
}
