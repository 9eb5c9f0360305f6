import Testing

@testable import OverlayCore

@Suite("Packets of others")
struct NodeAdmissionTests {
  private let world = FakeWorld()
  private let host: FakeHost
  /// A host that the test plays: it makes packets, and never starts.
  private let bob: FakeHost
  private let carol: FakeHost

  init() throws {
    host = world.start(FakeHost(try .sample(1)))
    bob = FakeHost(try .sample(2))
    carol = FakeHost(try .sample(3))
  }

  private func call(_ bytes: [UInt8]) throws -> FakeCircuit {
    let circuit = try #require(world.call(host))
    world.say(bytes, on: circuit)
    return circuit
  }

  @Test("a stranger's name is learned from its keepalive, so that it can be answered")
  func learning() throws {
    let circuit = try call(bob.keepalive(to: host.address))
    #expect(host.node.names.name(of: bob.address) == bob.name)
    #expect(host.takeDelivered() == [])
    let packet = bob.packet(to: host.address)
    world.say(packet, on: circuit)
    #expect(host.takeDelivered() == [packet])
    world.send(host.packet(to: bob.address), from: host)
    #expect(world.circuits.last?.request?.name == "\(bob.name)")
  }

  @Test("a peer that sends no keepalive is known by the source of its first packet, for good")
  func nameless() throws {
    let circuit = try call(bob.packet(to: host.address, 1))
    world.say(carol.packet(to: host.address, 2), on: circuit)
    world.say(bob.packet(to: host.address, 3), on: circuit)
    #expect(host.takeDelivered() == [bob.packet(to: host.address, 1), bob.packet(to: host.address, 3)])
    #expect(host.count(.forgedSource) == 1)
    #expect(host.node.names.name(of: bob.address) == nil)
  }

