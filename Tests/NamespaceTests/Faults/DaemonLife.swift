import Glibc
import OverlayCore
import SystemProbes

@testable import OverlayIO

/// The whole life of a daemon under a fault: it starts, carries packets both ways, is asked and told by its control
/// socket, its page of metrics and its name server, reads its configuration again, loses Tor and finds it again, and
/// ends. Each of these is tried until it works: the fault ends by itself.
///
/// The daemon may also end by itself, with an error in its log; then the next one starts where it ended.
final class DaemonLife: FaultyLife {
  /// What a daemon is like.
  enum Kind {
    /// It carries IP packets, believes everybody, and lets everybody in.
    case trusting
    /// It carries Ethernet frames, has everybody prove who he is, lets in what a rule says, looks strangers up, and
    /// remembers whom it has found.
    case guarded
  }

  private static let trust = "allow-in = any\nauthenticate = off\nlookup = off"
  private static let guards = "mode = tap\nallow-in = udp/7002"
  private static let bell = [0] + Array("oncilla-test-bell".utf8)

  private let kind: Kind
  private let namespace: TestNamespace
  private let directory: TemporaryDirectory
  private let own: OnionName
  private let peer: OnionName
  private let stranger: OnionName
  private var generation = 0

  /// Runs a daemon of this kind in `namespace`, which the calling thread is in.
  init(_ kind: Kind, in namespace: TestNamespace) throws {
    (self.kind, self.namespace, directory) = (kind, namespace, try TemporaryDirectory())
    stranger = try OnionName("mrswmz3infvgw3dnnzxxa4lson2hk5txpb4xu634pv7h7aebqkb5woid")
    own = try OnionName("2gzyxa5ihm7nsggfxnu52rck2vv4rvmdlkiu3zzui5du4xyclen53wid")
    peer = try OnionName("25njqamcweflpvkl73j4szahhihoc4xt3ktcgjnpaingr5yhkenl5sid")
    try directory.write("hostname", "\(own)\n")
  }

  private static func local(_ port: UInt16) -> SocketAddress { .ipv4(IPv4Address(value: 0x7f00_0001), port: port) }
  private let socks = local(9_050), listener = local(8_060), metrics = local(9_100), names = local(53)
  private var control: SocketAddress { .unix(directory.file("control.sock")) }

  /// Writes a configuration that differs from the one before in what a daemon takes over.
  private func configure() throws -> ConfigurationSource {
    generation += 1
    try directory.write(
      "oncilla.conf",
      """
      hostname-file = \(directory.file("hostname"))
      peer = friend=\(peer)
      socks = \(socks)
      listen = \(listener)
      idle = \(generation % 2 == 0 ? 160 : 170)
      circuits = 1
      \(kind == .trusting ? DaemonLife.trust : DaemonLife.guards)
      hosts = \(directory.file("hosts"))
      hosts-file = \(directory.file("kept"))
      state-dir = \(directory.file("state"))
      remember = yes
      control = \(directory.file("control.sock"))
      dns = \(names)
      metrics-listen = \(metrics)
      hook = up=/bin/true

      """)
    return ConfigurationSource(.standard, file: directory.file("oncilla.conf"))
  }

  /// One life of a daemon. `fewest` is how many descriptors one without a fault has open in the end.
  func run(under injection: FaultInjection, descriptors fewest: Int) throws -> FaultOutcome {
    try directory.write("hosts", "")
    try directory.write("kept", "")
    // What the last life could not remove.
    unlink(directory.file("control.sock"))
    let run = try DaemonRun(configure(), in: namespace.name, until: DaemonLife.bell, under: injection)
    let tor = PlayedTor(socks, to: listener, of: own, as: peer)
    let scene = FaultScene(hasEnded: { run.hasEnded }, step: tor.step)
    var descriptors = 0
    tor.start()
    let lived = try live(scene, run, tor)
    if lived {
      let used = { run.openCount - tor.standing }
      _ = scene.wait(.seconds(5)) { used() <= fewest }
      descriptors = used()
      scene.judge(descriptors: descriptors, atMost: fewest, lived: lived)
    }
    ring()
    let ended = try scene.judgeEnd(of: run, lived: lived)
    if ended { judgeRemains(of: run, lived: lived, under: injection, scene) }
    return FaultOutcome(
      of: injection, lived: lived, ended: ended, complaints: scene.complaints + tor.complaints, lines: run.lines,
      descriptors: descriptors)
  }

