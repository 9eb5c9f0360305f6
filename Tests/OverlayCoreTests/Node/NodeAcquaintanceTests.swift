import Testing

@testable import OverlayCore

@Suite("Names that acquaintances tell")
struct NodeAcquaintanceTests {
  private let world = FakeWorld()
  private let alice: OnionName
  private let bob: OnionName
  private let carol: OnionName

  init() throws {
    alice = try .sample(1)
    bob = try .sample(2)
    carol = try .sample(3)
  }

  /// Alice, who looks up nothing, with circuits to so many peers.
  private func asking(_ peers: [OnionName], _ lookup: LookupMode = .off) -> FakeHost {
    let peers = peers.map { ConfiguredPeer(name: $0) }
    return world.start(FakeHost(NodeSettings(name: alice, policy: NodePolicy.trusting(peers: peers, lookup: lookup))))
  }

  /// Bob, who knows Carol.
  private func answering(
    _ lookup: LookupMode = .ask, configured: Bool = true, secret: Set<OnionName> = []
  ) -> FakeHost {
    let peers = configured ? [ConfiguredPeer(name: carol)] : []
    let policy = NodePolicy.trusting(peers: peers, lookup: lookup, secret: secret)
    return world.start(FakeHost(NodeSettings(name: bob, policy: policy)))
  }

  /// A datagram that came over a circuit, as the test reads it.
  private struct Datagram {
    let source: IPv6Address
    let destination: IPv6Address
    let ports: (source: UInt16, destination: UInt16)
    let payload: [UInt8]

    init?(_ packet: [UInt8]) {
      var packet = packet
      let read = packet.withUnsafeMutableBytes { bytes -> Datagram? in
        guard let view = PacketView(bytes), let datagram = UDPDatagram.read(view) else { return nil }
        return Datagram(
          source: view.source, destination: view.destination,
          ports: (datagram.sourcePort, datagram.destinationPort), payload: Array(datagram.payload))
      }
      guard let read else { return nil }
      self = read
    }

    private init(
      source: IPv6Address, destination: IPv6Address, ports: (source: UInt16, destination: UInt16), payload: [UInt8]
    ) {
      (self.source, self.destination, self.ports, self.payload) = (source, destination, ports, payload)
    }

    /// The answer of somebody who knows this name, or none.
    func answer(_ name: OnionName?, isLocal: Bool = true) -> [UInt8] {
      let message = payload.withUnsafeBytes { bytes in
        AcquaintanceServer.answer(to: bytes) { _ in name.map { .init(name: $0, isLocal: isLocal) } }
      }
      return packet(message ?? [])
    }

    /// Any answer.
    func packet(_ message: [UInt8], from port: UInt16 = 53, to otherPort: UInt16? = nil) -> [UInt8] {
      UDPDatagram.packet(from: (destination, port), to: (source, otherPort ?? ports.source), payload: message)
    }
  }

  /// The questions that came to the far ends of circuits that the host dialled, by their order.
  private func questions(of host: FakeHost) -> [(circuit: FakeCircuit, question: Datagram)] {
    world.circuits.filter { $0.dialler === host }.flatMap { circuit in
      circuit.packets.whole.compactMap { Datagram($0) }.filter { $0.ports.destination == 53 }.map { (circuit, $0) }
    }
  }

  @Test("a host is reached by the name that an acquaintance tells, with the lookup service off")
  func told() {
    let (other, friend) = (world.start(FakeHost(carol)), answering())
    let host = asking([bob])
    world.send(host.packet(to: carol.address), from: host)
    #expect(other.takeDelivered() == [host.packet(to: carol.address)])
    #expect(host.count(.nameAsked) == 1 && friend.count(.nameAnswered) == 1 && host.count(.resolved) == 1)
    #expect(friend.takeDelivered().isEmpty && host.takeDelivered().isEmpty, "neither device saw it")
    #expect(host.lookUps.isEmpty)
    #expect(host.node.names.name(of: carol.address) == carol)
  }

  @Test("a name that was made up is an answer, too: after a dial in vain nobody waits for another of the same peer")
  func madeUp() throws {
    let liar = try #require(try OnionName.madeUp.first)
    world.outcomes["\(liar)"] = .refused(0x5b)
    let host = asking([bob])
    world.send(host.packet(to: carol.address), from: host)
    let asked = try #require(questions(of: host).first)
    world.answer(asked.question.answer(liar), on: asked.circuit)
    #expect(host.takeErrorCodes() == [3])
    #expect(questions(of: host).count == 1 && host.node.peers.searches.count == 0)
  }

