import Testing

@testable import OverlayCore

@Suite("Who is at the other end of a call has to be proven")
struct NodeProofTests {
  private let world = FakeWorld()
  private let alice: OnionName
  /// A host that the test plays.
  private let bob: FakeHost
  private let carol: FakeHost

  init() throws {
    alice = try .sample(1)
    bob = FakeHost(try .sample(2))
    carol = FakeHost(try .sample(3))
  }

  private func start(_ authentication: Authentication = .strict, peers: [OnionName] = []) -> FakeHost {
    world.start(FakeHost(alice, peers: peers.map { ConfiguredPeer(name: $0) }, authentication: authentication))
  }

  /// Whoever it is calls `host` with these bytes.
  private func call(_ host: FakeHost, _ bytes: [UInt8]) throws -> FakeCircuit {
    let circuit = try #require(world.call(host))
    world.say(bytes, on: circuit)
    return circuit
  }

  /// The keepalives that have arrived at the other end of a circuit.
  private func keepalives(on circuit: FakeCircuit) -> [Keepalive] {
    circuit.packets.whole.compactMap { packet in
      packet.withUnsafeBytes { bytes in PacketView(reading: bytes).flatMap { try? Keepalive($0) } }
    }
  }

  /// The last challenge on a circuit.
  private func challenge(on circuit: FakeCircuit?) throws -> [UInt8] {
    let circuit = try #require(circuit)
    return try #require(keepalives(on: circuit).compactMap { $0.value(of: Keepalive.Extension.challenge) }.last)
  }

  private func circuits(to name: OnionName) -> [FakeCircuit] {
    world.circuits.filter { $0.request?.name == "\(name)" }
  }

  private func keepalive(of host: FakeHost, answering tokens: [[UInt8]]) -> [UInt8] {
    host.keepalive(
      to: alice.address,
      extensions: [.init(type: Keepalive.Extension.capabilities, value: [0])]
        + tokens.map { .init(type: Keepalive.Extension.response, value: $0) })
  }

  /// What an OnionCat's kernel answers to the echo request that came last on a circuit.
  private func reply(to circuit: FakeCircuit?) throws -> [UInt8] {
    var packet = try #require(circuit?.packets.whole.last { $0[6] == NextHeader.icmp && $0[40] == 128 })
    packet.replaceSubrange(8..<40, with: Array(packet[24..<40]) + Array(packet[8..<24]))
    packet[40] = 129
    return packet
  }

  @Test("two strict hosts dial each other once, and the first packet arrives")
  func mutual() throws {
    let (first, second) = (
      world.add(FakeHost(alice, authentication: .strict)), FakeHost(bob.name, authentication: .strict)
    )
    first.start(at: world.now)
    _ = world.start(second)
    world.replaceHosts(of: first, with: [bob.name])
    let packet = first.packet(to: second.address)
    world.send(packet, from: first)
    #expect(second.takeDelivered() == [packet])
    #expect((first.dials.count, second.dials.count) == (1, 1))
    let answer = second.packet(to: first.address)
    world.send(answer, from: second)
    #expect(first.takeDelivered() == [answer])
    #expect((first.count(.proven), second.count(.proven)) == (1, 1))
    #expect((first.count(.unproven), second.count(.unproven)) == (0, 0))
    #expect(first.node.status(of: bob.address, at: world.now)?.authentication == .proven)
  }

  @Test(
    "of a circuit that claims to be a peer's nothing is delivered before that is proven, and then all of it in order")
  func order() throws {
    let host = start(peers: [bob.name])
    let circuit = try call(host, bob.keepalive(to: alice.address) + bob.packet(to: alice.address, 1))
    world.say(bob.packet(to: alice.address, 2), on: circuit)
    #expect(host.takeDelivered() == [])
    let token = try challenge(on: circuits(to: bob.name).last)
    world.say(
      bob.packet(to: alice.address, 3) + keepalive(of: bob, answering: [token]) + bob.packet(to: alice.address, 4),
      on: circuit)
    #expect(host.takeDelivered() == (1...4).map { bob.packet(to: alice.address, $0) })
    #expect(host.node.store.lentBytes == 0)
  }

