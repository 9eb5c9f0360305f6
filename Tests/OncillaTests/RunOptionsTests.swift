import Testing

@testable import oncilla
@testable import OverlayCore
@testable import OverlayIO

@Suite("Options of oncilla run")
struct RunOptionsTests {
  static let own = "657g75aboqyljmpstjxnqbse7ek4ud3nk3wajwgnlmpt67wunx7itgyd.onion"
  static let alice = "7fd22jhmqgfl45j6.onion"
  static let bob = "wq52ql3uxgcxqjon.onion"

  func options(_ arguments: String...) throws -> RunSettings {
    try #require(try RunOptions.parse(["--onion", RunOptionsTests.own] + arguments))
  }

  @Test("without further options everything has the documented default")
  func defaults() throws {
    var daemon = DaemonSettings(identities: [
      DaemonSettings.Identity(
        .onion(try OnionName(RunOptionsTests.own)), listen: [.ipv4(.loopback, port: 8060)])
    ])
    daemon.peers = []
    daemon.hostsFile = nil
    daemon.socks = .standardSOCKS
    daemon.servicePort = 8060
    daemon.interface = InterfaceSettings(
      name: .standard, namespace: nil, mode: .tun, mtu: .standard, prefix: OverlayNetwork.tor.prefix, offload: true)
    daemon.idle = .seconds(180)
    daemon.circuitsPerPeer = 3
    daemon.scrubs = true
    daemon.stateDirectory = "/var/lib/oncilla"
    daemon.control = "/run/oncilla/control.sock"
    #expect(try options() == RunSettings(daemon: daemon, logLevel: .notice, logTarget: .standardError))
    #expect(daemon.routes.isEmpty && daemon.served.isEmpty && daemon.hasAddress)
    #expect(!daemon.ipv4 && !daemon.dhcpv6 && !daemon.linkableIdentities)
  }

