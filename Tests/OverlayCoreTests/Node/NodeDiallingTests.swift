import Testing

@testable import OverlayCore

@Suite("Dialling")
struct NodeDiallingTests {
  private let alice: OnionName
  private let bob: OnionName
  private let world = FakeWorld()

  init() throws {
    alice = try .sample(1)
    bob = try .sample(2)
  }

  private var permanent: [ConfiguredPeer] { [ConfiguredPeer(name: bob)] }

  @Test("a refused dial answers every packet that waited with code 3, quoting it")
  func refused() throws {
    world.outcomes["\(bob)"] = .refused(0x5b)
    let host = world.start(FakeHost(alice), knowing: [bob])
    let packets = (0..<3).map { host.packet(to: bob.address, $0) }
    for packet in packets { world.queue(packet, from: host) }
    #expect(host.takeDelivered() == [])
    world.settle()
    let errors = host.takeDelivered()
    #expect(errors.map { $0[41] } == [3, 3, 3])
    #expect(errors.map { Array($0[48...]) } == packets)
    #expect(host.count(.dialFailed) == 1)
    #expect(host.count(.lostWithCircuit) == 3)
    #expect(host.sockets.isEmpty)
  }

  @Test("while the pace lets nobody dial, packets are answered with code 3 at once; then it is tried again")
  func retry() throws {
    world.outcomes["\(bob)"] = .refused(0x5b)
    let host = world.start(FakeHost(alice), knowing: [bob])
    let second = world.start(FakeHost(bob))
    world.send(host.packet(to: bob.address), from: host)
    world.send(host.packet(to: bob.address), from: host)
    #expect(host.takeErrorCodes() == [3, 3])
    #expect(host.dials.count == 1)
    world.outcomes = [:]
    world.pass(.seconds(3))
    world.send(host.packet(to: bob.address), from: host)
    #expect(host.dials.count == 2)
    #expect(second.takeDelivered().count == 1)
    #expect(host.takeErrorCodes() == [])
  }

  @Test("what is granted before the whole request was sent is no circuit: half a request went before the first packet")
  func grantedEarly() throws {
    let host = world.start(FakeHost(alice), knowing: [bob])
    world.queue(host.packet(to: bob.address), from: host)
    var dialled: CircuitIdentifier?
    while let action = host.node.nextAction() {
      if case .dial(let circuit) = action { dialled = circuit }
    }
    let circuit = try #require(dialled)
    host.node.connected(circuit)
    _ = host.transmit(circuit, at: world.now) { _ in 5 }
    host.receive([0, 0x5a, 0, 0, 0, 0, 0, 0], on: circuit, at: world.now)
    #expect(host.count(.granted) == 0)
    #expect(host.count(.dialFailed) == 1)
    #expect(host.takeErrorCodes() == [3])
  }

  @Test("a dial that Tor never answers fails after 60 seconds")
  func timeout() throws {
    world.outcomes["\(bob)"] = .silence
    let host = world.start(FakeHost(alice), knowing: [bob])
    world.send(host.packet(to: bob.address), from: host)
    world.pass(.seconds(59))
    #expect(host.takeErrorCodes() == [])
    #expect(host.sockets.count == 1)
    world.pass(.seconds(1))
    #expect(host.takeErrorCodes() == [3])
    #expect(host.sockets.isEmpty)
    #expect(host.count(.dialFailed) == 1)
  }

  @Test(
    "an answer that is no SOCKS4 reply fails the dial",
    arguments: ["HTTP/1.1 400 Bad Request\r\n", "\u{5}\u{0}", "\u{0}\u{1}", "\u{4}Z"])
  func garbage(_ text: String) throws {
    world.outcomes["\(bob)"] = .garbage(Array(text.utf8))
    let host = world.start(FakeHost(alice), knowing: [bob])
    world.send(host.packet(to: bob.address), from: host)
    #expect(host.takeErrorCodes() == [3])
    #expect(host.sockets.isEmpty)
    #expect(host.count(.delivered) == 0)
  }