  @Test("sixteen packets wait on a circuit; what comes after them, and after a minute they too, is dropped and counted")
  func waiting() throws {
    let host = start(peers: [bob.name])
    let circuit = try call(host, bob.keepalive(to: alice.address))
    for number in 1...20 { world.say(bob.packet(to: alice.address, UInt8(number)), on: circuit) }
    #expect(host.count(.unproven) == 4)
    world.pass(.seconds(61))
    #expect(host.count(.unproven) == 20)
    #expect(host.node.peers.claims.memory == 0)
    world.say(keepalive(of: bob, answering: [try challenge(on: circuits(to: bob.name).last)]), on: circuit)
    #expect(host.takeDelivered() == [])
    #expect(host.node.status(of: bob.address, at: world.now)?.drops.map(\.count) == [20])
  }

  @Test("what waits on all circuits is bounded, and what waits on a circuit that closes is given back")
  func bounds() throws {
    let host = start()
    let circuits = try (UInt64(10)..<90).map { number in
      let caller = FakeHost(try .sample(number))
      let packets = (1...16).flatMap { caller.packet(to: alice.address, $0) }
      return try call(host, caller.keepalive(to: alice.address) + packets)
    }
    #expect(host.node.peers.claims.memory == 2 << 20)
    #expect(host.count(.unproven) == 16 * 16)
    for circuit in circuits { world.cut(circuit) }
    #expect(host.node.peers.claims.memory == 0)
    #expect(host.node.peers.claims.count == 0)
    #expect(host.node.store.lentBytes == 0)
  }

  @Test("a challenge is for one pair of names: another peer's, and one that was made up, prove nothing")
  func otherPair() throws {
    let host = start(peers: [bob.name, carol.name])
    let circuit = try call(host, bob.keepalive(to: alice.address) + bob.packet(to: alice.address))
    let token = try challenge(on: circuits(to: carol.name).last)
    world.say(keepalive(of: bob, answering: [token, [UInt8](repeating: 7, count: 16), [1, 2, 3]]), on: circuit)
    #expect(host.takeDelivered() == [])
    #expect(host.count(.falseProof) == 1)
  }

  @Test("a challenge is replaced after ten minutes, is told anew, and the old one is good for a minute more")
  func replacement() throws {
    let host = start(peers: [bob.name])
    let dialled = try #require(circuits(to: bob.name).last)
    let old = try challenge(on: dialled)
    world.pass(.seconds(600))
    let new = try challenge(on: dialled)
    #expect(old != new)
    world.pass(.seconds(59))
    var circuit = try call(host, keepalive(of: bob, answering: [old]) + bob.packet(to: alice.address))
    #expect(host.takeDelivered().count == 1)
    world.cut(circuit)
    world.pass(.seconds(2))
    circuit = try call(host, keepalive(of: bob, answering: [old]) + bob.packet(to: alice.address))
    #expect(host.takeDelivered() == [])
    world.say(keepalive(of: bob, answering: [new]), on: circuit)
    #expect(host.takeDelivered().count == 1)
  }

  @Test("a challenge is answered on every circuit to the peer, and never on the one that it came over")
  func responses() throws {
    let host = start(peers: [bob.name])
    let dialled = try #require(circuits(to: bob.name).last)
    let token = [UInt8](repeating: 9, count: 16)
    let challenge = bob.keepalive(
      to: alice.address, extensions: [.init(type: Keepalive.Extension.challenge, value: token)])
    let circuit = try call(host, challenge)
    #expect(keepalives(on: dialled).last?.value(of: Keepalive.Extension.response) == token)
    #expect(circuit.backward == [])
    // The next circuit does not answer what nobody has proven to ask.
    world.cut(dialled)
    world.pass(.seconds(3))
    let next = try #require(circuits(to: bob.name).last)
    #expect(next !== dialled)
    #expect(keepalives(on: next).first?.responses.isEmpty == true)
  }

