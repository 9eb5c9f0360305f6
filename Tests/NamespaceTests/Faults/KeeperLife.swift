import Glibc
import SystemProbes

@testable import OverlayCore
@testable import OverlayIO

/// The whole life of Tor's keeper under a fault: it connects to Tor, proves itself, has it make the host's onion
/// service and those of lookup, does what the daemon asks for, reads its configuration again, loses Tor and finds it
/// again, and ends with the daemon.
///
/// It may also tell the daemon that it cannot go on, which ends with that reason.
final class KeeperLife: FaultyLife {
  private static let askingInterval = OverlayCore.Duration.milliseconds(700)
  private static let key =
    "ED25519-V3:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIjJCUmJygpKissLS4vMDEyMzQ1Njc4OTo7PD0+Pw=="
  // Of an operator's whole life; any 52 digits of base32 are a key.
  private static let peerKeys = ["a", "b"].map { String(repeating: $0, count: 51) + "a" }

  private let directory: TemporaryDirectory
  private let own: OnionName
  private let peer: OnionName
  private let lookups: [LookupKey]
  private var generation = 0

  init() throws {
    directory = try TemporaryDirectory()
    own = try OnionName("mrswmz3infvgw3dnnzxxa4lson2hk5txpb4xu634pv7h7aebqkb5woid")
    peer = try OnionName("25njqamcweflpvkl73j4szahhihoc4xt3ktcgjnpaingr5yhkenl5sid")
    let address = own.address
    lookups = [0, 1].compactMap { LookupKey(of: address, index: $0) }
    try directory.write("cookie", String(decoding: PlayedControlPort.cookie, as: UTF8.self))
  }

  /// Writes a configuration that differs from the one before in the key of a private peer.
  private func configure() throws -> ConfigurationSource {
    generation += 1
    try directory.write(
      "oncilla.conf",
      """
      publish = tor
      tor-control = unix:\(directory.file("control"))
      listen = 127.0.0.1:8060
      lookup = serve
      allow-in = any
      state-dir = \(directory.file("state"))
      control = \(directory.file("control.sock"))
      peer = friend=\(peer)
      peer-key = friend=\(KeeperLife.peerKeys[generation % 2])

      """)
    return ConfigurationSource(.standard, file: directory.file("oncilla.conf"))
  }

  func run(under injection: FaultInjection, descriptors fewest: Int) throws -> FaultOutcome {
    unlink(directory.file("state/identity.key"))
    let known = Dictionary(lookups.map { (ControlText.string($0.key.text), $0.name) }) { $1 }
    let tor = PlayedControlPort(
      at: directory.file("control"), cookie: directory.file("cookie"), making: (own, KeeperLife.key), known: known)
    tor.start()
    let run = try KeeperRun(configure(), under: injection)
    let scene = FaultScene(
      hasEnded: { run.hasEnded || run.failure != nil },
      step: {
        tor.step()
        run.step()
      })
    let lived = try live(scene, run, tor)
    run.step()
    let descriptors = run.openCount
    scene.judge(descriptors: descriptors, atMost: fewest, lived: lived)
    if !lived, run.failure == nil, !injection.hasCutChannel {
      scene.complain("it ended by itself, and no reason is told")
    }
    run.endDaemon()
    let ended = try scene.judgeEnd(of: run, lived: lived)
    return FaultOutcome(
      of: injection, lived: lived, ended: ended, complaints: scene.complaints + tor.complaints + run.complaints,
      lines: run.lines + tor.heard, descriptors: descriptors)
  }

  /// All that happens between the start and the end; whether the keeper lived to see it.
  private func live(_ scene: FaultScene, _ run: KeeperRun, _ tor: PlayedControlPort) throws -> Bool {
    let isWhole = { (indices: Int) in
      run.state.link == .up && run.state.bootstrap == .up && run.names == [self.own]
        && run.state.keyed == [self.peer]
        && ([self.own] + self.lookups.prefix(indices).map(\.name)).allSatisfy {
          run.state.publications[$0] == .published
        }
    }
    let hears = { (words: String...) in tor.heard.contains { line in words.allSatisfy { line.contains($0) } } }
    let asks = { (what: String, request: TorRequest, isDone: @escaping () -> Bool) in
      scene.until(what, every: KeeperLife.askingInterval, { run.ask(request) }, isDone)
    }
    guard scene.until("what Tor has at first", { isWhole(1) }),
      asks("a lookup service", .serveLookup(upTo: 1, of: 0), { isWhole(2) }),
      asks("a lookup", .refreshLookup(1, of: 0), { hears("HSFETCH", self.lookups[1].name.label) })
    else { return false }
    _ = try configure()
    let isTold = { tor.heard.count { $0.hasPrefix("ONION_CLIENT_AUTH_ADD \(self.peer.label)") } > 1 }
    // Said once: that it reads it again where it could not is its own affair.
    run.ask(.configurationChanged)
    guard scene.until("the key of a peer", isTold), scene.until("Tor has it", { isWhole(2) }) else { return false }
    tor.stop()
    guard scene.until("the loss of Tor", { run.state.link != .up }) else { return false }
    tor.start()
    guard scene.until("what Tor has once it is back", { isWhole(2) }) else { return false }
    if !hears("ADD_ONION", KeeperLife.key) { scene.complain("Tor was not told the key that it had made") }
    return true
  }
}
