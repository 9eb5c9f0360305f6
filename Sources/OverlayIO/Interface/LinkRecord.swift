import CLinux
import Glibc
import OverlayCore

/// An interface as rtnetlink tells of it.
struct LinkRecord: Equatable {
  /// The kernel's number for the interface.
  var index: Int32
  /// What it is called now; `nil` where the kernel does not say.
  var name: String?
  /// Whether it is administratively up.
  var isUp: Bool
  /// The largest packet in bytes.
  var mtu: Int
  /// What IPv6 does on it.
  var networkLayer: NetworkLayer
  /// Its address on Ethernet; `nil` where frames have none.
  var hardwareAddress: MACAddress?
  /// The number of the bridge whose port it is; `nil` if it is none's.
  var bridge: Int32?

  /// What IPv6 does on an interface.
  enum NetworkLayer {
    /// It works.
    case enabled
    /// sysctl `disable_ipv6` is set.
    case disabled
    /// It is not there: the kernel lacks it, or the MTU is below IPv6's minimum.
    case absent
  }

  /// `lo`, which is the first interface of every network namespace (`LOOPBACK_IFINDEX` in `<net/flow.h>`).
  static let loopbackIndex: Int32 = 1

  /// Reads `RTM_NEWLINK` and `RTM_DELLINK`; `nil` for what a bridge says of its ports and for what is not whole.
  init?(_ record: NetlinkRecord) {
    guard let header = record.familyHeader(as: ifinfomsg.self), Int32(header.ifi_family) == AF_UNSPEC else {
      return nil
    }
    let attributes = record.attributes(after: ifinfomsg.self)
    index = header.ifi_index
    name = attributes.first(Int(IFLA_IFNAME)).map { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
    isUp = header.ifi_flags & UInt32(IFF_UP) != 0
    mtu = Int(attributes.value(Int(IFLA_MTU), as: UInt32.self) ?? 0)
    networkLayer = LinkRecord.networkLayer(attributes)
    if let payload = attributes.first(Int(IFLA_ADDRESS)), payload.count == MACAddress.size {
      hardwareAddress = MACAddress(loading: payload, at: 0)
    }
    bridge = LinkRecord.bridge(attributes)
  }

  private static func bridge(_ attributes: NetlinkAttributes) -> Int32? {
    guard let information = attributes.first(Int(IFLA_LINKINFO)),
      let kind = NetlinkAttributes(in: information).first(Int(IFLA_INFO_SLAVE_KIND)),
      kind.prefix(while: { $0 != 0 }).elementsEqual(LinkRequest.bridgeKind.utf8)
    else { return nil }
    return attributes.value(Int(IFLA_MASTER), as: Int32.self)
  }

  private static func networkLayer(_ attributes: NetlinkAttributes) -> NetworkLayer {
    guard let families = attributes.first(Int(IFLA_AF_SPEC)),
      let family = NetlinkAttributes(in: families).first(Int(AF_INET6))
    else { return .absent }
    // An array of 32-bit numbers with the sysctl's as its members.
    guard let settings = NetlinkAttributes(in: family).first(Int(IFLA_INET6_CONF)) else { return .enabled }
    let offset = Int(oncilla_devconf_disable_ipv6()) * MemoryLayout<Int32>.size
    guard settings.count >= offset + MemoryLayout<Int32>.size else { return .enabled }
    return settings.loadUnaligned(fromByteOffset: offset, as: Int32.self) == 0 ? .enabled : .disabled
  }
}

/// The requests about one interface.
enum LinkRequest {
  /// Asks for the interface of this name.
  static func query(name: String) -> NetlinkMessage {
    var message = NetlinkMessage("look for interface \(name)", type: RTM_GETLINK, header: header())
    message.append(Int(IFLA_IFNAME), bytes: Array(name.utf8) + [0])
    return message
  }

  /// Asks for the interface of this number.
  static func query(index: Int32) -> NetlinkMessage {
    NetlinkMessage("look for the interface", type: RTM_GETLINK, header: header(index: index))
  }

  /// Sets the administrative state.
  static func setUp(_ up: Bool, index: Int32) -> NetlinkMessage {
    var header = header(index: index)
    header.ifi_flags = up ? UInt32(IFF_UP) : 0
    header.ifi_change = UInt32(IFF_UP)
    return NetlinkMessage(up ? "set the interface up" : "set the interface down", type: RTM_NEWLINK, header: header)
  }

  /// Sets the largest packet in bytes.
  static func setMTU(_ mtu: Int, index: Int32) -> NetlinkMessage {
    var message = NetlinkMessage("set the MTU", type: RTM_NEWLINK, header: header(index: index))
    message.append(Int(IFLA_MTU), value: UInt32(mtu))
    return message
  }

  /// Sets how many packets the interface holds that were not read yet.
  static func setQueueLength(_ packets: Int, index: Int32) -> NetlinkMessage {
    var message = NetlinkMessage("set the queue's length", type: RTM_NEWLINK, header: header(index: index))
    message.append(Int(IFLA_TXQLEN), value: UInt32(packets))
    return message
  }

  /// Sets the interface's address on Ethernet.
  static func setHardwareAddress(_ address: MACAddress, index: Int32) -> NetlinkMessage {
    var message = NetlinkMessage("set the MAC address", type: RTM_NEWLINK, header: header(index: index))
    var bytes = [UInt8](repeating: 0, count: MACAddress.size)
    bytes.withUnsafeMutableBytes { address.store(into: $0, at: 0) }
    message.append(Int(IFLA_ADDRESS), bytes: bytes)
    return message
  }

  /// The name of the driver whose ports are a bridge's.
  static let bridgeKind = "bridge"

  /// Lets the interface, which is a bridge's port, get all multicast (`MDB_RTR_TYPE_PERM` in `<linux/if_bridge.h>`): a
  /// bridge that snoops sends solicitations only to who asked for the group, and nobody can ask for all.
  static func becomeMulticastRouterPort(index: Int32) -> NetlinkMessage {
    var message = NetlinkMessage(
      "make the interface a multicast router's port of its bridge", type: RTM_NEWLINK, header: header(index: index))
    message.nest(Int(IFLA_LINKINFO)) { information in
      information.append(Int(IFLA_INFO_SLAVE_KIND), bytes: bridgeKind.utf8)
      information.nest(Int(IFLA_INFO_SLAVE_DATA)) { port in
        port.append(Int(IFLA_BRPORT_MULTICAST_ROUTER), value: UInt8(2))
      }
    }
    return message
  }

  /// Keeps the kernel from making a link-local address, which nobody could reach.
  static func withoutLinkLocalAddress(index: Int32) -> NetlinkMessage {
    var message = NetlinkMessage("refuse link-local addresses", type: RTM_NEWLINK, header: header(index: index))
    message.nest(Int(IFLA_AF_SPEC)) { families in
      families.nest(Int(AF_INET6)) { family in
        family.append(Int(IFLA_INET6_ADDR_GEN_MODE), value: UInt8(IN6_ADDR_GEN_MODE_NONE.rawValue))
      }
    }
    return message
  }

  private static func header(index: Int32 = 0) -> ifinfomsg {
    var header = ifinfomsg()
    header.ifi_index = index
    return header
  }
}
