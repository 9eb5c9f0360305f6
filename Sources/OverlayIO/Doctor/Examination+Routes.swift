import CLinux
import Glibc
import OverlayCore

/// Where packets for peers go.
extension Examination {
  /// Whether packets for peers stay here while no daemon runs.
  func leakGuard() -> Check.Finding {
    inNamespace { settings in
      let guarded: [IPPrefix]
      do throws(PrivilegeError) {
        // The thread is in the namespace already.
        var interface = settings.interface
        interface.namespace = nil
        var privileges = try Privileges(guarding: interface)
        guarded = try privileges.lookForLeakGuards()
      } catch {
        return .skipped("\(error)")
      }
      let wanted = [.ipv6(settings.interface.prefix)] + settings.routes.map(\.prefix)
      guard let missing = wanted.first(where: { !guarded.contains($0) }) else {
        return .ok("\(wanted.map { "\($0)" }.joined(separator: ", ")) cannot leave in the clear")
      }
      let namespace = settings.interface.namespace.map { " --netns \($0.path.split(separator: "/").last ?? "")" } ?? ""
      return .wrong(
        "\(missing) is not guarded: while no daemon runs, what is for peers leaves in the clear",
        remedy: "'\(instance.program) guard on\(namespace)' guards it, at once, and oncilla-guard.service at boot")
    }
  }

  /// Whether packets for peers go to the daemon's interface.
  func routes() -> Check.Finding {
    inNamespace { settings in
      do throws(SystemError) {
        var socket = try NetlinkSocket()
        let link = try Examination.link(settings.interface.name.description, &socket)
        let prefix = IPPrefix.ipv6(settings.interface.prefix)
        var rules: [RuleRecord] = []
        try? socket.request(PolicyRule.query(family: UInt8(AF_INET6))) { record in
          if let rule = RuleRecord(record) { rules.append(rule) }
        }
        let own = rules.compactMap { PolicyRule($0) }.filter { $0.prefix == prefix }.map(\.priority).min()
        let rivals = rules.filter { $0.overrides(prefix) && $0.priority < own ?? .max }
        if let rival = rivals.min(by: { $0.priority < $1.priority }) {
          return .wrong(
            "the policy rule \(rival.priority) of another program is asked before ours, and may take packets for peers "
              + "elsewhere", remedy: "'\(instance.program) guard on' puts ours before it ('ip -6 rule' lists them)")
        }
        return try route(settings, link, &socket)
      } catch {
        return .skipped("\(error)")
      }
    }
  }

  private func route(
    _ settings: DaemonSettings, _ link: LinkRecord?, _ socket: inout NetlinkSocket
  ) throws(SystemError) -> Check.Finding {
    let name = settings.interface.name
    guard settings.hasAddress else { return .ok("\(name) is a port of a bridge, and needs none") }
    let prefixes = [.ipv6(settings.interface.prefix)] + settings.routes.map(\.prefix)
    for prefix in prefixes {
      let finding = try route(to: prefix, name, link, &socket)
      if case .wrong = finding { return finding }
    }
    if link == nil { return .ok("there is no \(name) now, and packets for peers are refused") }
    return .ok("\(prefixes.map { "\($0)" }.joined(separator: ", ")) lead\(prefixes.count == 1 ? "s" : "") to \(name)")
  }

  private func route(
    to prefix: IPPrefix, _ name: InterfaceName, _ link: LinkRecord?, _ socket: inout NetlinkSocket
  ) throws(SystemError) -> Check.Finding {
    let found = try Examination.interface(to: prefix, &socket)
    switch (found, link) {
    case (let index?, let link?) where index == link.index: return .ok("")
    case (let index?, _):
      let other = try Examination.link(index, &socket)?.name ?? "interface \(index)"
      return .wrong(
        "packets for \(prefix) leave through \(other)\(link == nil ? "" : ", and not through \(name)")",
        remedy:
          "'\(instance.program) guard on' keeps them here while no daemon runs, and 'ip route get' shows the route")
    case (nil, let link?) where link.isUp:
      return .wrong(
        "\(prefix) does not lead to \(name), which is up",
        remedy: "the daemon puts its route back, if it runs: its log says why it does not")
    case (nil, _): return .ok("")
    }
  }

  /// The interface of this name; `nil` if there is none.
  static func link(_ name: String, _ socket: inout NetlinkSocket) throws(SystemError) -> LinkRecord? {
    try link(LinkRequest.query(name: name), &socket)
  }

  private static func link(_ index: Int32, _ socket: inout NetlinkSocket) throws(SystemError) -> LinkRecord? {
    try link(LinkRequest.query(index: index), &socket)
  }

  private static func link(_ query: NetlinkMessage, _ socket: inout NetlinkSocket) throws(SystemError) -> LinkRecord? {
    var link: LinkRecord?
    do throws(SystemError) {
      try socket.request(query) { record in link = LinkRecord(record) ?? link }
    } catch {
      if error.number != ENODEV { throw error }
    }
    return link
  }

  /// The number of the interface that a packet to a host of this prefix leaves through; `nil` if it is refused.
  private static func interface(to prefix: IPPrefix, _ socket: inout NetlinkSocket) throws(SystemError) -> Int32? {
    var address = prefix.addressBytes
    // The first address of a prefix means the prefix, or its routers, and no host.
    if prefix.length < address.count * 8, let last = address.indices.last { address[last] |= 1 }
    var header = rtmsg()
    header.rtm_family = prefix.family
    header.rtm_dst_len = UInt8(address.count * 8)
    var message = NetlinkMessage("look for the route to \(prefix)", type: RTM_GETROUTE, header: header)
    message.append(Int(RTA_DST.rawValue), bytes: address)
    var index: Int32?
    do throws(SystemError) {
      try socket.request(message) { record in
        guard let route = record.familyHeader(as: rtmsg.self), Int(route.rtm_type) == RTN_UNICAST else { return }
        index = record.attributes(after: rtmsg.self).value(Int(RTA_OIF.rawValue), as: Int32.self)
      }
    } catch {
      guard [ENETUNREACH, EHOSTUNREACH, EACCES, EINVAL, ESRCH].contains(error.number) else { throw error }
    }
    return index
  }
}