  @Test("what nobody knows is refused once all have said so, and nobody is asked again for a minute")
  func unknown() {
    let (friend, host) = (answering(configured: false), asking([bob]))
    for _ in 0..<3 { world.send(host.packet(to: carol.address), from: host) }
    #expect(host.takeErrorCodes() == [3, 3, 3])
    #expect(friend.count(.nameAnswered) == 1)
    world.pass(.seconds(61))
    world.send(host.packet(to: carol.address), from: host)
    #expect(friend.count(.nameAnswered) == 2)
    #expect(host.node.peers.acquaintances.count == 1)
  }

  @Test("five are asked at once, from ports and with identifiers that nobody can guess, those who are silent once more")
  func rounds() throws {
    let host = asking(try (10..<18).map { try OnionName.sample($0) })
    world.send(host.packet(to: carol.address), from: host)
    var asked = questions(of: host)
    #expect(asked.count == 5 && Set(asked.map(\.question.destination)).count == 5)
    #expect(Set(asked.map(\.question.ports.source)).count == 5)
    #expect(Set(asked.map { $0.question.payload.prefix(2) }).count == 5)
    #expect(asked.allSatisfy { $0.question.source == alice.address })
    let quiet = asked[0].question.destination
    world.answer(asked[0].question.answer(nil), on: asked[0].circuit)
    world.pass(.seconds(6))
    asked = questions(of: host)
    #expect(asked.count == 10)
    #expect(asked.count { $0.question.destination == quiet } == 1, "who has answered is not asked again")
    #expect(host.takeErrorCodes().isEmpty)
    world.pass(.seconds(4))
    #expect(host.takeErrorCodes() == [3], "five seconds after the second question nobody waits for an answer")
    #expect(questions(of: host).count == 10)
  }

  @Test("who has no such server says so by an error, which counts as an answer and does not reach the device")
  func noServer() throws {
    let host = asking([bob])
    world.send(host.packet(to: carol.address), from: host)
    let (circuit, question) = try #require(questions(of: host).first)
    var packet = UDPDatagram.packet(
      from: (alice.address, question.ports.source), to: (bob.address, 53), payload: question.payload, hopLimit: 64)
    var refusal: [UInt8] = []
    packet.withUnsafeMutableBytes { bytes in
      guard let view = PacketView(bytes) else { return }
      ICMPv6Unreachable.withError(.addressUnreachable, about: view, from: bob.address) { refusal = Array($0) }
    }
    world.answer(refusal, on: circuit)
    #expect(host.takeErrorCodes() == [3])
  }

  @Test("an answer is taken from the peer that was asked alone, at the port from which it was, with its identifier")
  func guesses() throws {
    let other = world.start(FakeHost(carol))
    let mallory = try OnionName.sample(9)
    let host = asking([bob, mallory])
    world.send(host.packet(to: carol.address), from: host)
    let asked = questions(of: host)
    let (circuit, question) = try #require(asked.first { $0.question.destination == bob.address })
    let (liar, _) = try #require(asked.first { $0.question.destination == mallory.address })
    let answer = question.answer(carol)
    // From another peer, with its own address and with Bob's.
    world.answer(
      UDPDatagram.packet(
        from: (mallory.address, 53), to: (alice.address, question.ports.source), payload: Array(answer.dropFirst(48))),
      on: liar)
    world.answer(answer, on: liar)
    // From Bob to another port, and from another.
    let message = Array(answer.dropFirst(48))
    world.answer(question.packet(message, to: question.ports.source ^ 1), on: circuit)
    world.answer(question.packet(message, from: 54), on: circuit)
    #expect(host.node.names.name(of: carol.address) == nil)
    #expect(host.takeDelivered().count == 3, "these are for somebody else")
    // With another identifier.
    var guess = message
    guess[0] ^= 1
    world.answer(question.packet(guess), on: circuit)
    #expect(host.node.names.name(of: carol.address) == nil)
    #expect(host.count(.falseAnswer) == 1)
    world.answer(answer, on: circuit)
    #expect(other.takeDelivered().count == 1)
    // What comes again does not reach the device either, and is not counted as a lie.
    world.answer(answer, on: circuit)
    #expect(host.takeDelivered().isEmpty && host.count(.falseAnswer) == 1)
  }

  @Test("an acquaintance that tells nonsense or another's name is not believed, and the search goes on without it")
  func lies() throws {
    let other = try OnionName.sample(7)
    for lie in [Data.other(other), .other(try carol.twin), .bytes([]), .bytes([UInt8](repeating: 0xff, count: 1_200))] {
      let host = asking([bob])
      world.send(host.packet(to: carol.address), from: host)
      let (circuit, question) = try #require(questions(of: host).first)
      switch lie {
      case .other(let name): world.answer(question.answer(name), on: circuit)
      case .bytes(let bytes): world.answer(question.packet(bytes), on: circuit)
      }
      #expect(host.node.names.name(of: carol.address) == nil)
      #expect(host.count(.falseAnswer) == 1)
      #expect(host.takeDelivered().filter { $0[6] != 58 }.isEmpty)
      world.pass(.seconds(31))
      #expect(host.takeErrorCodes().allSatisfy { $0 == 3 })
      #expect(host.node.peers.searches.count == 0)
    }
  }

