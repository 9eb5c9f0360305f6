import Testing

@testable import OverlayCore

@Suite("Whoever claims to be a peer, and is not")
struct NodeHostileClaimsTests {
  private let world = FakeWorld()
  private let alice: OnionName
  /// A host that the test plays, or pretends to be.
  private let bob: FakeHost

  init() throws {
    alice = try .sample(1)
    bob = FakeHost(try .sample(2))
  }

  private func start(
    _ authentication: Authentication = .strict, peers: [OnionName] = [], circuitLimit: Int = 1_000, seed: UInt64 = 1
  ) -> FakeHost {
    world.start(
      FakeHost(
        alice, peers: peers.map { ConfiguredPeer(name: $0) }, circuitLimit: circuitLimit,
        authentication: authentication, seed: seed))
  }

  /// Whoever it is calls `host` with these bytes.
  private func call(_ host: FakeHost, _ bytes: [UInt8]) throws -> FakeCircuit {
    let circuit = try #require(world.call(host))
    world.say(bytes, on: circuit)
    return circuit
  }

  private func dialled(_ name: OnionName) throws -> FakeCircuit {
    try #require(world.circuits.last { $0.request?.name == "\(name)" })
  }

  @Test("has it dialled once in half a minute, whatever it asks")
  func questions() throws {
    let host = start()
    world.outcomes["\(bob.name)"] = .refused(0x5b)
    for number in UInt8(0)..<50 {
      let question = Keepalive.Extension(
        type: Keepalive.Extension.question, value: [UInt8](repeating: number, count: Liveness.Question.tokenSize))
      let circuit = try call(host, bob.keepalive(to: alice.address, extensions: [question]))
      world.pass(.seconds(1))
      world.cut(circuit)
    }
    #expect(host.dials.count == 2)
    #expect(zip(host.dials, host.dials.dropFirst()).allSatisfy { $1 - $0 >= .seconds(30) })
  }

  @Test("does not keep the peer, if that has proven itself and starts anew, from being dialled at once")
  func restart() throws {
    let host = start()
    var circuit = try call(host, bob.keepalive(to: alice.address))
    world.say(try echoReply(to: bob.name), on: circuit)
    #expect(host.count(.provenByEcho) == 1)
    for _ in 0..<2 {
      world.pass(.seconds(1))
      world.cut(circuit)
      world.cut(try dialled(bob.name))
      // Again and again it is dialled only if it proves itself each time.
      circuit = try call(host, bob.keepalive(to: alice.address) + bob.packet(to: alice.address))
    }
    #expect(host.dials.count == 2)
    #expect(host.takeDelivered() == [])
  }

  @Test("has it challenged no more often on twenty circuits than on one")
  func challenges() throws {
    let host = start(peers: [bob.name])
    for number in UInt8(0)..<20 {
      _ = try call(host, bob.keepalive(to: alice.address) + bob.packet(to: alice.address, number))
      world.pass(.seconds(1))
    }
    world.pass(.seconds(40))
    // Beside what goes first on each circuit to it.
    let repeats = world.circuits.filter { $0.request?.name == "\(bob.name)" }.flatMap { circuit in
      circuit.packets.whole.dropFirst().filter { packet in
        packet.withUnsafeBytes { bytes in
          PacketView(reading: bytes).flatMap { try? Keepalive($0) }?.value(of: Keepalive.Extension.challenge) != nil
        }
      }
    }
    #expect((1...2).contains(repeats.count))
  }

  @Test("is not believed with legacy beside an OnionCat that has proven its circuit by an echo")
  func weakProof() throws {
    let host = start(.legacy)
    // Nothing was proven by then, so that this one was believed.
    let before = try call(host, bob.keepalive(to: alice.address))
    world.pass(.seconds(61))
    world.say(bob.packet(to: alice.address, 1), on: before)
    #expect(host.takeDelivered().count == 1)

    let circuit = try call(host, bob.keepalive(to: alice.address))
    world.say(try echoReply(to: bob.name), on: circuit)
    #expect(host.count(.provenByEcho) == 1)
    let after = try call(host, bob.keepalive(to: alice.address))
    for other in [before, after] { world.say(bob.packet(to: alice.address, 2), on: other) }
    world.pass(.seconds(70))
    #expect(host.takeDelivered() == [])
    world.say(bob.packet(to: alice.address, 3), on: circuit)
    #expect(host.takeDelivered() == [bob.packet(to: alice.address, 3)])
  }

