import Glibc
import OverlayCore
import SystemProbes
import Testing

@testable import OverlayIO

/// What the doctor finds at Tor.
@Suite("The doctor and Tor")
struct TorChecksTests {
  static let name = ExaminedHost.name

  /// A host whose torrc is this text; `ROOT/service/hostname` holds its name.
  func host(_ torrc: String, _ files: [String: String] = [:]) throws -> ExaminedHost {
    try ExaminedHost(
      "hostname-file = /service/hostname",
      files.merging(["/service/hostname": Self.name, "/etc/tor/torrc": torrc]) { $1 })
  }

  @Test(
    "a port that leads to the daemon is found, however it is written",
    arguments: [
      "HiddenServiceDir /service/\nHiddenServicePort 8060 127.0.0.1:8060",
      "hiddenservicedir \"/service\" # ours\n  hiddenserviceport 8060\n",
      "+HiddenServiceDir /service\nHiddenServicePort 80\nHiddenServicePort 8060 8060",
      "HiddenServiceDir /service\n#HiddenServicePort 8060 1\nHiddenServicePort \\\n8060 localhost:8060",
    ])
  func leading(torrc: String) throws {
    #expect(try host(torrc).line(.onionService) == "ok onion service: Tor passes port 8060 on to the daemon")
  }

  @Test(
    "a service that does not lead here is told",
    arguments: [
      ("SocksPort 9050", "no HiddenServiceDir in /etc/tor/torrc has this host's name"),
      ("HiddenServiceDir /elsewhere\nHiddenServicePort 8060", "no HiddenServiceDir in /etc/tor/torrc has"),
      ("HiddenServiceDir /service", "/service has no port 8060; 'HiddenServicePort 8060 127.0.0.1:8060'"),
      ("HiddenServiceDir /service\nHiddenServicePort 8060 127.0.0.1:8061", "lead to 127.0.0.1:8061, where the daemon"),
      ("HiddenServiceDir /service\nHiddenServicePort 8060 unix:/x", "lead to unix:/x, where"),
      ("HiddenServiceDir /service\nHiddenServicePort 8060 ??:x", "lead to something that cannot be understood"),
      (
        "HiddenServiceDir /service\nHiddenServicePort 8060\nHiddenServiceExportCircuitID haproxy",
        "take HiddenServiceExportCircuitID out of torrc"
      ),
    ])
  func elsewhere(torrc: String, expected: String) throws {
    let line = try host(torrc).line(.onionService)
    #expect(line.hasPrefix("wrong onion service: ") && line.contains(expected), "\(line)")
  }

  @Test("Tor's line about its circuit is expected exactly where the daemon is told of it")
  func circuitLines() throws {
    let service = "HiddenServiceDir /service\nHiddenServicePort 8060\n"
    func line(_ torrc: String) throws -> String {
      try ExaminedHost(
        "hostname-file = /service/hostname\ntor-circuit-id = yes",
        ["/service/hostname": Self.name, "/etc/tor/torrc": torrc]
      ).line(.onionService)
    }
    #expect(try line(service + "HiddenServiceExportCircuitID haproxy").hasPrefix("ok "))
    let missing = try line(service)
    #expect(missing.hasPrefix("wrong ") && missing.contains("'HiddenServiceExportCircuitID haproxy' below its"))
    #expect(try line(service + "HiddenServiceExportCircuitID none").hasPrefix("wrong "))
  }

  @Test("files that torrc includes count: one, those of a directory, and those of a pattern")
  func included() throws {
    let files = [
      "/etc/tor/torrc.d/20-b.conf": "HiddenServicePort 8060", "/etc/tor/torrc.d/10-a.conf": "HiddenServiceDir /service",
      "/etc/tor/torrc.d/.hidden": "HiddenServiceDir /other",
    ]
    for value in ["/etc/tor/torrc.d", "/etc/tor/torrc.d/", "/etc/tor/torrc.d/*.conf", "/etc/tor/torrc.d/??-?.conf"] {
      #expect(try host("%include \(value)", files).line(.onionService).hasPrefix("ok "), "\(value)")
    }
    let line = try host("%include /etc/tor/torrc.d/10-a.conf", files).line(.onionService)
    #expect(line.contains("/service has no port 8060"))
  }