  private enum Data {
    case other(OnionName)
    case bytes([UInt8])
  }

  @Test("who answers a question of an earlier search is still awaited where it was asked anew, and so are the others")
  func lateOfEarlierSearch() throws {
    let mallory = try OnionName.sample(9)
    let (host, other) = (asking([bob, mallory]), world.start(FakeHost(carol)))
    world.send(host.packet(to: carol.address), from: host)
    // The hosts file tells the name, and is corrected: the address may be searched for again at once.
    world.replaceHosts(of: host, with: [carol])
    #expect(host.node.peers.searches.count == 0)
    _ = other.takeDelivered()
    for circuit in world.circuits where circuit.acceptor === other { world.cut(circuit) }
    world.replaceHosts(of: host, with: [])
    world.send(host.packet(to: carol.address), from: host)
    let asked = questions(of: host)
    #expect(asked.count == 4 && host.node.peers.searches.count == 1)
    // Bob says to both questions that he knows nothing: one answer is awaited still.
    for (circuit, question) in asked where question.destination == bob.address {
      world.answer(question.answer(nil), on: circuit)
    }
    #expect(host.takeErrorCodes().isEmpty && host.node.peers.searches.count == 1)
    let last = try #require(asked.last { $0.question.destination == mallory.address })
    world.answer(last.question.answer(carol), on: last.circuit)
    #expect(other.takeDelivered().count == 1)
  }

  @Test("a late answer still tells the name, so that the next packet is not searched for")
  func late() throws {
    let host = asking([bob])
    world.send(host.packet(to: carol.address), from: host)
    let (circuit, question) = try #require(questions(of: host).first)
    world.pass(.seconds(31))
    #expect(host.takeErrorCodes() == [3])
    world.answer(question.answer(carol), on: circuit)
    #expect(host.node.names.name(of: carol.address) == carol)
    let other = world.start(FakeHost(carol))
    world.send(host.packet(to: carol.address), from: host)
    #expect(other.takeDelivered().count == 1)
  }

  @Test("a flood of packets to addresses that nobody has asks acquaintances once a second")
  func flood() {
    let (friend, host) = (answering(configured: false), asking([bob]))
    for second in 0..<60 {
      for number in UInt64(0)..<50 {
        let low = (UInt64(second) << 16 | number) << 8 | 3
        world.send(host.packet(to: IPv6Address(high: carol.address.high, low: low)), from: host)
      }
      world.pass(.seconds(1))
    }
    #expect(friend.count(.nameAnswered) <= 80)
    #expect(friend.count(.nameAnswered) >= 60)
    #expect(friend.count(.nameAnswerLimited) == 0)
  }

  // MARK: - Answering

  /// What Bob answers to a peer that asks for the name of an address, with the code and whether it is authoritative.
  private func reply(of friend: FakeHost, to host: FakeHost, about address: IPv6Address) -> [UInt8]? {
    let question = AcquaintanceQuestion(address: address, identifier: 0x1234)
    let packet = UDPDatagram.packet(
      from: (host.address, 5_353), to: (friend.address, 53), payload: question.message, hopLimit: 64)
    world.send(packet, from: host)
    return host.takeDelivered().compactMap { Datagram($0) }.first { $0.ports.source == 53 }?.payload
  }

  private func name(in reply: [UInt8]?, about address: IPv6Address) -> AcquaintanceQuestion.Answer? {
    reply?.withUnsafeBytes { try? AcquaintanceQuestion(address: address, identifier: 0x1234).answer($0) }
  }

  @Test("a node tells its own name, its operator's and the hosts file's as such, and one that it has reached")
  func answers() throws {
    let (friend, host) = (answering(), asking([bob]))
    let (dave, erin) = (try OnionName.sample(4), try OnionName.sample(5))
    world.replaceHosts(of: friend, with: [dave])
    _ = friend.node.names.learn(erin, from: .lookup, at: world.now)
    #expect(name(in: reply(of: friend, to: host, about: erin.address), about: erin.address) == nil)
    friend.node.names.reached(erin, at: world.now)
    for (known, isLocal) in [(bob, true), (carol, true), (dave, true), (erin, false)] {
      let found = name(in: reply(of: friend, to: host, about: known.address), about: known.address)
      #expect(found == .init(name: known, isAuthoritative: isLocal))
    }
    world.pass(.seconds(2 * 3_600 + 1))
    let old = name(in: reply(of: friend, to: host, about: erin.address), about: erin.address)
    #expect(old == nil, "it is not valid any more")
    #expect(friend.takeDelivered().isEmpty)
  }

