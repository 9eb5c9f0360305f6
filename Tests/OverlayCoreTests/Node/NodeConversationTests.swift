import Testing

@testable import OverlayCore

@Suite("Two hosts")
struct NodeConversationTests {
  private let alice: OnionName
  private let bob: OnionName

  init() throws {
    alice = try .sample(1)
    bob = try .sample(2)
  }

  @Test("ping each other, though only one knows the other's name", arguments: [1...1, 1...7, 1...100, 1...100_000])
  func ping(_ pieces: ClosedRange<Int>) throws {
    let world = FakeWorld()
    world.pieces = pieces
    let first = world.start(FakeHost(alice), knowing: [bob])
    let second = world.start(FakeHost(bob))
    let request = Sample.echoRequest(from: alice.address, to: bob.address, data: Array(0...55))
    world.send(request, from: first)
    #expect(second.takeDelivered() == [request])
    let reply = Sample.echoReply(to: request)
    world.send(reply, from: second)
    #expect(first.takeDelivered() == [reply])

    // And the other way round, on the circuits that stand.
    let back = Sample.echoRequest(from: bob.address, to: alice.address, sequence: 7)
    world.send(back, from: second)
    #expect(first.takeDelivered() == [back])
    world.send(Sample.echoReply(to: back), from: first)
    #expect(second.takeDelivered() == [Sample.echoReply(to: back)])
    #expect(world.circuits.count == 2)
  }

