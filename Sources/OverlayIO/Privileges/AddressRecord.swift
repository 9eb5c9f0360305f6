import CLinux
import Glibc
import OverlayCore

/// An IPv6 address of an interface as rtnetlink tells of it.
struct AddressRecord: Equatable {
  /// The interface's number.
  var interface: Int32
  /// The address.
  var address: IPv6Address
  /// The length in bits of the prefix that is routed to the interface with it.
  var prefixLength: Int

  /// Reads `RTM_NEWADDR` and `RTM_DELADDR`; `nil` for another family's and for what is not whole.
  init?(_ record: NetlinkRecord) {
    guard let header = record.familyHeader(as: ifaddrmsg.self), Int32(header.ifa_family) == AF_INET6,
      let payload = record.attributes(after: ifaddrmsg.self).first(Int(IFA_ADDRESS)),
      let address = IPv6Address(bytes: payload)
    else { return nil }
    interface = Int32(truncatingIfNeeded: header.ifa_index)
    self.address = address
    prefixLength = Int(header.ifa_prefixlen)
  }

  /// The request that gives the interface this address and, with it, the prefix's route. Replacing restores a route
  /// that was removed from under a standing address.
  static func addition(_ address: IPv6Address, prefixLength: Int, interface: Int32) -> NetlinkMessage {
    var header = ifaddrmsg()
    header.ifa_family = UInt8(AF_INET6)
    header.ifa_prefixlen = UInt8(prefixLength)
    header.ifa_index = UInt32(bitPattern: interface)
    var message = NetlinkMessage(
      "set the address", type: RTM_NEWADDR, flags: NLM_F_CREATE | NLM_F_REPLACE, header: header)
    message.append(Int(IFA_LOCAL), bytes: address.bytes)
    // Nobody else hears the interface, so that the second of duplicate address detection would be lost.
    message.append(Int(IFA_FLAGS), value: UInt32(IFA_F_NODAD))
    return message
  }
}
