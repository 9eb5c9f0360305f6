import Glibc
import OverlayCore

/// The interface, and what passes it.
extension Examination {
  /// Whether the interface has the length of packets that it is to have.
  func mtu() -> Check.Finding {
    inNamespace { settings in
      let name = settings.interface.name.description
      do throws(SystemError) {
        var socket = try NetlinkSocket()
        guard let link = try Examination.link(name, &socket) else { return .skipped("there is no \(name) now") }
        let wanted = settings.interface.mtu.bytes
        if link.mtu < InterfaceMTU.range.lowerBound {
          return .wrong(
            "that of \(name) is \(link.mtu), and IPv6 needs 1280",
            remedy: "'ip link set \(name) mtu \(wanted)' mends it")
        }
        if link.mtu != wanted {
          let text = "that of \(name) is \(link.mtu), and not \(wanted)"
          if running.mtu == link.mtu {
            return .note(text, remedy: "'systemctl restart \(unit.name)' makes it so: it counts from the next start on")
          }
          return .note(
            text, remedy: "'ip link set \(name) mtu \(wanted)' mends it, or --mtu \(link.mtu) makes it so at each start"
          )
        }
        return .ok("that of \(name) is \(wanted)")
      } catch {
        return .skipped("\(error)")
      }
    }
  }

  /// Whether the kernel passes packets on to what this host serves.
  func forwarding() -> Check.Finding {
    inNamespace { settings in
      guard !settings.served.isEmpty else { return .ok("nothing is served to peers but this host itself") }
      var here = settings
      here.interface.namespace = nil
      guard let survey = try? NamespaceSurvey(of: nil) else { return .skipped("the namespace cannot be looked at") }
      let missing = here.missingForwarding(for: survey)
      guard let first = missing.first else {
        return .ok("the kernel passes on what is for \(settings.served.map { "\($0)" }.joined(separator: ", "))")
      }
      return .wrong(first.text, remedy: "'sysctl -w \(first.key)=1' switches it on")
    }
  }

  /// Which ports of this host everybody can reach who knows its name.
  func firewall() -> Check.Finding {
    inNamespace { settings in
      guard let tcp = SocketTable.entries("tcp6", .listening, in: paths),
        let udp = SocketTable.entries("udp6", .unconnected, in: paths)
      else { return .skipped("the kernel does not list its sockets") }
      let prefix = settings.interface.prefix
      let reachable = { (sockets: [SocketTable.Entry]) in
        Set(sockets.filter { $0.address == .unspecified || prefix.contains($0.address) }.map(\.port)).sorted()
      }
      var ports = [("tcp", DoorRule.Transport.tcp, reachable(tcp)), ("udp", .udp, reachable(udp))]
      if settings.ipv4 {
        let ipv4 = SocketTable.entries("tcp", .listening, in: paths) ?? []
        let open = Set(ipv4.filter { $0.address.mappedAddress?.value == 0 }.map(\.port)).sorted()
        ports.append(("tcp of IPv4", .tcp, open))
      }
      let list = { (isIn: (UInt16, DoorRule.Transport) -> Bool) in
        let found = ports.map { name, transport, ports in (name, ports.filter { isIn($0, transport) }) }
        return found.filter { !$0.1.isEmpty }.map { "\($0.0) \(Examination.list($0.1))" }.joined(separator: "; ")
      }
      let rules = settings.door.rules.filter { $0.callers == nil }
      let text = list { port, transport in rules.contains { $0.subject.covers(port, transport) } }
      guard !text.isEmpty else {
        let closed = list { _, _ in true }
        return .ok(
          closed.isEmpty
            ? "nothing listens where peers could reach it" : "the door is closed to strangers for \(closed)")
      }
      // The table of contrib/oncilla.nft is about the interfaces of the standard instance and of others alone.
      let name = settings.interface.name.description
      switch name.hasPrefix("oncilla") || name.hasPrefix("onc-") ? FilterTable.find("oncilla") : .absent {
      case .present: return .ok("the filter table inet oncilla stands before \(text)")
      case .absent, .unknown:
        return .note(
          "everybody who knows this host's name reaches \(text) by 'allow-in', unless a filter of yours stands before",
          remedy: "'allow-in = tcp/PORT from PEER' opens a port to one peer alone, and 'ss -6 -l' names the programs")
      }
    }
  }

  private static let mostPorts = 12

  private static func list(_ ports: [UInt16]) -> String {
    let rest = ports.count - mostPorts
    return ports.prefix(mostPorts).map { "\($0)" }.joined(separator: ", ") + (rest > 0 ? " and \(rest) more" : "")
  }
}