  @Test("every option arrives at its place")
  func everything() throws {
    let options = try #require(
      try RunOptions.parse([
        "--hostname-file", "/h", "--peer", RunOptionsTests.alice, "--peer=bob=" + RunOptionsTests.bob,
        "--hosts=/etc/onions",
        "--socks", "unix:/run/tor/socks", "--listen", "[::1]:1", "--listen", "127.0.0.1:2", "--service-port", "65535",
        "--interface", "tor0", "--netns", "n", "--mtu", "1280", "--no-offload", "--idle=86400", "--circuits", "4",
        "--mode", "tap", "--linkable-identities", "--route", "fd00:1::/64,via=BOB", "--serve=fd00:2::/64", "--ipv4",
        "--route=10.20.0.0/16,via=\(RunOptionsTests.own)", "--ipv4-address", "10.30.0.1/24", "--dhcpv6",
        "--state-dir", "s", "--names=100000", "--scrub", "off", "--remember", "yes",
        "--control", "c",
        "--log-level", "debug", "--log", "/var/log/oncilla",
      ]))
    var daemon = DaemonSettings(identities: [
      DaemonSettings.Identity(
        .hostnameFile("/h"), listen: [try SocketAddress("[::1]:1"), try SocketAddress("127.0.0.1:2")])
    ])
    daemon.linkableIdentities = true
    daemon.peers = [
      ConfiguredPeer(name: try OnionName(RunOptionsTests.alice)),
      ConfiguredPeer(name: try OnionName(RunOptionsTests.bob), petname: Petname("bob")),
    ]
    daemon.hostsFile = "/etc/onions"
    daemon.socks = .unix("/run/tor/socks")
    daemon.servicePort = 65535
    daemon.interface = InterfaceSettings(
      name: try #require(InterfaceName("tor0")), namespace: NamespaceName("n"), mode: .tap,
      mtu: try #require(InterfaceMTU(bytes: 1280)), prefix: OverlayNetwork.tor.prefix, offload: false)
    daemon.interface.routes = try ["fd00:1::/64", "10.20.0.0/16"].map { try #require(IPPrefix($0)) }
    daemon.interface.carriesIPv4 = true
    daemon.interface.ipv4Address = IPv4InterfaceAddress(try #require(IPv4Address("10.30.0.1")), length: 24)
    daemon.table = try RouteTable(
      routes: [
        Route(prefix: daemon.interface.routes[0], via: OnionName(RunOptionsTests.bob)),
        Route(prefix: daemon.interface.routes[1], via: OnionName(RunOptionsTests.own)),
      ],
      served: [#require(IPPrefix("fd00:2::/64"))])
    daemon.interface.served = daemon.served
    daemon.dhcpv6 = true
    daemon.idle = .seconds(86400)
    daemon.circuitsPerPeer = 4
    daemon.scrubs = false
    daemon.learnedNames = 100_000
    daemon.remembersNames = true
    daemon.stateDirectory = "s"
    daemon.control = "c"
    daemon.door.petnames[daemon.peers[1].name.address] = daemon.peers[1].petname
    #expect(options == RunSettings(daemon: daemon, logLevel: .debug, logTarget: .file("/var/log/oncilla")))
  }

  static let listeners: [(String, [String], [String])] = [
    ("127.0.0.1:1", [], ["127.0.0.1:1"]), ("127.0.0.1:8060", [], ["127.0.0.1:8060"]),
    ("127.0.0.1:1", ["127.0.0.1:2"], ["127.0.0.1:1", "127.0.0.1:2"]),
    ("127.0.0.1:1", ["127.0.0.1:2", "127.0.0.1:1"], ["127.0.0.1:2", "127.0.0.1:1"]),
  ]

  @Test("the identity's own listener replaces the default and joins what was given", arguments: listeners)
  func listen(own: String, given: [String], expected: [String]) throws {
    let arguments = ["--onion", "\(RunOptionsTests.alice),listen=\(own)"] + given.map { "--listen=" + $0 }
    let options = try #require(try RunOptions.parse(arguments))
    #expect(options.daemon.identities.map { $0.listen.map(\.description) } == [expected])
    #expect(options.daemon.identities.map(\.name) == [.onion(try OnionName(RunOptionsTests.alice))])
  }

  @Test(
    "the log goes where it is sent",
    arguments: [("stderr", LogTarget.standardError), ("syslog", .syslog), ("./stderr", .file("./stderr"))])
  func log(text: String, target: LogTarget) throws {
    #expect(try options("--log", text).logTarget == target)
  }

  @Test("every level has its name", arguments: LogLevel.allCases)
  func level(level: LogLevel) throws {
    #expect(try options("--log-level", level.name).logLevel == level)
  }

  @Test(
    "the borders of numbers are accepted",
    arguments: [("--mtu", "65535"), ("--idle", "1"), ("--service-port", "1"), ("--mtu", "01280")])
  func borders(option: String, value: String) throws {
    _ = try options(option, value)
  }

  static let refusals: [(String, String, String)] = [
    ("--mtu", "1279", "a number from 1280 to 65535 is accepted"),
    ("--mtu", "65536", "a number from 1280 to 65535 is accepted"),
    ("--mtu", "1500b", "a number from 1280 to 65535 is accepted"),
    ("--mtu", "+1500", "a number from 1280 to 65535 is accepted"),
    ("--mtu", "", "a number from 1280 to 65535 is accepted"),
    ("--idle", "0", "a number from 1 to 86400 is accepted"),
    ("--idle", "86401", "a number from 1 to 86400 is accepted"),
    ("--service-port", "0", "a number from 1 to 65535 is accepted"),
    ("--service-port", "99999999999999999999", "a number from 1 to 65535 is accepted"),
    (
      "--interface", "sixteen-letters0",
      "1 to 15 printable ASCII characters other than space, '/', ':' and '%' are accepted"
    ),
    ("--interface", "a b", "1 to 15 printable ASCII characters other than space, '/', ':' and '%' are accepted"),
    ("--interface", "a/b", "1 to 15 printable ASCII characters other than space, '/', ':' and '%' are accepted"),
    ("--interface", "tun%d", "1 to 15 printable ASCII characters other than space, '/', ':' and '%' are accepted"),
    ("--interface", "..", "1 to 15 printable ASCII characters other than space, '/', ':' and '%' are accepted"),
    ("--netns", "a/b", "the name of a namespace as 'ip netns' lists it is accepted, without '/'"),
    ("--netns", "..", "the name of a namespace as 'ip netns' lists it is accepted, without '/'"),
    ("--log-level", "verbose", "error, warning, notice, info or debug is accepted"),
    ("--log-level", "Debug", "error, warning, notice, info or debug is accepted"),
    ("--log", "", "stderr, syslog or a path with a '/' is accepted, such as ./FILE"),
    ("--log", "journal", "stderr, syslog or a path with a '/' is accepted, such as ./FILE"),
    ("--log", "none", "stderr, syslog or a path with a '/' is accepted, such as ./FILE"),
    ("--log", "-", "stderr, syslog or a path with a '/' is accepted, such as ./FILE"),
    ("--log", "stdout", "stderr, syslog or a path with a '/' is accepted, such as ./FILE"),
    ("--log", "oncilla.log", "stderr, syslog or a path with a '/' is accepted, such as ./FILE"),
    ("--hosts", "", "a path is accepted, which cannot be empty"),
    ("--state-dir", "", "a path is accepted, which cannot be empty"),
    ("--control", String(repeating: "c", count: 108), "a path of 1 to 107 bytes is accepted"),
    ("--socks", "9050", "HOST:PORT or unix:PATH is accepted, such as 127.0.0.1:9050 or [::1]:9050"),
    ("--socks", "127.0.0.1:0", "'0' is not a port: a number from 1 to 65535 is accepted"),
    (
      "--socks", "tor.example:9050",
      "'tor.example' is not an IPv4 address, an IPv6 address in brackets or localhost; names are never resolved"
    ),
    ("--socks", "unix:", "a path of 1 to 107 bytes is accepted after unix:, not 0"),
    ("--listen", "unix:/run/x", "HOST:PORT is accepted here, not a path"),
    ("--listen", "8060", "HOST:PORT is accepted, such as 127.0.0.1:8060 or [::1]:8060"),
    ("--mode", "TAP", "tun or tap is accepted"),
  ]

  @Test("a value that is refused is told with what is accepted", arguments: refusals)
  func refused(option: String, value: String, reason: String) {
    let error = #expect(throws: CommandError.self) { try options("\(option)=\(value)") }
    #expect(error?.description == "\(option) '\(value)': \(reason)")
    #expect(error?.exitStatus == 2)
  }

  static let badNames: [(String, String)] = [
    ("abc", "an onion name has 56 characters before .onion (16 in version 2), not 3"),
    ("", "an onion name has 56 characters before .onion (16 in version 2), not 0"),
    ("\(alice),port=1", "after NAME, ',listen=HOST:PORT', ',mac=MAC' and ',lookup=HOST:PORT' are accepted"),
    ("\(alice),", "after NAME, ',listen=HOST:PORT', ',mac=MAC' and ',lookup=HOST:PORT' are accepted"),
    ("\(alice),listen=127.0.0.1:1,listen=127.0.0.1:2", "'listen=' is accepted once"),
    ("\(alice),listen=unix:/x", "HOST:PORT is accepted here, not a path"),
    ("\(alice),listen=127.0.0.1:", "'' is not a port: a number from 1 to 65535 is accepted"),
  ]

  @Test("an own name that is refused is told with what is accepted", arguments: badNames)
  func onion(value: String, reason: String) {
    let error = #expect(throws: CommandError.self) { try RunOptions.parse(["--onion", value]) }
    #expect(error?.description == "--onion '\(value)': \(reason)")
  }

  static let shapes: [([String], String)] = [
    ([], "run needs --onion NAME, --hostname-file FILE or --publish tor"),
    (["--mtu", "1500"], "run needs --onion NAME, --hostname-file FILE or --publish tor"),
    (
      ["--onion", alice, "--hostname-file", "f"],
      "--onion and --hostname-file exclude each other: one of them is accepted"
    ),
    (["--publish", "tor"], "--publish needs --tor-control"),
    (["--onion", alice, "--ephemeral"], "--ephemeral needs --publish tor"),
    (
      ["--onion", alice, "--publish", "tor", "--tor-control", "127.0.0.1:9051"],
      "--onion and --publish exclude each other: one of them is accepted"
    ),
    (
      ["--hostname-file", "f", "--publish", "tor", "--tor-control", "unix:/c"],
      "--hostname-file and --publish exclude each other: one of them is accepted"
    ),
    (["--mtu=1500", "--mtu", "1500"], "--mtu is given twice and accepted once"),
    (["--listen", "[::1]:1", "--listen=[0::1]:1"], "--listen '[0::1]:1': this address is already given"),
    (["--onion", alice, "more"], "unexpected argument 'more'; 'oncilla run --help' tells what is accepted"),
    (["--onion", alice, "--", "--mtu"], "unexpected argument '--mtu'; 'oncilla run --help' tells what is accepted"),
    (["--onion"], "--onion needs a value: --onion NAME[,listen=HOST:PORT][,mac=MAC][,lookup=HOST:PORT]"),
    (
      ["--onion", "--mtu", "1500"],
      "--onion needs a value: --onion NAME[,listen=HOST:PORT][,mac=MAC][,lookup=HOST:PORT]"
    ),
    (["--help=run"], "--help takes no value"),
    (["--no-offload=yes"], "--no-offload takes no value"),
    (["--onion", alice, "--no-offload", "--no-offload"], "--no-offload is given twice and accepted once"),
    (["--onion", alice, "--no-offload", "1"], "unexpected argument '1'; 'oncilla run --help' tells what is accepted"),
  ]

  @Test("a command line that says too much or too little is refused", arguments: shapes)
  func shape(arguments: [String], line: String) {
    let error = #expect(throws: CommandError.self) { try RunOptions.parse(arguments) }
    #expect(error?.description == line)
    #expect(error?.exitStatus == 2)
  }

  @Test(
    "an unknown option is named, with the one that was probably meant",
    arguments: [
      ("--sokcs", " (did you mean --socks?)"), ("--peers", " (did you mean --peer?)"),
      ("--host", " (did you mean --hosts?)"),
      ("--hostname", " (did you mean --hostname-file?)"), ("--log-lvl=info", " (did you mean --log-level?)"),
      ("-mtu", " (did you mean --mtu?)"), ("--MTU", ""), ("--quiet", ""), ("-v", ""), ("--s", ""),
    ])
  func unknown(option: String, hint: String) throws {
    let error = #expect(throws: CommandError.self) { try options(option) }
    let name = try #require(option.split(separator: "=").first)
    #expect(error?.description == "unknown option \(name)\(hint); 'oncilla run --help' lists what is accepted")
  }

  @Test("Tor makes the onion service where it is asked to, and its name is not needed")
  func publishedByTor() throws {
    let arguments = ["--publish", "tor", "--tor-control", "unix:/run/tor/control", "--ephemeral"]
    let daemon = try #require(try RunOptions.parse(arguments)).daemon
    #expect(daemon.identities == [DaemonSettings.Identity(.madeByTor(nil), listen: [.ipv4(.loopback, port: 8060)])])
    #expect(daemon.torControl == .unix("/run/tor/control"))
    #expect(daemon.isEphemeral)
    #expect(try #require(try RunOptions.parse(["--onion", Self.alice])).daemon.publisher == .torrc)
  }

  @Test("further identities of Tor's have listeners of their own, and follow the host's")
  func furtherIdentities() throws {
    let tor = ["--publish=tor", "--tor-control=unix:/run/tor/control"]
    let more = ["--identity", "Work,listen=127.0.0.1:8061", "--identity=home,listen=[::1]:8062"]
    let daemon = try #require(try RunOptions.parse(tor + more)).daemon
    #expect(
      daemon.identities == [
        DaemonSettings.Identity(.madeByTor(nil), listen: [.ipv4(.loopback, port: 8060)]),
        DaemonSettings.Identity(.madeByTor(Petname("work")), listen: [.ipv4(.loopback, port: 8061)]),
        DaemonSettings.Identity(
          .madeByTor(Petname("home")), listen: [.ipv6(IPv6Address(high: 0, low: 1), port: 8062)]),
      ])
  }

  static let furtherRefused: [([String], String)] = [
    (["--identity=work"], "--identity 'work': a listener of its own is needed: work,listen=HOST:PORT"),
    (
      ["--identity=-,listen=127.0.0.1:1"],
      "--identity '-,listen=127.0.0.1:1': 1 to 63 letters, digits and inner hyphens are accepted as NAME"
    ),
    (
      ["--identity=work,listen=127.0.0.1:8060"],
      "--identity 'work,listen=127.0.0.1:8060': 127.0.0.1:8060 is where this host itself listens; each identity needs "
        + "its own"
    ),
    (
      ["--identity=a,listen=127.0.0.1:1", "--identity=b,listen=127.0.0.1:1"],
      "--identity 'b,listen=127.0.0.1:1': 127.0.0.1:1 is the listener of 'a'; each needs its own"
    ),
    (
      ["--identity=a,listen=127.0.0.1:1", "--identity=A,listen=127.0.0.1:2"],
      "--identity 'A,listen=127.0.0.1:2': 'a' is already given"
    ),
    (
      ["--identity=a,listen=127.0.0.1:1", "--private"],
      "--identity and --private exclude each other: one of them is accepted"
    ),
    (
      ["--identity=a,listen=127.0.0.1:1,mac=02:00:5e:10:00:01"],
      "--identity 'a,listen=127.0.0.1:1,mac=02:00:5e:10:00:01': 'mac=' needs --dhcpv6"
    ),
  ]

  @Test("what would tie further identities together, or hide them, is refused", arguments: furtherRefused)
  func refusedIdentities(_ arguments: [String], _ line: String) {
    let error = #expect(throws: CommandError.self) {
      try RunOptions.parse(["--publish=tor", "--tor-control=unix:/run/tor/control"] + arguments)
    }
    #expect(error?.description == line)
  }

  @Test("a further identity needs a Tor that makes it")
  func identityWithoutTor() {
    let error = #expect(throws: CommandError.self) {
      try RunOptions.parse(["--onion", Self.alice, "--identity=a,listen=127.0.0.1:1"])
    }
    #expect(error?.description == "--identity needs --publish tor")
  }

  @Test("an error stays one short line whatever was typed")
  func oneLine() throws {
    let typed = "\n\u{1b}[2J" + String(repeating: "x", count: 10_000)
    for arguments in [
      ["--" + typed], ["--mtu", typed], ["--socks", typed + ":1"], ["--peer", typed + "=a"], [typed],
    ] {
      let error = try #require(throws: CommandError.self) { try RunOptions.parse(arguments) }
      #expect(error.description.utf8.count < 800)
      #expect(error.description.unicodeScalars.allSatisfy { $0.value >= 0x20 })
    }
  }
}
