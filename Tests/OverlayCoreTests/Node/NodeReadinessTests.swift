import Testing

@testable import OverlayCore

@Suite("Whether others can reach this host")
struct NodeReadinessTests {
  private let world = FakeWorld()
  private let alice: OnionName

  init() throws {
    alice = try .sample(1)
  }

  private func start() -> FakeHost {
    let host = world.start(FakeHost(alice, checksSelf: true))
    world.pass(.zero)
    return host
  }

  private func readiness(_ host: FakeHost) -> Readiness { host.node.status(at: world.now).readiness }

  private func told(_ host: FakeHost) -> [Readiness] {
    host.events.compactMap { if case .readiness(let readiness) = $0 { readiness } else { nil } }
  }

  @Test("it waits for Tor, tries its own service, and is ready when the circuit has come back")
  func ready() {
    world.isTorReachable = false
    let host = start()
    #expect(readiness(host) == .waitingForTor)
    world.isTorReachable = true
    world.pass(.seconds(2))
    #expect(readiness(host) == .checking)
    #expect(host.dials.isEmpty)
    world.pass(.seconds(30))
    #expect(readiness(host) == .ready(loop: .zero))
    #expect(told(host) == [.checking, .ready(loop: .zero)])
  }

  @Test("a Tor that was there before is asked at once")
  func atOnce() {
    let host = start()
    #expect(readiness(host) == .ready(loop: .zero))
    #expect(host.dials == [world.now])
  }

  @Test("the loop is the time from the grant to the keepalive's return")
  func loop() throws {
    world.outcomes["\(alice)"] = .silence
    let host = start()
    #expect(readiness(host) == .checking)
    world.pass(.seconds(3))
    let circuit = try #require(world.circuits.first)
    world.grant(circuit)
    world.pass(.milliseconds(310))
    let keepalive = circuit.arrived
    let back = try #require(world.call(host))
    world.say(keepalive, on: back)
    #expect(readiness(host) == .ready(loop: .milliseconds(310)))
  }

  @Test("it is tried again after 30 to 60 minutes, and not told again")
  func again() {
    let host = start()
    world.pass(.seconds(30 * 60 - 1))
    #expect(host.dials.count == 1)
    world.pass(.seconds(30 * 60 + 2))
    #expect(host.dials.count == 2)
    #expect(readiness(host) == .ready(loop: .zero))
    #expect(told(host).count { $0.isReady } == 1)
  }

  @Test("a service that leads to another program is told after 20 s, and tried again")
  func elsewhere() throws {
    world.outcomes["\(alice)"] = .silence
    let host = start()
    world.grant(try #require(world.circuits.first))
    world.pass(.seconds(19))
    #expect(readiness(host) == .checking)
    world.pass(.seconds(2))
    #expect(readiness(host) == .notReady(.leadsElsewhere))
    #expect(
      host.log.last { $0.level == .warning }?.text
        == "\(alice.address): not ready: our onion service does not lead here: its HiddenServicePort must end in "
        + "127.0.0.1:8060, and no other host may have its key")
    world.outcomes["\(alice)"] = .granted
    world.pass(.seconds(60))
    #expect(readiness(host) == .ready(loop: .zero))
  }

  @Test("a circuit that is cut before it came back says nothing of where the service leads, and the next one does")
  func cut() throws {
    world.outcomes["\(alice)"] = .silence
    let host = start()
    for count in 1...2 {
      #expect(world.circuits.count == count)
      let circuit = try #require(world.circuits.last)
      world.grant(circuit)
      world.pass(.seconds(1))
      if count == 2 { world.outcomes["\(alice)"] = .granted }
      world.cut(circuit)
      world.pass(.seconds(9))
      if count == 1 { #expect(readiness(host) == .checking) }
    }
    world.pass(.seconds(30))
    #expect(readiness(host) == .ready(loop: .zero))
    #expect(told(host).allSatisfy { $0 == .checking || $0.isReady })
  }

  @Test("a program that closes every circuit before it came back is another's")
  func closed() throws {
    world.outcomes["\(alice)"] = .silence
    let host = start()
    for _ in 0..<3 {
      let circuit = try #require(world.circuits.last)
      world.grant(circuit)
      world.cut(circuit)
      world.pass(.seconds(30))
    }
    #expect(readiness(host) == .notReady(.leadsElsewhere))
  }

  @Test(
    "what Tor says of the own service is told in words",
    arguments: [
      (4, .publishing, "publishing"), (1, .notReady(.nobodyListens), "must end in 127.0.0.1:8060"),
      (5, .notReady(.portNotMapped), "HiddenServicePort 8060 127.0.0.1:8060"),
      (0xf3, .notReady(.notBuilt(.noRendezvous)), "Tor does not reach our onion service"),
    ] as [(UInt8, Readiness, String)])
  func reasons(_ code: UInt8, _ expected: Readiness, _ words: String) {
    world.outcomes["\(alice)"] = .refused(0x5b)
    world.reasons["\(alice)"] = code
    let host = start()
    #expect(readiness(host) == expected)
    #expect(host.log.contains { $0.level <= .notice && $0.text.contains(words) })
    world.pass(.seconds(300))
    #expect((5...40).contains(host.dials.count))
    #expect(told(host).count == 2)
    world.outcomes["\(alice)"] = .granted
    world.pass(.seconds(70))
    #expect(readiness(host).isReady)
  }

  @Test("a web server at the SOCKS port is not taken for Tor (it was called ready)")
  func webServer() {
    world.outcomes["\(alice)"] = .garbage(Array("HTTP/1.1 400 Bad Request\r\n\r\n".utf8))
    let host = start()
    #expect(readiness(host) == .notReady(.notSOCKS(.notSOCKS(byte: 0x48))))
    #expect(
      host.log.contains {
        $0.text.hasSuffix("127.0.0.1:9050 is not a SOCKS port of Tor's: --socks names it, and SocksPort in torrc")
      })
  }

  @Test("a Tor that answers nothing has not bootstrapped")
  func silence() {
    world.outcomes["\(alice)"] = .silence
    let host = start()
    world.pass(.seconds(61))
    #expect(readiness(host) == .notReady(.silence))
  }

  @Test("while Tor says that it publishes nothing is asked, and when it has published, at once")
  func publication() {
    let host = world.add(FakeHost(alice, checksSelf: true))
    host.changed(.publishing, at: world.now)
    host.start(at: world.now)
    world.settle()
    #expect(readiness(host) == .publishing)
    world.pass(.seconds(600))
    #expect(host.dials.isEmpty)
    host.changed(.published, at: world.now)
    world.pass(.seconds(1))
    #expect(readiness(host) == .ready(loop: .zero))
  }

  @Test("when Tor goes it waits, and when Tor is back the service is given time to be published")
  func back() {
    let host = start()
    world.isTorReachable = false
    host.torProbed(isReachable: false, at: world.now)
    world.settle()
    #expect(readiness(host) == .waitingForTor)
    world.isTorReachable = true
    world.pass(.seconds(16))
    #expect(readiness(host) == .checking)
    world.pass(.seconds(20))
    #expect(readiness(host) == .ready(loop: .zero))
  }
}