  @Test("a torrc that includes itself is read a few times, and a file that is not there is told")
  func bounded() throws {
    #expect(try host("%include /etc/tor/torrc").line(.onionService).hasPrefix("wrong onion service: no Hidden"))
    let line = try host("%include /etc/tor/nothing").line(.onionService)
    #expect(
      line.hasPrefix("skip onion service: open ") && line.hasSuffix("/etc/tor/nothing: No such file or directory"))
  }

  @Test("the service of a name is found by the name that Tor wrote")
  func byName() throws {
    let torrc = "HiddenServiceDir /a\nHiddenServicePort 8060 9\nHiddenServiceDir /b\nHiddenServicePort 8060"
    let host = try ExaminedHost(
      "onion = \(Self.name)",
      ["/etc/tor/torrc": torrc, "/a/hostname": ExaminedHost.other, "/b/hostname": Self.name])
    #expect(host.line(.onionService).hasPrefix("ok "))
    let other = try ExaminedHost("onion = \(ExaminedHost.other)")
    for (path, text) in ["/etc/tor/torrc": torrc, "/a/hostname": ExaminedHost.other] { try other.put(path, text) }
    #expect(other.line(.onionService).contains("lead to 127.0.0.1:9, where"))
  }

  @Test("the service may be that of another process of Tor on this host")
  func instances() throws {
    let files = ["/etc/tor/instances/second/torrc": "HiddenServiceDir /service\nHiddenServicePort 8060"]
    #expect(try host("SocksPort 9050", files).line(.onionService).hasPrefix("ok "))
  }

  @Test("where Tor runs elsewhere, or makes the service at our word, torrc is not asked")
  func noTorrc() throws {
    #expect(try ExaminedHost().line(.onionService) == "skip onion service: there is no /etc/tor/torrc")
    let remote = try ExaminedHost("onion = \(Self.name)\nsocks = 192.0.2.1:9050")
    #expect(remote.line(.onionService) == "skip onion service: Tor runs on another machine")
    let ours = try ExaminedHost("tor-control = unix:ROOT/tor\npublish = tor")
    #expect(ours.line(.onionService) == "ok onion service: Tor makes it at the daemon's word")
  }

  @Test(
    "what answers at the SOCKS port is told",
    arguments: [
      (SOCKSProbe.Answer.socks, "note"), (.withoutUser, "takes no user name, which is not Tor"),
      (.other(UInt8(ascii: "H")), "a web server, which is no SOCKS server"),
      (.other(0), "something that is no SOCKS server; --socks names Tor's"), (.closed, "no SOCKS server"),
      (.silence, "does not answer as a SOCKS server"),
      (.failed(SystemError(call: "connect", number: ECONNREFUSED)), "nobody listens at 127.0.0.1:9050; 'systemctl"),
    ])
  func socks(answer: SOCKSProbe.Answer, expected: String) throws {
    let finding = try ExaminedHost().examination.socksPort(.ipv4(.loopback, port: 9050), answer)
    let check = Check(subject: .socksPort, finding: finding)
    #expect("\(check.word) \(check.line)".contains(expected))
  }

  @Test("a TCP port of this host's is worse than a UNIX socket, and one elsewhere cannot be helped")
  func socksPorts() throws {
    let examination = try ExaminedHost().examination
    let cases: [(SocketAddress, Bool, String)] = [
      (.torPort, true, "note SOCKS port: a SOCKS server answers at 127.0.0.1:9050, and over TCP"),
      (.torPort, true, "'socks = unix:/run/tor/socks' asks Debian's Tor there"),
      (.ipv4(.loopback, port: 9_060), false, "'SocksPort unix:PATH WorldWritable' in torrc, beside the lines"),
      (.torSocket, true, "ok SOCKS port: a SOCKS server answers at unix:/run/tor/socks"),
      (.ipv4(IPv4Address(value: 0x0a00_0001), port: 9_050), false, "ok SOCKS port: a SOCKS server answers at 10.0"),
    ]
    for (address, hasSocket, expected) in cases {
      let check = Check(subject: .socksPort, finding: examination.socksPort(address, .socks, hasSocket: hasSocket))
      #expect("\(check.word) \(check.line)".contains(expected), "\(check.line)")
    }
  }

  @Test("a listener that says nothing is silent, and a path without one has nobody who listens")
  func probe() throws {
    let directory = try TemporaryDirectory()
    let address = SocketAddress.unix(directory.file("socks"))
    #expect(SOCKSProbe.ask(address) == .failed(SystemError(call: "connect to \(address)", number: ENOENT)))
    let listener = try SystemCall.socket(AF_UNIX, SOCK_STREAM)
    try address.withSocketAddress { pointer, size throws(SystemError) in
      try SystemCall.bind(listener.number, to: pointer, size)
    }
    try SystemCall.listen(listener.number)
    #expect(SOCKSProbe.ask(address, patience: 10) == .silence)
    #expect(TorQuestion.ask(address, patience: .milliseconds(10)) == .failed("it does not answer"))
  }

  @Test(
    "what Tor says of its start is told",
    arguments: [
      (TorQuestion.Answer.told(.up, version: "0.4.9.1", problem: nil), "ok Tor bootstrap: Tor 0.4.9.1 has started"),
      (
        .told(.starting(percent: 45, summary: "Loading"), version: nil, problem: "this host's clock is wrong by 9 s"),
        "wrong Tor bootstrap: Tor is starting (45 %): Loading, and says: this host's clock is wrong by 9 s; wait"
      ),
      (.failed("it does not answer"), "wrong Tor bootstrap: unix:/x: it does not answer; --tor-control names"),
    ])
  func bootstrap(answer: TorQuestion.Answer, expected: String) throws {
    let check = Check(subject: .torBootstrap, finding: try ExaminedHost().examination.torBootstrap(.unix("/x"), answer))
    #expect("\(check.word) \(check.line)".hasPrefix(expected))
  }

  @Test("without a control port, or with one that is not there, that is told")
  func noControl() throws {
    #expect(try ExaminedHost().line(.torBootstrap).hasPrefix("note "))
    let host = try ExaminedHost("onion = \(Self.name)\ntor-control = unix:ROOT/tor")
    #expect(host.line(.torBootstrap).hasPrefix("wrong Tor bootstrap: there is no "))
  }

  // MARK: - The lookup name

  private static let long = "657g75aboqyljmpstjxnqbse7ek4ud3nk3wajwgnlmpt67wunx7itgyd.onion"
  private static let lookups = [
    "pmyjsoshrx4ovivzyqpkp7hxzpi2yfx6v3wvdqfaxtn6iuziknrb2sad.onion",
    "l5czs4go7covoaugxf5l2fby6pmcj23vcwx3ow23zujk7rdzkijhl4id.onion",
  ]

  /// What the doctor says where `/lookup-0` and so on of torrc lead to these ports, and the daemon found this.
  private func lookupLine(_ ports: [Int], _ found: RunningDaemon.Lookup? = nil) throws -> String {
    var files: [String: String] = [:]
    var torrc = ""
    for (index, port) in ports.enumerated() {
      files["/lookup-\(index)/hostname"] = Self.lookups[index]
      torrc += "HiddenServiceDir /lookup-\(index)\nHiddenServicePort 8060 127.0.0.1:\(port)\n"
    }
    files["/etc/tor/torrc"] = torrc
    let host = try ExaminedHost("onion = \(Self.long)\nlookup = serve", files)
    let check = Check(subject: .lookup, finding: host.examination.lookup { _ in found })
    return "\(check.word) \(check.line)"
  }

  @Test("the lookup name is served by torrc, and by the next one, too, where the daemon found that it has to be")
  func lookup() throws {
    let missing = RunningDaemon.Lookup(finding: "missing", index: 1, text: "nobody")
    #expect(try lookupLine([8_061]) == "ok lookup: /lookup-0 serves this host's lookup name")
    #expect(
      try lookupLine([8_061], .init(finding: "found", index: 0, text: ""))
        == "ok lookup: /lookup-0 serves this host's lookup name, and the daemon found itself")
    #expect(
      try lookupLine([8_061, 8_061], .init(finding: "found", index: 1, text: ""))
        == "ok lookup: /lookup-0 and /lookup-1 serve this host's lookup names, and the daemon found itself")
    #expect(try lookupLine([8_062]).hasPrefix("wrong lookup: /lookup-0 does not lead to 127.0.0.1:8061; "))
    #expect(try lookupLine([8_061, 9], missing).hasPrefix("wrong lookup: /lookup-1 does not lead to "))
    #expect(
      try lookupLine([8_061, 8_061], missing).hasPrefix("note lookup: /lookup-0 and /lookup-1 serve this host's lookup")
    )
    #expect(try lookupLine([8_061], .init(finding: "hidden", index: nil, text: "all")).hasPrefix("note lookup: all; "))
    guard SystemCall.user == 0 else { return }
    #expect(try lookupLine([]).contains("has the lookup name \(Self.lookups[0]); 'oncilla lookup-key fd87:"))
    let next = try lookupLine([8_061], missing)
    #expect(
      next.hasPrefix("wrong lookup: no HiddenServiceDir in /etc/tor/torrc has the lookup name \(Self.lookups[1])"))
    #expect(next.contains("--index 1 --write /var/lib/tor/oncilla-lookup-1' makes its key"))
    #expect(next.contains("'HiddenServicePort 8060 127.0.0.1:8061'"))
  }

  @Test("each identity that has a place for it is to be found, at that place")
  func lookupOfIdentities() throws {
    let others = try [
      "mlerrcbp6iandp5rxlkvirdkgnprkmtghwt474tl2tvvy7mp66t3ysad.onion",
      "jwedeq5v2xcqclsygbnmavyogngupmya2r46obhrrotqmrezmjo6mlid.onion",
    ].map { try OnionName($0) }
    let keys = try others.map { try #require(LookupKey(of: $0.address, index: 0)) }
    let torrc = "HiddenServiceDir /a\nHiddenServicePort 8060 127.0.0.1:8061\n"
    let files = [
      "/etc/tor/torrc": torrc, "/a/hostname": Self.lookups[0], "/b/hostname": "\(keys[1].name)",
    ]
    let configuration = """
      onion = \(Self.long),listen=127.0.0.1:1
      onion = \(others[0]),listen=127.0.0.1:2
      onion = \(others[1]),listen=127.0.0.1:3,lookup=127.0.0.1:4
      lookup = serve
      """
    let host = try ExaminedHost(configuration, files)
    if SystemCall.user == 0 { #expect(host.line(.lookup).contains("has the lookup name \(keys[1].name); ")) }
    try host.put("/etc/tor/torrc", torrc + "HiddenServiceDir /b\nHiddenServicePort 8060 127.0.0.1:5\n")
    #expect(host.line(.lookup).hasPrefix("wrong lookup: /b does not lead to 127.0.0.1:4; "))
    try host.put("/etc/tor/torrc", torrc + "HiddenServiceDir /b\nHiddenServicePort 8060 127.0.0.1:4\n")
    #expect(host.line(.lookup) == "ok lookup: /a and /b serve this host's lookup names")
    let hidden = host.examination.lookup { address in
      address == others[1].address ? .init(finding: "hidden", index: nil, text: "all") : nil
    }
    #expect(hidden == .note("all", remedy: "tell peers the name, or invite them"))
  }

  @Test("with a control port the daemon serves it")
  func lookupAtControlPort() throws {
    let host = try ExaminedHost("onion = \(Self.long)\nlookup = serve\ntor-control = unix:ROOT/tor")
    for (found, expected) in [
      (nil, "ok lookup: the daemon has Tor serve this host's lookup name, and has not looked yet"),
      (.init(finding: "missing", index: 1, text: "nobody"), "note lookup: nobody; it takes about an hour"),
      (.init(finding: "hidden", index: nil, text: "others"), "note lookup: others; "),
    ] as [(RunningDaemon.Lookup?, String)] {
      let check = Check(subject: .lookup, finding: host.examination.lookup { _ in found })
      #expect("\(check.word) \(check.line)".hasPrefix(expected))
    }
  }
}