  @Test("send on circuits that they dialled and receive on those that they accepted")
  func unidirectional() throws {
    let world = FakeWorld()
    let first = world.start(FakeHost(alice), knowing: [bob])
    let second = world.start(FakeHost(bob), knowing: [alice])
    world.send(first.packet(to: bob.address), from: first)
    #expect(world.circuits.map { $0.dialler?.name } == [alice])
    world.send(second.packet(to: alice.address), from: second)
    #expect(world.circuits.map { $0.dialler?.name } == [alice, bob])
    for circuit in world.circuits { #expect(circuit.backward == []) }
    for host in [first, second] {
      #expect(host.count(.dialled) == 1)
      #expect(host.count(.granted) == 1)
      #expect(host.count(.accepted) == 1)
      #expect(host.count(.sent) == 1)
      #expect(host.count(.delivered) == 1)
      #expect(host.count(.keepalive) == 1)
    }
  }

  @Test("the first packet dials; packets meanwhile wait, and come in order behind the keepalive")
  func order() throws {
    let world = FakeWorld()
    world.outcomes["\(bob)"] = .silence
    let first = world.start(FakeHost(alice), knowing: [bob])
    let packets = (0..<20).map { first.packet(to: bob.address, $0, size: Int($0) * 31) }
    for packet in packets[..<5] { world.queue(packet, from: first) }
    world.settle()
    for packet in packets[5..<10] { world.send(packet, from: first) }
    let circuit = try #require(world.circuits.first)
    #expect(circuit.arrived == [])
    circuit.isGranted = true
    world.answer([0, 0x5a, 0, 0, 0, 0, 0, 0], on: circuit)
    for packet in packets[10...] { world.send(packet, from: first) }
    #expect(world.circuits.count == 1)
    let (whole, isCut) = circuit.packets
    #expect(whole.dropFirst() == packets[...])
    #expect(!isCut)
  }

  @Test("the first packet on every circuit is our keepalive, its flow label another on each")
  func keepalive() throws {
    let world = FakeWorld()
    let first = world.start(FakeHost(alice, idle: .seconds(40)), knowing: [bob])
    _ = world.start(FakeHost(bob))
    for _ in 0..<6 {
      world.send(first.packet(to: bob.address), from: first)
      world.pass(.seconds(60))
    }
    #expect(world.circuits.count == 6)
    var labels: Set<UInt32> = []
    for circuit in world.circuits {
      let packet = try #require(circuit.packets.whole.first)
      let header = try #require(packet.withUnsafeBytes { IPv6Header($0) })
      let keepalive = try packet.withUnsafeBytes { try Keepalive(#require(PacketView(reading: $0))) }
      #expect(keepalive == Keepalive(name: alice, extensions: [.init(type: 1, value: [2])]))
      #expect(header.hopLimit == 1)
      #expect(header.destination == bob.address)
      #expect(header.flowLabel > 0)
      labels.insert(header.flowLabel)
    }
    #expect(labels.count == 6)
  }

  @Test("Tor is asked for the peer's name and the service's port, with a random user identifier for each peer")
  func request() throws {
    let world = FakeWorld()
    let carol = try OnionName.sample(3)
    let first = world.start(FakeHost(alice), knowing: [bob, carol])
    let other = world.start(FakeHost(carol, seed: 2), knowing: [bob])
    world.send(first.packet(to: bob.address), from: first)
    world.send(first.packet(to: carol.address), from: first)
    world.send(other.packet(to: bob.address), from: other)
    let requests = world.circuits.compactMap(\.request)
    #expect(requests.map(\.name) == ["\(bob)", "\(carol)", "\(bob)"])
    #expect(requests.map(\.port) == [8_060, 8_060, 8_060])
    #expect(Set(requests.map(\.user)).count == 3)
    #expect(requests[0].user.count == 16)
  }

  @Test("a dial after a failure has another user identifier, one after an idle end the same")
  func identifierAfterFailure() throws {
    let world = FakeWorld()
    let host = world.start(FakeHost(alice), knowing: [bob])
    world.outcomes["\(bob)"] = .refused(0x5b)
    world.send(host.packet(to: bob.address), from: host)
    world.outcomes["\(bob)"] = nil
    world.pass(.seconds(30))
    world.send(host.packet(to: bob.address), from: host)
    world.pass(.seconds(185))
    world.send(host.packet(to: bob.address), from: host)
    let users = world.circuits.compactMap(\.request?.user)
    #expect(users.count == 3)
    #expect(users[0] != users[1])
    #expect(users[1] == users[2])
  }

  @Test("exchange the longest packet")
  func longest() throws {
    let world = FakeWorld()
    let first = world.start(FakeHost(alice), knowing: [bob])
    let second = world.start(FakeHost(bob))
    let packet = first.packet(to: bob.address, 7, size: 65_535)
    world.send(packet, from: first)
    let isSame = second.takeDelivered() == [packet]
    #expect(isSame)
  }

  @Test("exchange a thousand packets in random pieces, none lost and none out of order", arguments: 0..<4)
  func stream(_ seed: UInt64) throws {
    let world = FakeWorld(seed: seed)
    var random = SeededGenerator(seed: seed)
    let hosts = [
      world.start(FakeHost(alice), knowing: [bob]), world.start(FakeHost(bob), knowing: [alice]),
    ]
    var expected: [[[UInt8]]] = [[], []]
    for number in 0..<1_000 {
      let side = Int.random(in: 0...1, using: &random)
      let packet = hosts[side].packet(
        to: hosts[1 - side].address, UInt8(number % 256), size: Int.random(in: 8...1_460, using: &random))
      world.queue(packet, from: hosts[side])
      expected[1 - side].append(packet)
      if number % 20 == 0 { world.settle() }
    }
    world.settle()
    let areSame = (0...1).map { hosts[$0].takeDelivered() == expected[$0] }
    #expect(areSame == [true, true])
  }

  @Test("a host talks to several others at once")
  func several() throws {
    let world = FakeWorld()
    let names = try (10..<20).map { try OnionName.sample($0) }
    let center = world.start(FakeHost(alice), knowing: names)
    let others = names.map { world.start(FakeHost($0)) }
    for round in 0..<5 as Range<UInt8> {
      for name in names { world.queue(center.packet(to: name.address, round), from: center) }
    }
    world.settle()
    for other in others {
      #expect(other.takeDelivered() == (0..<5).map { center.packet(to: other.address, $0) })
      world.send(other.packet(to: alice.address), from: other)
    }
    #expect(center.takeDelivered() == others.map { $0.packet(to: alice.address) })
  }
}