  @Test("the empty keepalives of an old OnionCat are in order, first and later, on its circuits and on ours")
  func emptyKeepalives() throws {
    let empty = Sample.packet(from: bob.address, to: host.address, nextHeader: 59)
    let circuit = try call(empty + empty)
    world.say(bob.packet(to: host.address) + empty, on: circuit)
    let named = try call(carol.keepalive(to: host.address))
    world.say(Sample.packet(from: carol.address, to: host.address, nextHeader: 59), on: named)
    world.replaceHosts(of: host, with: [bob.name])
    world.send(host.packet(to: bob.address), from: host)
    world.answer(empty, on: try #require(world.circuits.last))
    #expect(host.takeDelivered() == [bob.packet(to: host.address)])
    #expect(host.count(.badKeepalive) == 0)
    #expect(host.count(.keepalive) == 6)
    world.say(Sample.packet(from: carol.address, to: host.address, nextHeader: 59), on: circuit)
    #expect(host.count(.changedClaim) == 1)
  }

  @Test("nobody is believed to be another identity of this host: that one is on this side", arguments: [true, false])
  func siblings(_ hasName: Bool) throws {
    let host = world.start(FakeHost(NodeSettings(name: try .sample(4), peers: [], siblings: [bob.address])))
    let circuit = try #require(world.call(host))
    if hasName { world.say(bob.keepalive(to: host.address), on: circuit) }
    world.say(bob.packet(to: host.address), on: circuit)
    #expect(host.takeDelivered() == [])
    #expect(host.count(.forgedSource) == 1)
    #expect(host.node.names.name(of: bob.address) == nil)
  }

  @Test(
    "a peer says nothing of neighbours: no hop limit was counted down on its way, which a kernel takes for a proof",
    arguments: DiscoveryType.all, [[], [60], [0, 60, 43], [44], [51], [135], [139, 140]] as [[UInt8]])
  func discovery(_ type: UInt8, _ extensionHeaders: [UInt8]) throws {
    let circuit = try call(bob.keepalive(to: host.address))
    var payload = [type, 0, 0, 0, 0, 0, 0, 0] + host.address.bytes
    var nextHeader = NextHeader.icmp
    for header in extensionHeaders.reversed() {
      payload = [nextHeader, 0, 0, 0, 0, 0, 0, 0] + payload
      nextHeader = header
    }
    var packet = Sample.packet(from: bob.address, to: host.address, nextHeader: nextHeader, payload: payload)
    packet[7] = 255
    let other = bob.packet(to: host.address)
    world.say(packet + other, on: circuit)
    #expect(host.takeDelivered() == [other])
    #expect(host.count(.remoteDiscovery) == 1)
  }

  @Test(
    "what could be neighbour discovery once it is put together, or behind headers that we cannot read, is dropped",
    arguments: [
      (44, "3c00 0001 0000 0001 3a00 0000 0000 0000"), (44, "8700 0001 0000 0001 3a01 0000 0000 0000"),
      (44, "3300 0001 0000 0001 3a04 0000 0000 0000"), (253, "3a00 0000 0000 0000 8800 0000 0000 0000"),
      (60, "3a04 0000 0000 0000"),
    ] as [(UInt8, String)])
  func hidden(_ nextHeader: UInt8, _ payload: String) throws {
    let circuit = try call(bob.keepalive(to: host.address))
    let packet = Sample.packet(
      from: bob.address, to: host.address, nextHeader: nextHeader, payload: try hexadecimal(payload))
    let other = bob.packet(to: host.address)
    world.say(packet + other, on: circuit)
    #expect(host.takeDelivered() == [other])
    #expect(host.count(.unreadableHeaders) == 1)
  }

  @Test("no hop limit that comes from a peer is the one that proves to a kernel that a packet is its own link's")
  func hopLimit() throws {
    let circuit = try call(bob.keepalive(to: host.address))
    for (sent, delivered) in [(255, 254), (254, 254), (64, 64), (1, 1)] as [(UInt8, UInt8)] {
      var packet = bob.packet(to: host.address)
      packet[7] = sent
      world.say(packet, on: circuit)
      packet[7] = delivered
      #expect(host.takeDelivered() == [packet])
    }
  }

  @Test("a peer's error is about a packet of whom it is for, and shows that", arguments: [1, 2, 3, 4, 127])
  func quotes(_ type: UInt8) throws {
    let circuit = try call(bob.keepalive(to: host.address))
    func error(about quote: some Sequence<UInt8>) -> [UInt8] {
      Sample.packet(
        from: bob.address, to: host.address, nextHeader: NextHeader.icmp, payload: [type, 0, 0, 0, 0, 0, 5, 0] + quote)
    }
    let good = error(about: host.packet(to: bob.address))
    for refused in [carol.packet(to: bob.address)[...], host.packet(to: bob.address)[..<39], []] {
      world.say(error(about: refused), on: circuit)
    }
    world.say(good, on: circuit)
    #expect(host.takeDelivered() == [good])
    #expect(host.count(.foreignQuote) == 3)
  }

  @Test("an old OnionCat's keepalive identifies it by its source", arguments: [[], [0], [2, 98, 99]] as [[UInt8]])
  func oldOnionCat(_ payload: [UInt8]) throws {
    let keepalive = Sample.packet(from: bob.address, to: host.address, nextHeader: 59, payload: payload)
    let circuit = try call(keepalive + carol.packet(to: host.address) + bob.packet(to: host.address))
    #expect(host.takeDelivered() == [bob.packet(to: host.address)])
    #expect(host.count(.badKeepalive) == 0)
    world.say(bob.keepalive(to: host.address), on: circuit)
    #expect(host.node.names.name(of: bob.address) == bob.name)
  }

  @Test("one circuit never speaks for two")
  func changedClaim() throws {
    let circuit = try call(bob.keepalive(to: host.address))
    world.say(carol.keepalive(to: host.address) + carol.packet(to: host.address), on: circuit)
    #expect(host.count(.changedClaim) == 1)
    #expect(host.node.names.name(of: carol.address) == nil)
    #expect(host.takeDelivered() == [])
    world.say(bob.packet(to: host.address), on: circuit)
    #expect(host.takeDelivered() == [bob.packet(to: host.address)])
  }

  @Test("a circuit that was claimed by a packet cannot be named for another")
  func changedAfterPacket() throws {
    let circuit = try call(bob.packet(to: host.address) + carol.keepalive(to: host.address))
    world.say(carol.packet(to: host.address), on: circuit)
    #expect(host.takeDelivered() == [bob.packet(to: host.address)])
    #expect(host.count(.changedClaim) == 1)
    #expect(host.node.names.name(of: carol.address) == nil)
  }

  @Test("several circuits may speak for one")
  func severalCircuits() throws {
    for number in 0..<3 as Range<UInt8> {
      _ = try call(bob.keepalive(to: host.address) + bob.packet(to: host.address, number))
    }
    #expect(host.takeDelivered() == (0..<3).map { bob.packet(to: host.address, $0) })
    #expect(host.count(.nameConflict) == 0)
  }

  @Test("a second name for an address is a conflict: it is not believed, and its circuit delivers nothing")
  func conflict() throws {
    let first = try call(bob.keepalive(to: host.address))
    let twin = FakeHost(try bob.name.twin)
    #expect(twin.address == bob.address)
    let second = try call(twin.keepalive(to: host.address) + twin.packet(to: host.address))
    world.say(twin.packet(to: host.address), on: second)
    #expect(host.takeDelivered() == [])
    #expect(host.count(.nameConflict) == 1)
    #expect(host.node.names.name(of: bob.address) == bob.name)
    world.say(bob.packet(to: host.address), on: first)
    #expect(host.takeDelivered().count == 1)
    #expect(host.log.contains { $0.level == .warning && !$0.text.contains("onion") })
  }

  @Test("a circuit that was heard by its source's address is silenced by a conflict")
  func conflictAfterPacket() throws {
    _ = try call(bob.keepalive(to: host.address))
    let twin = FakeHost(try bob.name.twin)
    let circuit = try call(twin.packet(to: host.address, 1))
    #expect(host.takeDelivered() == [twin.packet(to: host.address, 1)])
    world.say(twin.keepalive(to: host.address) + twin.packet(to: host.address, 2), on: circuit)
    #expect(host.takeDelivered() == [])
    #expect(host.count(.nameConflict) == 1)
    #expect(host.count(.forgedSource) == 1)
  }

  @Test("a name of version 2 takes no address: its circuit is heard by its address, and the true name is learned")
  func version2() throws {
    let twin = FakeHost(try bob.name.twin)
    let circuit = try call(twin.keepalive(to: host.address) + twin.packet(to: host.address, 1))
    world.say(twin.keepalive(to: host.address) + twin.packet(to: host.address, 2), on: circuit)
    #expect(host.takeDelivered() == [1, 2].map { twin.packet(to: host.address, $0) })
    #expect(host.count(.undiallableName) == 2)
    let question = Keepalive.Extension(type: Keepalive.Extension.question, value: [UInt8](repeating: 1, count: 16))
    world.say(twin.keepalive(to: host.address, extensions: [question]), on: circuit)
    #expect(host.dials == [])
    #expect(host.node.names.name(of: bob.address) == nil)
    _ = try call(bob.keepalive(to: host.address))
    #expect(host.node.names.name(of: bob.address) == bob.name)
    #expect(host.count(.nameConflict) == 0)
    world.send(host.packet(to: bob.address), from: host)
    #expect(world.circuits.compactMap(\.request?.name) == ["\(bob.name)"])
  }

  @Test("a configured name is never displaced, however long its peer is away")
  func configured() throws {
    let twin = FakeHost(try bob.name.twin)
    let host = world.start(FakeHost(try .sample(5), peers: [ConfiguredPeer(name: bob.name)]))
    world.pass(.seconds(10_000))
    let circuit = try #require(world.call(host))
    world.say(twin.keepalive(to: host.address) + twin.packet(to: host.address), on: circuit)
    #expect(host.takeDelivered() == [])
    #expect(host.count(.nameConflict) == 1)
    #expect(host.node.names.name(of: bob.address) == bob.name)
  }

  @Test("who claims to be ourselves is not believed, with any token or none")
  func impostor() throws {
    world.send(Sample.echoRequest(from: host.address, to: OverlayNetwork.tor.circuitResponder), from: host)
    _ = host.takeDelivered()
    let tokens: [[UInt8]] = [[], [UInt8](repeating: 0, count: 16), Array(0..<15), Array(0..<17)]
    for token in tokens {
      let circuit = try call(
        host.keepalive(to: host.address, extensions: [.init(type: Keepalive.Extension.selfCall, value: token)]))
      world.say(host.packet(to: OverlayNetwork.tor.circuitResponder), on: circuit)
      world.say(host.packet(to: host.address), on: circuit)
    }
    _ = try call(host.keepalive(to: host.address) + host.packet(to: OverlayNetwork.tor.circuitResponder))
    #expect(host.count(.badKeepalive) == 5)
    #expect(host.takeDelivered() == [])
    #expect(host.count(.reflected) == 1)
  }

  @Test("without a call to ourselves under way, an empty token opens nothing")
  func impostorWithoutCall() throws {
    let extensions = [Keepalive.Extension(type: Keepalive.Extension.selfCall, value: [])]
    _ = try call(
      host.keepalive(to: host.address, extensions: extensions) + host.packet(to: OverlayNetwork.tor.circuitResponder))
    #expect(host.takeDelivered() == [])
    #expect(host.count(.badKeepalive) == 1)
  }

  @Test("a twin of our own name is not believed")
  func ownTwin() throws {
    let twin = FakeHost(try host.name.twin)
    _ = try call(twin.keepalive(to: host.address) + twin.packet(to: host.address))
    #expect(host.takeDelivered() == [])
    #expect(host.count(.badKeepalive) == 1)
  }

  @Test(
    "the responders and addresses outside of the overlay are nobody's source",
    arguments: [
      ("fd87:d87e:eb43::dead:beef", .ownSource), ("fd87:d87e:eb43::feed:beef", .ownSource),
      ("2001:db8::1", .forgedSource), ("fe80::1", .impossibleSource), ("::1", .impossibleSource),
      ("::", .impossibleSource),
    ] as [(String, Counter)])
  func impossibleSource(_ source: String, _ counter: Counter) throws {
    _ = try call(Sample.packet(from: .sample(source), to: host.address))
    #expect(host.takeDelivered() == [])
    #expect(host.count(counter) == 1)
  }

  @Test("a keepalive whose name is none or of another address is counted, and claims nothing")
  func badKeepalive() throws {
    let name = Array("\(carol.name)".utf8)
    for payload in [[1], [1, 0], [1] + name, [1] + name + [0]] as [[UInt8]] {
      let keepalive = Sample.packet(from: bob.address, to: host.address, nextHeader: 59, payload: payload)
      _ = try call(keepalive + bob.packet(to: host.address))
    }
    #expect(host.count(.badKeepalive) == 4)
    #expect(host.node.names.name(of: carol.address) == nil)
    #expect(host.takeDelivered().count == 4)
  }

  @Test("packets for anybody else are dropped")
  func foreignDestination() throws {
    _ = try call(
      bob.keepalive(to: host.address) + bob.packet(to: carol.address)
        + bob.packet(to: OverlayNetwork.tor.circuitResponder) + bob.packet(to: .sample("ff02::1")))
    #expect(host.takeDelivered() == [])
    #expect(host.count(.foreignDestination) == 3)
  }

  @Test("IPv4 packets are counted, and the circuit lives on")
  func version4() throws {
    var random = SeededGenerator(seed: 130)
    let circuit = try call(Sample.version4(1_000, &random) + bob.keepalive(to: host.address))
    world.say(Sample.version4(20, &random) + bob.packet(to: host.address), on: circuit)
    #expect(host.count(.ipv4) == 2)
    #expect(host.takeDelivered() == [bob.packet(to: host.address)])
    #expect(host.sockets.count == 1)
  }

  @Test(
    "bytes that are no packets close the circuit; what came before is delivered, nothing behind",
    arguments: [[0x50], [0], [0x44], [0x45, 0, 0, 3, 0, 0]] as [[UInt8]])
  func badStream(_ bytes: [UInt8]) throws {
    let before = bob.keepalive(to: host.address) + bob.packet(to: host.address, 1)
    _ = try call(before + bytes + bob.packet(to: host.address, 2))
    #expect(host.takeDelivered() == [bob.packet(to: host.address, 1)])
    #expect(host.count(.badStream) == 1)
    #expect(host.sockets.isEmpty)
  }

  @Test("lines that Tor writes before packets are one warning that says what to change")
  func proxyLines() throws {
    for _ in 0..<3 {
      _ = try call(Array("PROXY TCP6 fc00:dead:beef:4dad::0:29 ::1 65535 8060\r\n".utf8) + bob.packet(to: host.address))
    }
    #expect(host.count(.badStream) == 3)
    #expect(host.sockets.isEmpty)
    #expect(host.events.filter { $0 == .proxyLine }.count == 1)
    let warnings = host.log.filter { $0.level == .warning }.map(\.text)
    #expect(warnings.count == 1 && warnings[0].contains("HiddenServiceExportCircuitID"))
  }

  @Test("a peer that answers us with such a line tells nothing of our own Tor")
  func proxyLineOfAPeer() throws {
    world.replaceHosts(of: host, with: [bob.name])
    world.send(host.packet(to: bob.address), from: host)
    let circuit = try #require(world.circuits.last)
    world.answer(Array("PROXY TCP6 ".utf8), on: circuit)
    #expect(host.count(.badStream) == 1)
    #expect(host.log.allSatisfy { $0.level > .warning })
  }

  @Test("who else has our name is one warning: it may be another daemon with our key")
  func ownName() throws {
    for _ in 0..<3 { _ = try call(host.keepalive(to: host.address)) }
    let warnings = host.log.filter { $0.level == .warning }.map(\.text)
    #expect(warnings.count == 1)
    #expect(warnings.first?.contains("this host's own onion name") == true)
  }

  @Test("our own call is no such warning, nor is what it says again")
  func ownCall() throws {
    world.send(Sample.echoRequest(from: host.address, to: OverlayNetwork.tor.circuitResponder), from: host)
    let circuit = try #require(world.circuits.last)
    world.say(host.keepalive(to: host.address), on: circuit)
    #expect(host.count(.reflected) == 1)
    #expect(host.log.allSatisfy { $0.level > .warning })
  }

  @Test("a web browser's circuit is closed")
  func webRequest() throws {
    _ = try call(Array("GET / HTTP/1.1\r\nHost: x\r\n\r\n".utf8))
    #expect(host.count(.badStream) == 1)
    #expect(host.sockets.isEmpty)
  }

  @Test("a peer that answers on the circuit we dialled is heard; Tor says who it is, and nobody else is heard there")
  func answered() throws {
    world.replaceHosts(of: host, with: [bob.name])
    world.send(host.packet(to: bob.address), from: host)
    let circuit = try #require(world.circuits.last)
    world.answer(
      bob.packet(to: host.address, 1) + bob.keepalive(to: host.address) + carol.keepalive(to: host.address)
        + carol.packet(to: host.address, 2) + bob.packet(to: host.address, 3), on: circuit)
    #expect(host.takeDelivered() == [bob.packet(to: host.address, 1), bob.packet(to: host.address, 3)])
    #expect(host.count(.forgedSource) == 1)
    #expect(host.node.names.name(of: carol.address) == nil)
  }

  @Test("bytes that come with the grant are the peer's first")
  func behindGrant() throws {
    world.replaceHosts(of: host, with: [bob.name])
    world.outcomes["\(bob.name)"] = .garbage([0, 0x5a, 9, 9, 9, 9, 9, 9] + bob.packet(to: host.address))
    world.send(host.packet(to: bob.address), from: host)
    #expect(host.takeDelivered() == [bob.packet(to: host.address)])
  }
}