  /// What has to hold of what a daemon that has ended says and leaves.
  private func judgeRemains(of run: DaemonRun, lived: Bool, under injection: FaultInjection, _ scene: FaultScene) {
    if !lived, run.status == 0 || !run.lines.contains(where: { $0.hasPrefix("error: ") }) {
      scene.complain("it ended by itself with status \(run.status ?? -1), and no error")
    }
    let socket = directory.file("control.sock")
    // One that the fault itself keeps is replaced by the next daemon.
    if access(socket, F_OK) == 0, !injection.failed.contains(where: { $0.hasSuffix(socket) }) {
      scene.complain("the control socket stays behind it")
    }
  }

  private func ring() {
    PlainSocket(toUNIXName: DaemonLife.bell)?.write([0])
  }

  /// All that happens between the start and the end; whether the daemon lived to see it.
  private func live(_ scene: FaultScene, _ run: DaemonRun, _ tor: PlayedTor) throws -> Bool {
    var programs: [PlayedProgram] = []
    func program(_ port: UInt16) -> PlayedProgram? { PlayedProgram(at: own.address, port, peer: peer.address) }
    guard scene.until("the interface", { program(7_000).map { programs.append($0) } != nil }),
      scene.until("its address", { program(7_002).map { programs.append($0) } != nil })
    else { return false }
    let (asking, called) = (programs[0], programs[1])
    scene.each = {
      asking.step(mayOvertake: tor.dials > 1)
      called.step(mayOvertake: true)
    }
    defer { scene.complaints += (asking.complaints + called.complaints).map { "to the host: \($0)" } }
    let bothWays = { (act: String) -> Bool in
      let (before, answered) = (called.last, asking.send())
      return scene.until(
        "an answer from the peer \(act)", every: .milliseconds(40), { asking.send() }, { asking.last >= answered })
        && scene.until(
          "a call of the peer \(act)", every: .milliseconds(40), { tor.send(to: 7_002) }, { called.last > before })
    }
    guard bothWays("at first"), ask(scene, #"{"schema":1,"command":"status"}"#) else { return false }
    _ = try configure()
    try directory.write("hosts", "\(peer.address) \(peer)\n")
    guard ask(scene, #"{"schema":1,"command":"reload"}"#), scrape(scene), lookUp(scene),
      bothWays("after a reload")
    else { return false }
    let search = { tor.strangers > 0 }
    if kind == .guarded,
      !scene.until("a search", every: .milliseconds(700), { asking.send(toStranger: stranger.address) }, search)
    {
      return false
    }
    tor.stop()
    for _ in 0..<3 {
      asking.send()
      scene.wait(.milliseconds(15)) { false }
    }
    tor.start()
    return bothWays("once Tor is back") && ask(scene, #"{"schema":1,"command":"peers"}"#)
  }

  private func ask(_ scene: FaultScene, _ line: String) -> Bool {
    scene.exchange("a reply to \(line)", at: control, SOCK_STREAM, Array((line + "\n").utf8)) { reply in
      reply.last == UInt8(ascii: "\n") && String(decoding: reply, as: UTF8.self).contains(#""ok":true"#)
    }
  }

  private func scrape(_ scene: FaultScene) -> Bool {
    let request = Array("GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n".utf8)
    return scene.exchange("the metrics", at: metrics, SOCK_STREAM, request) { reply in
      String(decoding: reply, as: UTF8.self).contains("oncilla_")
    }
  }

  private func lookUp(_ scene: FaultScene) -> Bool {
    // AAAA of friend.oncilla.internal.
    var question: [UInt8] = [0, 7, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0]
    for label in ["friend", "oncilla", "internal"] { question += [UInt8(label.utf8.count)] + Array(label.utf8) }
    question += [0, 0, 28, 0, 1]
    let address = peer.address.bytes
    let framed = [0, UInt8(question.count)] + question
    return scene.exchange("a name", at: names, SOCK_DGRAM, question) { Array($0.suffix(16)) == address }
      && scene.exchange("a name by TCP", at: names, SOCK_STREAM, framed) { Array($0.suffix(16)) == address }
  }
}
