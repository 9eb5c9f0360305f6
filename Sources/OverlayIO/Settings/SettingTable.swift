import OverlayCore

extension Setting {
  /// Every setting, in the order of the help text. They are a promise to the scripts of others.
  public static let all: [Setting] = [
    .form(
      "onion", "NAME[,listen=HOST:PORT][,mac=MAC][,lookup=HOST:PORT]", isRepeatable: true, needsRestart: true,
      "This host's onion name, where it listens for circuits, and which host of the LAN gets it by --dhcpv6. "
        + "Repeatable: several identities."
    ) { draft, given throws(SettingValue.Refusal) in
      draft.onions.append(try OnionSetting.read(given, after: draft.onions))
    },
    .form(
      "identity", "NAME,listen=HOST:PORT[,mac=MAC][,lookup=HOST:PORT]", isRepeatable: true, needsRestart: true,
      "One more identity beside this host's own, with an onion service that Tor makes. Repeatable. Needs --publish tor."
    ) { draft, given throws(SettingValue.Refusal) in
      draft.identitiesOfTor.append(try IdentitySetting.read(given, after: draft.identitiesOfTor))
    },
    .flag(
      "linkable-identities", needsRestart: true,
      "Let identities share a listener: whoever finds one there can prove that the others are this host, too."
    ) { $0.daemon.linkableIdentities = true },
    .form(
      "hostname-file", "FILE", needsRestart: true,
      "Read the name from Tor's hostname file; wait for it if it is not there."
    ) { draft, given throws(SettingValue.Refusal) in
      draft.hostnameFile = (given.origin, try SettingValue.path(given.text))
    },
    .form(
      "tor-control", "HOST:PORT|unix:PATH", needsRestart: true,
      "Tor's control port: how far Tor is, and with --publish tor the onion service."
    ) { draft, given throws(SettingValue.Refusal) in
      draft.daemon.torControl = try SettingValue.socketAddress(given.text)
    },
    .word(
      "publish", DaemonSettings.Publisher.allCases, as: \.rawValue, default: .torrc, needsRestart: true,
      "Who makes the onion service: lines of torrc, or Tor at our word, whose key is kept in the state directory.",
      at: \.daemon.publisher),
    .flag(
      "ephemeral", needsRestart: true,
      "A new name at each start, whose key is never written. Needs --publish tor."
    ) { $0.daemon.isEphemeral = true },
    .form(
      "peer", "[PETNAME=][ADDRESS/]NAME", isRepeatable: true, needsRestart: false,
      "A permanent peer: dialled at start and again for ever. Repeatable."
    ) { draft, given throws(SettingValue.Refusal) in
      let setting = try PeerSetting.read(given.text, after: draft.daemon.peers)
      draft.daemon.peers.append(setting.peer)
      if let port = setting.port { draft.peersWithPort.append((given, port)) }
    },
    .flag(
      "private", needsRestart: true,
      "Let only those find the onion service whom 'oncilla invite' gave a key. Needs --publish tor."
    ) { $0.daemon.isPrivate = true },
    .form(
      "invited", "PETNAME=KEY", isRepeatable: true, needsRestart: false,
      "The public key of somebody who may find it, as 'oncilla invite' writes it. Repeatable."
    ) { draft, given throws(SettingValue.Refusal) in
      let (petname, key) = try KeySetting.read(given.text)
      guard draft.daemon.invited[petname] == nil else {
        throw SettingValue.Refusal("'\(petname)' is already given a key")
      }
      guard draft.daemon.invited.count < TorService.mostClients - 1 else {
        throw SettingValue.Refusal("at most \(TorService.mostClients - 1) keys are accepted")
      }
      draft.daemon.invited[petname] = TorClientPublicKey(key)
    },
    .form(
      "peer-key", "PETNAME=KEY", isRepeatable: true, needsRestart: false,
      "The key of the invitation to a private peer; better 'key' of its file, which others do not read. Repeatable."
    ) { draft, given throws(SettingValue.Refusal) in
      let (petname, key) = try KeySetting.read(given.text)
      draft.peerKeys.append((given, petname, key))
    },
    .word(
      "authenticate", Authentication.ofAll, as: \.rawValue, default: .strict, needsRestart: false,
      "Nothing of a caller gets in before it has proven who it is (strict), or a minute is over (legacy); or all does "
        + "(off).",
      at: \.daemon.authentication),
    .form(
      "peer-authenticate", "PETNAME=strict|legacy|off|full", isRepeatable: true, needsRestart: false,
      "The same for one peer, 'authenticate' of its file; full: an echo reply is no proof. Repeatable."
    ) { draft, given throws(SettingValue.Refusal) in
      let (petname, authentication) = try AuthenticationSetting.read(given.text)
      draft.peerAuthentications.append((given, petname, authentication))
    },
    .form("hosts", "FILE", needsRestart: false, "More names: lines 'address name'. Re-read when it changes.") {
      draft, given throws(SettingValue.Refusal) in
      draft.daemon.hostsFile = try SettingValue.path(given.text)
    },
    .word(
      "lookup", LookupMode.allCases, as: \.rawValue, default: .ask, needsRestart: false,
      "Unknown addresses: ask Tor's directory for their names, have it tell this host's as well, or neither.",
      at: \.daemon.lookup),
    .form(
      "lookup-listen", "HOST:PORT", default: "127.0.0.1:8061", needsRestart: false,
      "Where Tor leads those who ask for this host's name, with lookup serve; nobody else."
    ) { draft, given throws(SettingValue.Refusal) in
      draft.daemon.lookupListen = try SettingValue.internetAddress(given.text)
    },
    .number(
      "lookup-check", "SECONDS", 1...86400, default: 1800, needsRestart: true,
      "How often, about, this host looks itself up, with lookup serve; 1 to 86400.", at: \.daemon.lookupInterval,
      as: { .seconds($0) }),
    .form(
      "allow-in", "RULE", isRepeatable: true, needsRestart: false,
      "What peers may begin with this host: tcp/22, udp/5060 from alice,bob, any from alice, any. Repeatable."
    ) { draft, given throws(SettingValue.Refusal) in
      draft.doorRules.append(try DoorSetting.read(given, count: draft.doorRules.count + 1))
    },
    .word(
      "refuse", DoorPolicy.Refusal.allCases, as: \.rawValue, default: .icmp, needsRestart: false,
      "Whether the sender of what --allow-in does not let in hears of it, or nothing.", at: \.daemon.door.refusal),
    .flag(
      "only-peers", needsRestart: false,
      "A closed group: nobody but --peer may call, and nobody else is dialled or looked up."
    ) { $0.daemon.onlyPeers = true },
    .form(
      "socks", "HOST:PORT|unix:PATH", default: "\(SocketAddress.torSocket)", needsRestart: true,
      "Tor's SOCKS port; 127.0.0.1:9050 where Debian's Tor has no UNIX socket at the start. Over TCP one download hardly "
        + "uses more than one circuit."
    ) { draft, given throws(SettingValue.Refusal) in
      draft.daemon.socks = try SettingValue.socketAddress(given.text)
    },
    .form(
      "listen", "HOST:PORT", default: "127.0.0.1:8060", isRepeatable: true, needsRestart: true,
      "Where Tor's HiddenServicePort line leads. Repeatable."
    ) { draft, given throws(SettingValue.Refusal) in
      let address = try SettingValue.internetAddress(given.text)
      guard !draft.listen.contains(where: { $0.address == address }) else {
        throw SettingValue.Refusal("this address is already given")
      }
      draft.listen.append((given.origin, address))
    },
    .flag(
      "tor-circuit-id", needsRestart: true,
      "Count connections by Tor's circuits: torrc has 'HiddenServiceExportCircuitID haproxy', whose line comes first."
    ) { $0.daemon.isToldTorCircuits = true },
    .number(
      "service-port", "PORT", 1...65535, default: Int(OverlayNetwork.servicePort), needsRestart: true,
      "The port of peers' onion services.", at: \.daemon.servicePort, as: UInt16.init(exactly:)),
    .form(
      "interface", "NAME", bytes: 1...15, default: "\(InterfaceName.standard)", needsRestart: true,
      "The network interface to make."
    ) { draft, given throws(SettingValue.Refusal) in
      draft.daemon.interface.name = try SettingValue.interface(given.text)
    },
    .word(
      "mode", InterfaceMode.allCases, as: \.rawValue, default: .tun, needsRestart: true,
      "What it carries: IP packets, or Ethernet frames for a bridge.", at: \.daemon.interface.mode),
    .form(
      "netns", "NAME", needsRestart: true, "Put the interface into this network namespace; sockets stay outside."
    ) { draft, given throws(SettingValue.Refusal) in
      draft.daemon.interface.namespace = try SettingValue.namespace(given.text)
    },
    .number(
      "mtu", "N", InterfaceMTU.range, default: InterfaceMTU.standard.bytes, needsRestart: true,
      "The interface's MTU in bytes, 1280 to 65535.", at: \.daemon.interface.mtu, as: InterfaceMTU.init(bytes:)),
    .flag(
      "no-offload", needsRestart: true, "Leave the cutting of packets and their checksums to the kernel: slower."
    ) { $0.daemon.interface.offload = false },
    .flag(
      "no-address", needsRestart: true,
      "Give the interface no address: it is a bridge's port and no more. Needs --mode tap."
    ) { $0.daemon.interface.hasAddress = false },
    .form(
      "route", "PREFIX,via=NAME", isRepeatable: true, needsRestart: false,
      "What lies behind a peer, by its onion name or petname. Repeatable; the longest match counts."
    ) { draft, given throws(SettingValue.Refusal) in
      draft.routes.append(try RouteSetting.read(given, count: draft.routes.count + 1))
    },
    .form(
      "serve", "PREFIX", isRepeatable: true, needsRestart: false,
      "What lies behind this host, for its peers. Repeatable."
    ) { draft, given throws(SettingValue.Refusal) in
      draft.served.append((given, try SettingValue.prefix(given.text, count: draft.served.count + 1)))
    },
    .flag("ipv4", needsRestart: true, "Carry IPv4, too, where --route and --serve say.") {
      $0.daemon.interface.carriesIPv4 = true
    },
    .form("ipv4-address", "A/LEN", needsRestart: true, "The interface's IPv4 address. Needs --ipv4.") {
      draft, given throws(SettingValue.Refusal) in
      draft.ipv4Address = (given, try SettingValue.ipv4Address(given.text))
    },
    .flag("dhcpv6", needsRestart: true, "Give this host's identities to hosts of the LAN by DHCPv6. Needs --mode tap.")
    {
      $0.daemon.dhcpv6 = true
    },
    .number(
      "idle", "SECONDS", 1...86400, default: 180, needsRestart: false,
      "Close a circuit that was silent so long, 1 to 86400.", at: \.daemon.idle, as: { .seconds($0) }),
    .number(
      "circuits", "N", 1...8, default: 3, needsRestart: false,
      "Circuits to a peer: one for sparse flows, N-1 for bulk; 1 to 8.", at: \.daemon.circuitsPerPeer, as: { $0 }),
    .number(
      "max-incoming", "N", 16...16_384, default: 4_096, needsRestart: true,
      "Incoming circuits at a time, of all identities together; 16 to 16384. Configured peers' are closed last.",
      at: \.daemon.mostIncoming, as: { $0 }),
    .number(
      "max-unproven", "N", 8...16_384, default: 1_024, needsRestart: true,
      "Of these, circuits whose callers have not shown who they are; 8 to 16384.", at: \.daemon.mostUnproven,
      as: { $0 }),
    .number(
      "accept-rate", "N", 8...10_000, default: 256, needsRestart: true,
      "Incoming circuits that are accepted in a second, 8 to 10000; more are closed.", at: \.daemon.acceptRate,
      as: { $0 }),
    .form(
      "rate-limit", "RATE", default: "none", needsRestart: false,
      "The ceiling of all traffic, each way: 2MB/s, 16Mbit/s, 5000pps or 2MB/s,5000pps. Peers share it fairly."
    ) { draft, given throws(SettingValue.Refusal) in
      draft.daemon.rates.total = try RateSetting.read(given.text)
    },
    .form(
      "peer-rate-limit", "RATE", default: "none", needsRestart: false,
      "The same for the traffic of each peer, and for that of all who have not shown who they are together."
    ) { draft, given throws(SettingValue.Refusal) in
      draft.daemon.rates.peer = try RateSetting.read(given.text)
    },
    .word(
      "scrub", [true, false], as: { $0 ? "on" : "off" }, default: true, needsRestart: false,
      "Take out of packets for peers what tells this host's kernel: TCP timestamps, hop limits, flow labels, DSCP.",
      at: \.daemon.scrubs),
    .number(
      "names", "N", 200...100_000, default: 10_000, needsRestart: true,
      "Names that are learned from others, of all identities together; 200 to 100000.", at: \.daemon.learnedNames,
      as: { $0 }),
    .word(
      "remember", [false, true], as: { $0 ? "yes" : "no" }, default: false, needsRestart: false,
      "Keep learned names on disk, from one run to the next; no removes what was kept.", at: \.daemon.remembersNames),
    .form(
      "state-dir", "DIR|none", default: "/var/lib/oncilla", needsRestart: true,
      "What is remembered between runs; none writes nothing."
    ) { draft, given throws(SettingValue.Refusal) in
      draft.daemon.stateDirectory = given.text == "none" ? nil : try SettingValue.path(given.text)
    },
    .form(
      "user", "NAME", bytes: 1...32, needsRestart: true,
      "The user that a daemon of root's becomes at its start; oncilla by itself, or nobody where there is none."
    ) { draft, given throws(SettingValue.Refusal) in
      draft.daemon.user = try SettingValue.user(given.text)
    },
    .form(
      "control", "PATH|none", bytes: 1...SocketAddress.longestPath, default: "/run/oncilla/control.sock",
      needsRestart: true, "The control socket, at which the other commands find the daemon."
    ) { draft, given throws(SettingValue.Refusal) in
      draft.daemon.control = given.text == "none" ? nil : try SettingValue.socketPath(given.text)
    },
    .form(
      "dns", "HOST:PORT|unix:PATH", isRepeatable: true, needsRestart: true,
      "Answer this host's programs about names by DNS, at a loopback address or a UNIX socket. Repeatable."
    ) { draft, given throws(SettingValue.Refusal) in
      draft.daemon.dns.append(try SettingValue.nameServerAddress(given.text, after: draft.daemon.dns))
    },
    .flag(
      "lan-dns", needsRestart: true,
      "Answer hosts of the LAN about names by DNS, at fd87:d87e:eb43::dead:beef. Needs --mode tap."
    ) {
      $0.daemon.lanDNS = true
    },
    .form(
      "dns-zone", "NAME", default: LocalNameServer.usualZone, needsRestart: true,
      "Where petnames stand as names of the DNS: alice.NAME."
    ) { draft, given throws(SettingValue.Refusal) in
      draft.daemon.dnsZone = try SettingValue.zone(given.text)
    },
    .form(
      "hosts-file", "FILE", needsRestart: false,
      "Keep lines for the permanent peers in this file, such as /etc/hosts, between two marks."
    ) { draft, given throws(SettingValue.Refusal) in
      draft.daemon.keptHostsFile = try SettingValue.filePath(given.text)
    },
    .form(
      "metrics-listen", "HOST:PORT", needsRestart: true,
      "Serve metrics for Prometheus at http://HOST:PORT/metrics, at a loopback address alone."
    ) { draft, given throws(SettingValue.Refusal) in
      draft.daemon.metricsListen = try SettingValue.loopbackAddress(given.text)
    },
    .flag("metrics-peers", needsRestart: false, "Show peers that have petnames in what --metrics-listen serves.") {
      $0.daemon.metricsPeers = true
    },
    .form(
      "hook", "EVENT=PATH", isRepeatable: true, needsRestart: false,
      "A program that is run at an event: up, down, peer-up or peer-down. Repeatable."
    ) { draft, given throws(SettingValue.Refusal) in
      draft.daemon.hooks.append(try HookSetting.read(given.text, after: draft.daemon.hooks))
    },
    .word(
      "log-level", LogLevel.allCases, as: \.name, default: .notice, needsRestart: false, "How much is logged.",
      at: \.logLevel),
    .form(
      "log", "stderr|syslog|FILE", default: "stderr", needsRestart: false,
      "Where to. A FILE has a '/'; SIGHUP opens it again."
    ) { draft, given throws(SettingValue.Refusal) in
      draft.logTarget = try SettingValue.target(given.text)
    },
  ]
}
