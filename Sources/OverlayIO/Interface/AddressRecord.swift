import CLinux
import Glibc
import OverlayCore

/// An address of an interface as rtnetlink tells of it.
struct AddressRecord: Equatable {
  /// The interface's number.
  var interface: Int32
  /// The address, as the prefix of all its bits.
  var address: IPPrefix
  /// The length in bits of the prefix that is routed to the interface with it.
  var prefixLength: Int
  /// Whether it can be sent from: not as long as it may be another host's, too (RFC 4862 section 5.4).
  var isUsable: Bool

  /// Reads `RTM_NEWADDR` and `RTM_DELADDR`; `nil` for another family's than IP, and for what is not whole.
  init?(_ record: NetlinkRecord) {
    guard let header = record.familyHeader(as: ifaddrmsg.self) else { return nil }
    let attributes = record.attributes(after: ifaddrmsg.self)
    switch Int32(header.ifa_family) {
    case AF_INET6:
      guard let payload = attributes.first(Int(IFA_ADDRESS)), let address = IPv6Address(bytes: payload),
        let host = IPv6Prefix(address, length: 128)
      else { return nil }
      self.address = .ipv6(host)
    case AF_INET:
      // With IPv4 the other one is that of the peer, where there is one.
      guard let payload = attributes.first(Int(IFA_LOCAL)), let address = IPv4Address(bytes: payload),
        let host = IPv4Prefix(address, length: 32)
      else { return nil }
      self.address = .ipv4(host)
    default: return nil
    }
    interface = Int32(truncatingIfNeeded: header.ifa_index)
    prefixLength = Int(header.ifa_prefixlen)
    let flags = attributes.value(Int(IFA_FLAGS), as: UInt32.self) ?? UInt32(header.ifa_flags)
    isUsable = flags & UInt32(IFA_F_TENTATIVE | IFA_F_DADFAILED) == 0
  }

  /// The request that gives the interface this address and, with it, the prefix's route. Replacing restores a route
  /// that was removed from under a standing address. One that is not `isPreferred` is used by those only who ask for
  /// it.
  static func addition(
    _ address: IPv6Address, prefixLength: Int, isPreferred: Bool = true, interface: Int32
  ) -> NetlinkMessage {
    var header = ifaddrmsg()
    header.ifa_family = UInt8(AF_INET6)
    header.ifa_prefixlen = UInt8(prefixLength)
    header.ifa_index = UInt32(bitPattern: interface)
    header.ifa_scope = UInt8(address.isLinkLocal ? RT_SCOPE_LINK.rawValue : RT_SCOPE_UNIVERSE.rawValue)
    var message = NetlinkMessage(
      "set the address", type: RTM_NEWADDR, flags: NLM_F_CREATE | NLM_F_REPLACE, header: header)
    message.append(Int(IFA_LOCAL), bytes: address.bytes)
    // Nobody else on the interface can have the address, so that the second of duplicate address detection would be
    // lost.
    message.append(Int(IFA_FLAGS), value: UInt32(IFA_F_NODAD))
    if !isPreferred {
      message.append(
        Int(IFA_CACHEINFO),
        value: ifa_cacheinfo(ifa_prefered: 0, ifa_valid: .max, cstamp: 0, tstamp: 0))
    }
    return message
  }

  /// The request for all IPv6 addresses of the interface.
  static func query(interface: Int32) -> NetlinkMessage {
    var header = ifaddrmsg()
    header.ifa_family = UInt8(AF_INET6)
    header.ifa_index = UInt32(bitPattern: interface)
    return NetlinkMessage("look for addresses", type: RTM_GETADDR, flags: NLM_F_DUMP, header: header)
  }

  /// The request for all addresses of this family (`AF_INET` or `AF_INET6`), of every interface.
  static func query(family: UInt8) -> NetlinkMessage {
    var header = ifaddrmsg()
    header.ifa_family = family
    return NetlinkMessage("look for addresses", type: RTM_GETADDR, flags: NLM_F_DUMP, header: header)
  }

  /// The request that takes the address from the interface.
  var removal: NetlinkMessage {
    var header = ifaddrmsg()
    header.ifa_family = address.family
    header.ifa_prefixlen = UInt8(prefixLength)
    header.ifa_index = UInt32(bitPattern: interface)
    var message = NetlinkMessage("remove an address", type: RTM_DELADDR, header: header)
    switch address {
    case .ipv6(let host): message.append(Int(IFA_LOCAL), bytes: host.address.bytes)
    case .ipv4(let host): message.append(Int(IFA_LOCAL), bytes: host.address.bytes)
    }
    return message
  }

  /// The request that gives the interface this address without a route: what has to be restored with a link is added as
  /// routes are.
  static func addition(_ address: IPv4InterfaceAddress, interface: Int32) -> NetlinkMessage {
    var header = ifaddrmsg()
    header.ifa_family = UInt8(AF_INET)
    header.ifa_prefixlen = UInt8(address.prefix.length)
    header.ifa_index = UInt32(bitPattern: interface)
    var message = NetlinkMessage(
      "set the IPv4 address", type: RTM_NEWADDR, flags: NLM_F_CREATE | NLM_F_REPLACE, header: header)
    message.append(Int(IFA_LOCAL), bytes: address.address.bytes)
    message.append(Int(IFA_ADDRESS), bytes: address.address.bytes)
    message.append(Int(IFA_FLAGS), value: UInt32(IFA_F_NOPREFIXROUTE))
    return message
  }
}