  @Test("the challenge of a proven circuit is answered in the first keepalive of later ones, too")
  func laterCircuits() throws {
    let host = start(peers: [bob.name])
    let dialled = try #require(circuits(to: bob.name).last)
    let token = [UInt8](repeating: 9, count: 16)
    let circuit = try call(
      host,
      bob.keepalive(
        to: alice.address,
        extensions: [
          .init(type: Keepalive.Extension.response, value: try challenge(on: dialled)),
          .init(type: Keepalive.Extension.challenge, value: token),
        ]))
    world.cut(dialled)
    world.pass(.seconds(3))
    let later = try #require(circuits(to: bob.name).last)
    #expect(later !== dialled)
    #expect(keepalives(on: later).first?.value(of: Keepalive.Extension.response) == token)
    #expect(!circuit.isClosed)
  }

  @Test("of challenges from unproven circuits eight a name wait for the circuit that answers them")
  func pending() throws {
    let host = start(peers: [])
    world.outcomes["\(bob.name)"] = .silence
    for number in UInt8(1)...12 {
      _ = try call(
        host,
        bob.keepalive(
          to: alice.address,
          extensions: [.init(type: Keepalive.Extension.challenge, value: [UInt8](repeating: number, count: 16))]))
    }
    #expect(circuits(to: bob.name).count == 1)
    let dialled = try #require(circuits(to: bob.name).last)
    world.grant(dialled)
    #expect(keepalives(on: dialled).first?.responses.map { $0.bytes[0] } == Array(1...8))
    #expect(host.count(.answerLimited) == 4)
  }

  @Test(
    "who claims to be a peer has it dialled once in half a minute, however often, and its pause does not end for that")
  func dials() throws {
    let host = start(peers: [])
    world.outcomes["\(bob.name)"] = .refused(0x5b)
    for _ in 0..<50 {
      let circuit = try call(host, bob.keepalive(to: alice.address) + bob.packet(to: alice.address))
      world.pass(.seconds(1))
      world.cut(circuit)
    }
    #expect(host.dials.count == 2)
    #expect(zip(host.dials, host.dials.dropFirst()).allSatisfy { $1 - $0 >= .seconds(30) })
  }

  @Test("a claim alone tells nothing of the peer: neither what it can do, nor that it is there")
  func claims() throws {
    let host = start(peers: [bob.name])
    let capable = Keepalive.Extension(type: Keepalive.Extension.capabilities, value: [1])
    let circuit = try call(
      host, bob.keepalive(to: alice.address, extensions: [capable]) + bob.packet(to: alice.address))
    guard let peer = host.node.peer(bob.name) else {
      Issue.record("the configured peer is not there")
      return
    }
    #expect(host.node.peers.peers[peer].capabilities.contains(.superPackets) == false)
    #expect(host.node.status(of: bob.address, at: world.now)?.authentication == .unproven)
    #expect(host.node.status(of: bob.address, at: world.now)?.traffic.received == 0)
    let token = try challenge(on: circuits(to: bob.name).last)
    world.say(
      bob.keepalive(to: alice.address, extensions: [capable, .init(type: Keepalive.Extension.response, value: token)]),
      on: circuit)
    #expect(host.node.peers.peers[peer].capabilities.contains(.superPackets) == true)
    #expect(host.node.status(of: bob.address, at: world.now)?.authentication == .proven)
  }

