import OverlayCore
import OverlayIO

extension RunDraft {
  /// The options of `oncilla run`, in the order of the help text. They are a promise to the scripts of others.
  static var options: [Option<RunDraft>] {
    [
      Option("--onion", "NAME[,listen=HOST:PORT]", "This host's onion name, and where it listens for circuits.") {
        draft, value throws(Refusal) in
        draft.onion = try OnionOption.read(value)
      },
      Option("--hostname-file", "FILE", "Read the name from Tor's hostname file; wait for it if it is not there.") {
        draft, value throws(Refusal) in
        draft.hostnameFile = try Value.path(value)
      },
      Option(
        "--peer", "[PETNAME=][ADDRESS/]NAME", isRepeatable: true,
        "A permanent peer: dialled at start and again for ever. Repeatable."
      ) { draft, value throws(Refusal) in
        draft.peers.append(try PeerOption.read(value, after: draft.peers))
      },
      Option("--hosts", "FILE", "More names: lines 'address name'. Re-read when it changes.") {
        draft, value throws(Refusal) in
        draft.hostsFile = try Value.path(value)
      },
      Option("--socks", "HOST:PORT|unix:PATH", default: "127.0.0.1:9050", "Tor's SOCKS port.") {
        draft, value throws(Refusal) in
        draft.socks = try Value.socketAddress(value)
      },
      Option(
        "--listen", "HOST:PORT", default: "127.0.0.1:8060", isRepeatable: true,
        "Where Tor's HiddenServicePort line leads. Repeatable."
      ) { draft, value throws(Refusal) in
        let address = try Value.internetAddress(value)
        guard !draft.listen.contains(address) else { throw Refusal("this address is already given") }
        draft.listen.append(address)
      },
      Option("--service-port", "PORT", default: "8060", "The port of peers' onion services.") {
        draft, value throws(Refusal) in
        draft.servicePort = UInt16(try Value.number(value, in: 1...65535))
      },
      Option("--interface", "NAME", default: "\(InterfaceName.standard)", "The network interface to make.") {
        draft, value throws(Refusal) in
        draft.interface = try Value.interface(value)
      },
      Option("--netns", "NAME", "Put the interface into this network namespace; sockets stay outside.") {
        draft, value throws(Refusal) in
        draft.namespace = try Value.namespace(value)
      },
      Option("--mtu", "N", default: "\(InterfaceMTU.standard.bytes)", "The interface's MTU in bytes, 1280 to 65535.") {
        draft, value throws(Refusal) in
        draft.mtu = try Value.mtu(value)
      },
      Option("--no-offload", "Leave the cutting of packets and their checksums to the kernel: slower.") { draft in
        draft.offload = false
      },
      Option("--idle", "SECONDS", default: "180", "Close a circuit that was silent so long, 1 to 86400.") {
        draft, value throws(Refusal) in
        draft.idle = try Value.number(value, in: 1...86400)
      },
      Option("--circuits", "N", default: "2", "Circuits to a peer: one for sparse flows, N-1 for bulk; 1 to 8.") {
        draft, value throws(Refusal) in
        draft.circuits = try Value.number(value, in: 1...8)
      },
      Option("--state-dir", "DIR", default: "/var/lib/oncilla", "What is remembered between runs. Reserved.") {
        draft, value throws(Refusal) in
        draft.stateDirectory = try Value.path(value)
      },
      Option("--control", "PATH", default: "/run/oncilla/control.sock", "The control socket. Reserved.") {
        draft, value throws(Refusal) in
        draft.control = try Value.socketPath(value)
      },
      Option("--log-level", "error|warning|notice|info|debug", default: "notice", "How much is logged.") {
        draft, value throws(Refusal) in
        draft.logLevel = try Value.level(value)
      },
      Option("--log", "stderr|syslog|FILE", default: "stderr", "Where to. SIGHUP opens a FILE again.") {
        draft, value throws(Refusal) in
        draft.logTarget = try Value.target(value)
      },
    ]
  }

  typealias Refusal = Option<RunDraft>.Refusal
}