  @Test("a SOCKS server that hangs up fails the dial")
  func hangUp() throws {
    world.outcomes["\(bob)"] = .silence
    let host = world.start(FakeHost(alice), knowing: [bob])
    world.send(host.packet(to: bob.address), from: host)
    world.cut(try #require(world.circuits.first))
    #expect(host.takeErrorCodes() == [3])
  }

  @Test("while Tor is out of reach packets are answered with code 3 and nobody dials; it is looked for every 2 seconds")
  func torAbsent() throws {
    world.isTorReachable = false
    let host = world.start(FakeHost(alice, peers: permanent))
    let start = world.now
    #expect(host.torChanges == [false])
    world.pass(.seconds(11))
    world.send(host.packet(to: bob.address), from: host)
    #expect(host.takeErrorCodes() == [3])
    #expect(host.dials == [])
    #expect(host.probes == [0, 2, 4, 6, 8, 10].map { start + .seconds($0) })
  }

  @Test("when Tor is back the permanent peers are dialled at once, others when they are wanted")
  func torBack() throws {
    let carol = try OnionName.sample(3)
    world.isTorReachable = false
    let host = world.start(FakeHost(alice, peers: permanent), knowing: [carol])
    world.pass(.seconds(61))
    world.isTorReachable = true
    world.pass(.seconds(2))
    #expect(host.torChanges == [false, true])
    #expect(world.circuits.compactMap(\.request?.name) == ["\(bob)"])
    world.send(host.packet(to: carol.address), from: host)
    #expect(world.circuits.compactMap(\.request?.name) == ["\(bob)", "\(carol)"])
    let probes = host.probes.count
    world.pass(.seconds(100))
    #expect(host.probes.count == probes)
  }

  @Test("a dial that finds Tor gone says so once, and every permanent peer comes back with it")
  func torLost() throws {
    let host = world.start(FakeHost(alice, peers: permanent))
    #expect(host.torChanges == [true])
    #expect(host.dials.count == 1)
    world.pass(.seconds(60))
    world.isTorReachable = false
    world.cut(try #require(world.circuits.first))
    #expect(host.torChanges == [true, false])
    world.pass(.seconds(600))
    #expect(host.torChanges == [true, false])
    let dials = host.dials.count
    world.isTorReachable = true
    world.pass(.seconds(2))
    #expect(host.torChanges == [true, false, true])
    #expect(host.dials.count == dials + 1)
    #expect(host.dialledCircuits.count == 1)
  }

  @Test("permanent peers are dialled at start and again for ever, their names in a keepalive without any packet")
  func permanentPeers() throws {
    world.outcomes["\(bob)"] = .refused(0x5b)
    let host = world.start(FakeHost(alice, peers: permanent))
    #expect(host.dials.count == 1)
    world.pass(.seconds(3_600))
    // Pauses of 2, 5, 30, 60 and then 120 seconds, a quarter more or less.
    #expect((25...45).contains(host.dials.count))
    #expect(host.takeDelivered() == [])
    world.outcomes = [:]
    let second = world.start(FakeHost(bob))
    world.pass(.seconds(150))
    #expect(second.count(.keepalive) >= 1)
    // Nothing came from it yet that says what it is: it is asked as every host can be.
    #expect(second.takeDelivered().allSatisfy { $0[6] == 58 && $0[40] == 128 })
    #expect(second.node.names.name(of: alice.address) == alice)
  }

  @Test("a keepalive from a permanent peer is a sign of life: it is dialled at once, within the pace")
  func signOfLife() throws {
    world.outcomes["\(bob)"] = .refused(0x5b)
    let host = world.start(FakeHost(alice, peers: permanent))
    world.pass(.seconds(1_000))
    world.outcomes = [:]
    let dials = host.dials.count
    let second = world.start(FakeHost(bob), knowing: [alice])
    world.send(second.packet(to: alice.address), from: second)
    #expect(host.dials.count == dials + 1)
    #expect(host.dials.last == world.now)
  }

  @Test("a peer that calls is dialled at once, once in 30 seconds even if three dials just failed")
  func signOfLifeBeyondTheWindow() throws {
    world.outcomes["\(bob)"] = .refused(0x5b)
    let host = world.start(FakeHost(alice), knowing: [bob])
    for _ in 0..<3 {
      world.send(host.packet(to: bob.address), from: host)
      world.pass(.milliseconds(6_300))
    }
    world.send(host.packet(to: bob.address), from: host)
    #expect(host.dials.count == 3)
    world.say(FakeHost(bob).keepalive(to: alice.address), on: try #require(world.call(host)))
    world.send(host.packet(to: bob.address), from: host)
    #expect(host.dials.count == 4)
    world.say(FakeHost(bob).keepalive(to: alice.address), on: try #require(world.call(host)))
    world.send(host.packet(to: bob.address), from: host)
    #expect(host.dials.count == 4)
  }

  @Test("whoever sends to a permanent peer that was away for long has it dialled within ten seconds")
  func hastened() throws {
    world.outcomes["\(bob)"] = .refused(0x5b)
    let host = world.start(FakeHost(alice, peers: permanent))
    for _ in 0..<20 {
      world.pass(.seconds(97))
      let before = host.dials.count
      for _ in 0..<11 {
        world.send(host.packet(to: bob.address), from: host)
        world.pass(.seconds(1))
      }
      #expect(host.dials.count > before)
    }
    let tooSoon = zip(host.dials, host.dials.dropFirst(3)).count { $1 - $0 < .seconds(30) }
    #expect(tooSoon == 0)
  }

  @Test("who was not reached is told of with the next try")
  func nextTry() throws {
    world.outcomes["\(bob)"] = .refused(0x5b)
    let host = world.start(FakeHost(alice, peers: permanent))
    let line = try #require(host.log.first { $0.level == .notice && $0.text.contains("not reached") })
    #expect(line.text.hasSuffix("; next try in 10 s"))
  }

  @Test(
    "whatever happens, no peer is dialled more than three times in 30 seconds, and one for a sign of life",
    arguments: 0..<12)
  func pace(_ seed: UInt64) throws {
    let world = FakeWorld(seed: seed)
    var random = SeededGenerator(seed: 200 + seed)
    let host = world.start(FakeHost(alice, peers: seed % 2 == 0 ? permanent : [], idle: .seconds(7), seed: seed))
    world.replaceHosts(of: host, with: [bob])
    let keepalive = FakeHost(bob).keepalive(to: alice.address)
    for _ in 0..<1_500 {
      switch Int.random(in: 0..<8, using: &random) {
      case 0: world.outcomes["\(bob)"] = .refused(0x5b)
      case 1: world.outcomes["\(bob)"] = .granted
      case 2: world.outcomes["\(bob)"] = .garbage([1])
      case 3: world.isTorReachable = Int.random(in: 0..<4, using: &random) > 0
      case 4: if let circuit = host.dialledCircuits.first { world.cut(circuit) }
      case 5: if let circuit = world.call(host) { world.say(keepalive, on: circuit) }
      case 6: world.send(host.packet(to: bob.address), from: host)
      default: world.pass(.milliseconds(Int.random(in: 0...4_000, using: &random)))
      }
    }
    #expect(host.dials.count > 20)
    let tooSoon = zip(host.dials, host.dials.dropFirst(4)).count { $1 - $0 < .seconds(30) }
    #expect(tooSoon == 0)
  }
}