  @Test("a peer that is blocked, or that is found with a key alone, is told of to nobody")
  func secrets() {
    let friend = answering(secret: [carol])
    let host = asking([bob])
    #expect(reply(of: friend, to: host, about: carol.address)?[3] == 3)
    _ = friend.node.apply(NodePolicy.trusting(peers: [ConfiguredPeer(name: carol)], lookup: .ask), turn: &friend.turn)
    world.settle()
    #expect(name(in: reply(of: friend, to: host, about: carol.address), about: carol.address) != nil)
    #expect(friend.node.block(carol.address, turn: &friend.turn))
    world.settle()
    #expect(reply(of: friend, to: host, about: carol.address)?[3] == 3)
  }

  @Test("with the lookup service off the port is the user's own")
  func ownServer() {
    let (friend, host) = (answering(.off), asking([bob]))
    #expect(reply(of: friend, to: host, about: carol.address) == nil)
    #expect(friend.takeDelivered().count == 1)
  }

  @Test("who asks too much gets no answer for a while, and no other goes without")
  func limited() throws {
    let (friend, host) = (answering(), asking([bob]))
    let other = world.start(FakeHost(try .sample(8), peers: [ConfiguredPeer(name: bob)]))
    for _ in 0..<100 { _ = reply(of: friend, to: host, about: carol.address) }
    #expect(friend.count(.nameAnswered) == 40 && friend.count(.nameAnswerLimited) == 60)
    #expect(reply(of: friend, to: other, about: carol.address) != nil)
    #expect(friend.takeDelivered().isEmpty)
    world.pass(.seconds(1))
    #expect(reply(of: friend, to: host, about: carol.address) != nil)
  }

  @Test("another identity's names are not told, nor is its own")
  func identities() throws {
    let sibling = try OnionName.sample(6)
    let settings = NodeSettings(
      name: bob, policy: NodePolicy.trusting(peers: [ConfiguredPeer(name: sibling)], lookup: .ask),
      siblings: [bob.address, sibling.address])
    let friend = world.start(FakeHost(settings))
    let host = asking([bob])
    #expect(reply(of: friend, to: host, about: sibling.address)?[3] == 3)
  }

  @Test("what the operator named is told by the first identity alone, and what another has found by that one alone")
  func operatorsNames() throws {
    let (dave, erin) = (try OnionName.sample(4), try OnionName.sample(5))
    let settings = NodeSettings(
      name: bob, policy: NodePolicy.trusting(peers: [ConfiguredPeer(name: carol)], lookup: .ask),
      siblings: [bob.address, try OnionName.sample(6).address], dialsPeers: false)
    let (friend, host) = (world.start(FakeHost(settings)), asking([bob]))
    world.replaceHosts(of: friend, with: [dave])
    _ = friend.node.names.learn(erin, from: .lookup, at: world.now)
    friend.node.names.reached(erin, at: world.now)
    for name in [carol, dave] { #expect(reply(of: friend, to: host, about: name.address)?[3] == 3) }
    for (known, isLocal) in [(bob, true), (erin, false)] {
      let found = name(in: reply(of: friend, to: host, about: known.address), about: known.address)
      #expect(found == .init(name: known, isAuthoritative: isLocal))
    }
    // They are known for packets all the same.
    #expect(friend.node.names.name(of: carol.address) == carol)
  }

  @Test("nobody is searched for, dialled or asked because of a question")
  func noRecursion() throws {
    let (friend, host) = (answering(configured: false), asking([bob]))
    #expect(name(in: reply(of: friend, to: host, about: bob.address), about: bob.address) != nil)
    let dials = friend.dials.count
    for number in UInt64(0)..<30 {
      let stranger = IPv6Address(high: carol.address.high, low: number << 8 | 3)
      #expect(reply(of: friend, to: host, about: stranger)?[3] == 3)
    }
    world.pass(.seconds(10))
    #expect(friend.count(.nameAnswered) == 31)
    #expect(friend.count(.searched) == 0 && friend.count(.nameAsked) == 0)
    #expect(friend.lookUps.isEmpty && friend.dials.count == dials)
  }

  @Test("what is no question is refused or passed over, and nothing of it reaches the device")
  func malformed() throws {
    let (friend, host) = (answering(), asking([bob]))
    var random = SeededGenerator(seed: 5)
    for count in 0..<100 {
      world.send(
        UDPDatagram.packet(from: (alice.address, 5_353), to: (bob.address, 53), payload: random.bytes(count)),
        from: host)
      world.pass(.milliseconds(200))
    }
    #expect(friend.takeDelivered().isEmpty)
  }
}