  @Test("an OnionCat proves its circuit by the echo reply that comes over it, which never reaches the device")
  func echo() throws {
    let host = start()
    let circuit = try call(host, bob.keepalive(to: alice.address) + bob.packet(to: alice.address))
    #expect(host.takeDelivered() == [])
    let reply = try reply(to: circuits(to: bob.name).last)
    var other = reply
    other[60] ^= 1
    world.say(other, on: circuit)
    #expect(host.count(.provenByEcho) == 0)
    world.say(reply, on: circuit)
    #expect(host.takeDelivered() == [bob.packet(to: alice.address), other])
    #expect(host.count(.provenByEcho) == 1)
    #expect(host.node.status(of: bob.address, at: world.now)?.authentication == .weak)
  }

  @Test("a peer that proves itself by echo and says nothing of extensions can do none of them any more")
  func downgrade() throws {
    let host = start()
    let circuit = try call(host, bob.keepalive(to: alice.address) + bob.packet(to: alice.address))
    guard let peer = host.node.peer(bob.name) else {
      Issue.record("who called is not there")
      return
    }
    host.node.names.note([.superPackets, .order], of: bob.name)
    host.node.peers.peers[peer].capabilities = [.superPackets, .order]
    world.say(try reply(to: circuits(to: bob.name).last), on: circuit)
    #expect(host.count(.provenByEcho) == 1)
    #expect(host.node.peers.peers[peer].capabilities.isEmpty == true)
    let learned = host.node.names.capabilities(of: bob.name)
    #expect(learned == nil)
  }

  @Test("where the key is to be proven an echo reply proves nothing")
  func full() throws {
    let host = start()
    let circuit = try call(host, bob.keepalive(to: alice.address) + bob.packet(to: alice.address))
    let reply = try reply(to: circuits(to: bob.name).first)
    _ = host.node.apply(NodePolicy.trusting(authentication: .full), turn: &host.turn)
    world.say(reply, on: circuit)
    #expect(host.takeDelivered() == [])
    #expect(host.count(.provenByEcho) == 0)
  }

  @Test("a peer that answers on the circuit that we dialled is read there alone: its echo reply can be relayed")
  func bidirectional() throws {
    let host = start()
    let circuit = try call(host, bob.keepalive(to: alice.address) + bob.packet(to: alice.address, 1))
    let dialled = try #require(circuits(to: bob.name).last)
    let relayed = try reply(to: dialled)
    world.say(relayed, on: circuit)
    #expect(host.takeDelivered().count == 1)
    world.answer(bob.packet(to: alice.address, 2), on: dialled)
    #expect(host.takeDelivered() == [bob.packet(to: alice.address, 2)])
    world.say(bob.packet(to: alice.address, 3), on: circuit)
    world.pass(.seconds(40))
    world.say(relayed, on: circuit)
    #expect(host.takeDelivered() == [])
  }

  @Test("with legacy who has proven nothing for a minute is believed, and shown as unproven")
  func legacy() throws {
    let host = start(.legacy)
    let circuit = try call(host, bob.keepalive(to: alice.address) + bob.packet(to: alice.address, 1))
    world.pass(.seconds(59))
    #expect(host.takeDelivered() == [])
    world.pass(.seconds(1))
    #expect(host.takeDelivered() == [bob.packet(to: alice.address, 1)])
    world.say(bob.packet(to: alice.address, 2), on: circuit)
    #expect(host.takeDelivered() == [bob.packet(to: alice.address, 2)])
    #expect(host.node.status(of: bob.address, at: world.now)?.authentication == .unproven)
  }

  @Test("with legacy nobody is believed without a proof to be a peer that has given one")
  func legacyAfterProof() throws {
    let host = start(.legacy, peers: [bob.name])
    let token = try challenge(on: circuits(to: bob.name).last)
    _ = try call(host, keepalive(of: bob, answering: [token]))
    _ = try call(host, bob.keepalive(to: alice.address) + bob.packet(to: alice.address, 1))
    world.pass(.seconds(70))
    #expect(host.takeDelivered() == [])
    #expect(host.count(.unproven) == 1)
  }