  @Test("a weak proof that counts no more leaves its peer where legacy finds it: believed after a minute")
  func answersWhereDialled() throws {
    let host = start(.legacy)
    let circuit = try call(host, bob.keepalive(to: alice.address))
    world.say(try echoReply(to: bob.name), on: circuit)
    world.answer(bob.packet(to: alice.address, 1), on: try dialled(bob.name))
    #expect(host.takeDelivered().count == 1)
    world.say(bob.packet(to: alice.address, 2), on: circuit)
    #expect(host.takeDelivered() == [])
    world.pass(.seconds(61))
    #expect(host.takeDelivered() == [bob.packet(to: alice.address, 2)])
  }

  @Test("does not take the place in which the packets of others wait: whoever has most makes room")
  func shares() throws {
    let host = start(peers: [bob.name])
    for number in UInt64(10)..<200 {
      let caller = FakeHost(try .sample(number))
      let packets = (1...16).flatMap { caller.packet(to: alice.address, $0) }
      _ = try call(host, caller.keepalive(to: alice.address) + packets)
    }
    #expect(host.node.peers.claims.memory == 2 << 20)
    let packets = (1...4).map { bob.packet(to: alice.address, $0) }
    let circuit = try call(host, bob.keepalive(to: alice.address) + packets.flatMap(\.self))
    #expect(host.node.peers.claims.memory == 2 << 20)
    #expect(host.count(.unproven) == 190 * 16 - 1_020)
    world.say(try echoReply(to: bob.name), on: circuit)
    #expect(host.takeDelivered() == packets)
  }

  @Test("has nothing wait any more after a minute, and may still prove that it is the peer after all")
  func patience() throws {
    let host = start(peers: [bob.name])
    let circuit = try call(host, bob.keepalive(to: alice.address) + bob.packet(to: alice.address, 1))
    world.pass(.seconds(61))
    world.say(bob.packet(to: alice.address, 2), on: circuit)
    #expect(host.node.peers.claims.memory == 0)
    #expect(host.count(.unproven) == 2)
    world.say(try echoReply(to: bob.name), on: circuit)
    world.say(bob.packet(to: alice.address, 3), on: circuit)
    #expect(host.takeDelivered() == [bob.packet(to: alice.address, 3)])
  }

  @Test("loses its circuit, if all places are taken, to the dial that it has caused", arguments: 1...12)
  func ownPlace(seed: UInt64) throws {
    let host = try startUnreachable(.strict, seed: seed)
    // It is dialled for the first claim, and then not for half a minute.
    world.cut(try call(host, namelessKeepalive(from: bob.address)))
    world.pass(.seconds(27))
    try fill(host)
    world.pass(.seconds(6))
    #expect(host.count(.crowdedOut) == 1)
    #expect(host.sockets.count == 4)
  }

  @Test("loses its circuit also if that is judged because the operator wants proofs now", arguments: 1...12)
  func ownPlaceAfterReload(seed: UInt64) throws {
    let host = try startUnreachable(.off, seed: seed)
    try fill(host)
    let peers = try [bob.name, .sample(3)].map { ConfiguredPeer(name: $0) }
    _ = host.node.apply(NodePolicy.trusting(peers: peers, authentication: .strict), turn: &host.turn)
    world.settle()
    #expect(host.count(.crowdedOut) == 1)
    #expect(host.sockets.count == 4)
  }

  /// A host of four circuits that reaches none of its two peers.
  private func startUnreachable(_ authentication: Authentication, seed: UInt64) throws -> FakeHost {
    let peers = try [bob.name, .sample(3)]
    for name in peers { world.outcomes["\(name)"] = .refused(0x5b) }
    return start(authentication, peers: peers, circuitLimit: 4, seed: seed)
  }

  /// Takes all places: by calls that tell nothing but an address, one of them bob's, and by the circuit to another
  /// peer. Bob can be dialled from now on.
  private func fill(_ host: FakeHost) throws {
    world.outcomes["\(bob.name)"] = .silence
    for address in try [bob.address, OnionName.sample(4).address, OnionName.sample(5).address] {
      _ = try call(host, namelessKeepalive(from: address))
    }
    world.outcomes = ["\(bob.name)": .silence]
    _ = host.node.connect(try .sample(3), turn: &host.turn)
    world.settle()
    #expect(host.sockets.count == 4)
  }

  /// The keepalive of an old OnionCat, which tells no name.
  private func namelessKeepalive(from address: IPv6Address) -> [UInt8] {
    Sample.packet(from: address, to: alice.address, nextHeader: NextHeader.none, payload: [])
  }

  /// What an OnionCat's kernel answers to the echo request that came last on the circuit to it.
  private func echoReply(to name: OnionName) throws -> [UInt8] {
    let request = try dialled(name).packets.whole.last { $0[6] == NextHeader.icmp && $0[40] == 128 }
    var packet = try #require(request)
    packet.replaceSubrange(8..<40, with: Array(packet[24..<40]) + Array(packet[8..<24]))
    packet[40] = 129
    return packet
  }
}
