import CLinux
import Glibc
import OverlayCore

/// What the kernel remembers of TCP connections to each destination (`ip tcp_metrics`) in the network namespace that it
/// was opened in: who was talked with, and when. It outlives the interface, for an hour and more.
struct ConnectionMemory: ~Copyable {
  private var socket: NetlinkSocket
  private let family: Int

  /// Opens a socket to generic netlink, and asks for the number of the family there.
  init() throws(SystemError) {
    var socket = try NetlinkSocket(protocol: NETLINK_GENERIC)
    var query = NetlinkMessage(
      "look for TCP metrics", type: Int(GENL_ID_CTRL),
      header: genlmsghdr(cmd: UInt8(CTRL_CMD_GETFAMILY), version: 1, reserved: 0))
    query.append(Int(CTRL_ATTR_FAMILY_NAME), bytes: Array(TCP_METRICS_GENL_NAME.utf8) + [0])
    var found: UInt16?
    try socket.request(query) { record in
      found = record.attributes(after: genlmsghdr.self).value(Int(CTRL_ATTR_FAMILY_ID), as: UInt16.self) ?? found
    }
    guard let found else { throw SystemError(call: query.purpose, number: ENOENT) }
    self.socket = socket
    family = Int(found)
  }

  /// Forgets the destinations in these prefixes.
  mutating func forget(_ prefixes: [IPPrefix]) throws(SystemError) {
    var destinations: Set<IPPrefix> = []
    try socket.request(message(TCP_METRICS_CMD_GET, flags: NLM_F_DUMP)) { record in
      let attributes = record.attributes(after: genlmsghdr.self)
      for (attribute, family) in ConnectionMemory.destinations {
        guard let bytes = attributes.first(attribute),
          let address = IPPrefix(family: UInt8(family), length: bytes.count * 8, attribute: bytes),
          prefixes.contains(where: { $0.contains(address) })
        else { continue }
        destinations.insert(address)
      }
    }
    for destination in destinations {
      var removal = message(TCP_METRICS_CMD_DEL)
      let attribute = ConnectionMemory.destinations.first { $0.family == Int32(destination.family) }?.attribute
      removal.append(attribute ?? 0, bytes: destination.addressBytes)
      do throws(SystemError) {
        try socket.request(removal)
      } catch {
        // It was forgotten meanwhile.
        if error.number != ESRCH { throw error }
      }
    }
  }

  private static let destinations: [(attribute: Int, family: Int32)] = [
    (Int(TCP_METRICS_ATTR_ADDR_IPV6), AF_INET6), (Int(TCP_METRICS_ATTR_ADDR_IPV4), AF_INET),
  ]

  private func message(_ command: Int, flags: Int32 = 0) -> NetlinkMessage {
    NetlinkMessage(
      "forget TCP metrics", type: family, flags: flags,
      header: genlmsghdr(cmd: UInt8(command), version: UInt8(TCP_METRICS_GENL_VERSION), reserved: 0))
  }
}
