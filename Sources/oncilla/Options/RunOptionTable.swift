import OverlayCore
import OverlayIO

extension RunDraft {
  /// The options of `oncilla run`, in the order of the help text. They are a promise to the scripts of others.
  static var options: [Option<RunDraft>] {
    [
      Option(
        "--onion", "NAME[,listen=HOST:PORT][,mac=MAC]", isRepeatable: true,
        "This host's onion name, where it listens for circuits, and which host of the LAN gets it by --dhcpv6. "
          + "Repeatable: several identities."
      ) { draft, value throws(Refusal) in
        draft.onions.append(try OnionOption.read(value, after: draft.onions))
      },
      Option(
        "--linkable-identities",
        "Let identities share a listener: whoever finds one there can prove that the others are this host, too."
      ) { draft in
        draft.daemon.linkableIdentities = true
      },
      Option("--hostname-file", "FILE", "Read the name from Tor's hostname file; wait for it if it is not there.") {
        draft, value throws(Refusal) in
        draft.hostnameFile = try Value.path(value)
      },
      Option(
        "--peer", "[PETNAME=][ADDRESS/]NAME", isRepeatable: true,
        "A permanent peer: dialled at start and again for ever. Repeatable."
      ) { draft, value throws(Refusal) in
        let option = try PeerOption.read(value, after: draft.daemon.peers)
        draft.daemon.peers.append(option.peer)
        if let port = option.port { draft.peersWithPort.append((value, port)) }
      },
      Option("--hosts", "FILE", "More names: lines 'address name'. Re-read when it changes.") {
        draft, value throws(Refusal) in
        draft.daemon.hostsFile = try Value.path(value)
      },
      Option("--socks", "HOST:PORT|unix:PATH", default: "127.0.0.1:9050", "Tor's SOCKS port.") {
        draft, value throws(Refusal) in
        draft.daemon.socks = try Value.socketAddress(value)
      },
      Option(
        "--listen", "HOST:PORT", default: "127.0.0.1:8060", isRepeatable: true,
        "Where Tor's HiddenServicePort line leads. Repeatable."
      ) { draft, value throws(Refusal) in
        let address = try Value.internetAddress(value)
        guard !draft.listen.contains(address) else { throw Refusal("this address is already given") }
        draft.listen.append(address)
      },
      Option("--service-port", "PORT", default: "\(OverlayNetwork.servicePort)", "The port of peers' onion services.") {
        draft, value throws(Refusal) in
        draft.daemon.servicePort = UInt16(try Value.number(value, in: 1...65535))
      },
      Option("--interface", "NAME", default: "\(InterfaceName.standard)", "The network interface to make.") {
        draft, value throws(Refusal) in
        draft.daemon.interface.name = try Value.interface(value)
      },
      Option("--mode", "tun|tap", default: "tun", "What it carries: IP packets, or Ethernet frames for a bridge.") {
        draft, value throws(Refusal) in
        draft.daemon.interface.mode = try Value.mode(value)
      },
      Option("--netns", "NAME", "Put the interface into this network namespace; sockets stay outside.") {
        draft, value throws(Refusal) in
        draft.daemon.interface.namespace = try Value.namespace(value)
      },
      Option("--mtu", "N", default: "\(InterfaceMTU.standard.bytes)", "The interface's MTU in bytes, 1280 to 65535.") {
        draft, value throws(Refusal) in
        draft.daemon.interface.mtu = try Value.mtu(value)
      },
      Option("--no-offload", "Leave the cutting of packets and their checksums to the kernel: slower.") { draft in
        draft.daemon.interface.offload = false
      },
      Option("--no-address", "Give the interface no address: it is a bridge's port and no more. Needs --mode tap.") {
        draft in
        draft.daemon.interface.hasAddress = false
      },
      Option(
        "--route", "PREFIX,via=NAME", isRepeatable: true,
        "What lies behind a peer, by its onion name or petname. Repeatable; the longest match counts."
      ) { draft, value throws(Refusal) in
        draft.routes.append(try RouteOption.read(value, count: draft.routes.count + 1))
      },
      Option("--serve", "PREFIX", isRepeatable: true, "What lies behind this host, for its peers. Repeatable.") {
        draft, value throws(Refusal) in
        draft.served.append(try PrefixOption.read(value, count: draft.served.count + 1))
      },
      Option("--ipv4", "Carry IPv4, too, where --route and --serve say.") { draft in
        draft.daemon.interface.carriesIPv4 = true
      },
      Option("--ipv4-address", "A/LEN", "The interface's IPv4 address. Needs --ipv4.") {
        draft, value throws(Refusal) in
        draft.ipv4Address = (value, try Value.ipv4Address(value))
      },
      Option("--dhcpv6", "Give this host's identities to hosts of the LAN by DHCPv6. Needs --mode tap.") { draft in
        draft.daemon.dhcpv6 = true
      },
      Option("--idle", "SECONDS", default: "180", "Close a circuit that was silent so long, 1 to 86400.") {
        draft, value throws(Refusal) in
        draft.daemon.idle = .seconds(try Value.number(value, in: 1...86400))
      },
      Option("--circuits", "N", default: "2", "Circuits to a peer: one for sparse flows, N-1 for bulk; 1 to 8.") {
        draft, value throws(Refusal) in
        draft.daemon.circuitsPerPeer = try Value.number(value, in: 1...8)
      },
      Option("--state-dir", "DIR", default: "/var/lib/oncilla", "What is remembered between runs.") {
        draft, value throws(Refusal) in
        draft.daemon.stateDirectory = try Value.path(value)
      },
      Option("--control", "PATH", default: "/run/oncilla/control.sock", "The control socket. Reserved.") {
        draft, value throws(Refusal) in
        draft.daemon.control = try Value.socketPath(value)
      },
      Option("--log-level", "error|warning|notice|info|debug", default: "notice", "How much is logged.") {
        draft, value throws(Refusal) in
        draft.logLevel = try Value.level(value)
      },
      Option("--log", "stderr|syslog|FILE", default: "stderr", "Where to. A FILE has a '/'; SIGHUP opens it again.") {
        draft, value throws(Refusal) in
        draft.logTarget = try Value.target(value)
      },
    ]
  }

  typealias Refusal = Option<RunDraft>.Refusal
}