  @Test("a keepalive counts for the identity alone that it is addressed to")
  func otherIdentity() throws {
    let host = start(.off)
    _ = try call(host, bob.keepalive(to: carol.address))
    #expect(host.count(.foreignKeepalive) == 1)
    #expect(host.node.names.name(of: bob.address) == nil)
  }

  @Test("what single peers have to prove can differ, and can change while their circuits stand")
  func policy() throws {
    let host = start(.strict)
    var policy = NodePolicy.trusting(authentication: .strict, authentications: [bob.name: .off])
    _ = host.node.apply(policy, turn: &host.turn)
    let circuit = try call(host, bob.keepalive(to: alice.address) + bob.packet(to: alice.address, 1))
    #expect(host.takeDelivered().count == 1)
    policy.authentications = [:]
    var changes = host.node.apply(policy, turn: &host.turn)
    #expect(changes == [.authentications])
    world.say(bob.packet(to: alice.address, 2), on: circuit)
    #expect(host.takeDelivered() == [])
    policy.authentication = .off
    changes = host.node.apply(policy, turn: &host.turn)
    #expect(changes == [.authentication(.off)])
    #expect(host.takeDelivered() == [bob.packet(to: alice.address, 2)])
  }

  @Test("questions for names, and answers to them, wait for the proof like any other packet")
  func questionsForNames() throws {
    let host = world.start(
      FakeHost(NodeSettings(name: alice, policy: NodePolicy.trusting(lookup: .ask, authentication: .strict))))
    var random = SeededGenerator(seed: 3)
    let message = AcquaintanceQuestion(about: alice.address, using: &random).message
    let question = UDPDatagram.packet(
      from: (bob.address, 40_000), to: (alice.address, Acquaintances.port), payload: message, hopLimit: 64)
    _ = try call(host, bob.keepalive(to: alice.address) + question)
    #expect(host.count(.nameAnswered) == 0)
    #expect(host.node.peers.claims.memory > 0)
  }
}

@Suite("Sources that a packet may not have")
struct NodeForgedSourceTests {
  private let world = FakeWorld()
  private let bob: FakeHost

  init() throws { bob = FakeHost(try .sample(2)) }

  @Test(
    "each kind of forged source is counted apart, also on a circuit that has proven whose it is",
    arguments: [
      ("::1", .impossibleSource), ("::", .impossibleSource), ("ff02::1", .impossibleSource),
      ("fe80::1", .impossibleSource), ("fd87:d87e:eb43::dead:beef", .ownSource),
      ("fd87:d87e:eb43::feed:beef", .ownSource), ("2001:db8::1", .forgedSource),
      ("fd87:d87e:eb43:1::1", .forgedSource), ("own", .ownSource),
    ] as [(String, Counter)])
  func forged(_ text: String, _ counter: Counter) throws {
    let host = world.start(FakeHost(try .sample(1)))
    let circuit = try #require(world.call(host))
    world.say(bob.keepalive(to: host.address), on: circuit)
    let source = text == "own" ? host.address : try IPv6Address.sample(text)
    world.say(Sample.packet(from: source, to: host.address, payload: [1, 2, 3, 4, 0, 8, 0, 0]), on: circuit)
    #expect(host.takeDelivered() == [])
    #expect(host.count(counter) == 1)
    #expect(host.node.status(of: bob.address, at: world.now)?.drops.map(\.name) == ["\(counter)"])
  }

  @Test("a packet whose hop limit is spent is dropped")
  func hopLimit() throws {
    let host = world.start(FakeHost(try .sample(1)))
    let circuit = try #require(world.call(host))
    var packet = bob.packet(to: host.address)
    packet[7] = 0
    world.say(bob.keepalive(to: host.address) + packet, on: circuit)
    #expect(host.takeDelivered() == [])
    #expect(host.count(.hopLimit) == 1)
  }
}
