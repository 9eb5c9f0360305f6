import PacketSamples
import Testing

@testable import OverlayCore

@Suite("Several circuits to a peer")
struct NodeLanesTests {
  private let world = FakeWorld()
  private let alice: OnionName
  private let bob: OnionName

  init() throws {
    alice = try .sample(1)
    bob = try .sample(2)
  }

  /// A host with an open circuit to Bob, whom the test plays; `ping` was sent on it.
  private func connected(circuits: Int) throws -> FakeHost {
    let host = world.start(FakeHost(alice, circuitsPerPeer: circuits), knowing: [bob])
    world.send(ping(0), from: host)
    #expect(world.circuits.count == 1)
    return host
  }

  private func ping(_ sequence: UInt16) -> [UInt8] {
    Sample.echoRequest(from: alice.address, to: bob.address, sequence: sequence)
  }

  /// A packet of one of many flows, 1,248 bytes long.
  private func packet(_ flow: Int, _ number: Int) -> [UInt8] {
    var packet = SamplePacket(
      .udp(source: UInt16(1_000 + flow), destination: 80), payload: SamplePacket.payload(1_200, seed: number))
    packet.source = alice.address
    packet.destination = bob.address
    return packet.bytes
  }

  /// So many packets that a flow proves to be bulk, each sent by itself.
  private func sendBulk(_ flow: Int, _ numbers: Range<Int>, from host: FakeHost) {
    for number in numbers { world.send(packet(flow, number), from: host) }
  }

  /// What has arrived behind the keepalive.
  private func arrived(_ circuit: FakeCircuit) -> [[UInt8]] { Array(circuit.packets.whole.dropFirst()) }

  /// The packets of a flow that have arrived on a circuit.
  private func arrived(_ flow: Int, on circuit: FakeCircuit) -> [[UInt8]] {
    let start = packet(flow, 0)[40..<42]
    return arrived(circuit).filter { $0[6] == 17 && $0[40..<42] == start }
  }

  @Test("a bulk flow gets a circuit of its own, with another user identifier, and ping stays on the first")
  func bulk() throws {
    let host = try connected(circuits: 2)
    sendBulk(1, 0..<100, from: host)
    #expect(world.circuits.count == 2)
    let requests = world.circuits.compactMap(\.request)
    #expect(requests.map(\.name) == ["\(bob)", "\(bob)"])
    #expect(Set(requests.map(\.user)).count == 2)
    #expect(requests.map(\.user.count) == [16, 16])
    let keepalives = world.circuits.compactMap(\.packets.whole.first)
    #expect(keepalives.map { $0[6] } == [59, 59])
    // The flow has moved once, when it had sent 64 KiB, and nothing else has.
    let first = arrived(world.circuits[0])
    let second = arrived(world.circuits[1])
    #expect(first.first == ping(0))
    #expect(Array(first.dropFirst()) + second == (0..<100).map { packet(1, $0) })
    #expect((52...54).contains(first.count))
    world.send(ping(1), from: host)
    world.send(packet(2, 0), from: host)
    world.send(packet(1, 100), from: host)
    #expect(arrived(world.circuits[0]).suffix(2) == [ping(1), packet(2, 0)])
    #expect(arrived(world.circuits[1]).last == packet(1, 100))
    #expect(host.count(.dialled) == 2)
    #expect(host.count(.granted) == 2)
  }

  @Test("until the second circuit stands nothing waits for it; a packet waits behind none that went before")
  func dialling() throws {
    let host = try connected(circuits: 2)
    world.outcomes["\(bob)"] = .silence
    sendBulk(1, 0..<200, from: host)
    #expect(world.circuits.count == 2)
    #expect(arrived(1, on: world.circuits[0]).count == 200)
    world.grant(world.circuits[1])
    #expect(world.circuits[1].packets.whole.count == 1)
    sendBulk(1, 200..<210, from: host)
    #expect(arrived(1, on: world.circuits[0]).count == 200)
    #expect(arrived(world.circuits[1]) == (200..<210).map { packet(1, $0) })
    #expect(host.count(.dialled) == 2)
  }

  @Test("one circuit a peer: nothing of that")
  func single() throws {
    let host = try connected(circuits: 1)
    sendBulk(1, 0..<300, from: host)
    #expect(world.circuits.count == 1)
    #expect(arrived(1, on: world.circuits[0]) == (0..<300).map { packet(1, $0) })
  }

  @Test("a flow that keeps below the rate of bulk stays on the first circuit for ever")
  func sparse() throws {
    let host = try connected(circuits: 2)
    for number in 0..<1_000 {
      world.send(packet(1, number), from: host)
      world.pass(.milliseconds(50))
    }
    #expect(world.circuits.count == 1)
  }

  @Test("four bulk flows spread over three circuits, however late those stand", arguments: [false, true])
  func spread(_ isSlow: Bool) throws {
    let host = try connected(circuits: 4)
    if isSlow { world.outcomes["\(bob)"] = .silence }
    let flows = 1...4
    for number in 0..<300 {
      for flow in flows { world.send(packet(flow, number), from: host) }
      // One circuit after the other comes to stand.
      if isSlow, number % 70 == 69, let next = world.circuits.first(where: { !$0.isGranted }) { world.grant(next) }
    }
    #expect(world.circuits.count == 4)
    let pinned = world.circuits.dropFirst().map { circuit in flows.count { !arrived($0, on: circuit).isEmpty } }
    #expect(pinned.sorted() == [1, 1, 2])
    for flow in flows {
      let parts = world.circuits.map { arrived(flow, on: $0) }
      // On the first circuit until it moved, then on one other.
      #expect(parts.count { !$0.isEmpty } == 2, "flow \(flow)")
      let isSame = Array(parts.joined()) == (0..<300).map { packet(flow, $0) }
      #expect(isSame, "flow \(flow)")
    }
    #expect(Set(world.circuits.compactMap(\.request?.user)).count == 4)
  }

  @Test("a circuit for bulk that carries nothing for 30 seconds is closed, and dialled again when it is wanted")
  func idle() throws {
    let host = try connected(circuits: 2)
    sendBulk(1, 0..<60, from: host)
    world.pass(.seconds(29))
    #expect(!world.circuits[1].isClosed)
    world.pass(.seconds(2))
    #expect(world.circuits.map(\.isClosed) == [false, true])
    #expect(host.count(.idleClosed) == 1)
    sendBulk(1, 60..<120, from: host)
    #expect(world.circuits.count == 3)
    #expect(world.circuits[2].request == world.circuits[1].request)
    let isSame = arrived(1, on: world.circuits[2]).last == packet(1, 119)
    #expect(isSame)
  }

  @Test("the first circuit is not idle as long as one for bulk is in use")
  func busyBulk() throws {
    let host = try connected(circuits: 2)
    sendBulk(1, 0..<60, from: host)
    let isMoved = !arrived(1, on: world.circuits[1]).isEmpty
    #expect(isMoved)
    for number in 60..<460 {
      world.send(packet(1, number), from: host)
      world.pass(.seconds(1))
    }
    #expect(world.circuits.map(\.isClosed) == [false, false])
    #expect(host.takeErrorCodes() == [])
    world.pass(.seconds(361))
    #expect(world.circuits.map(\.isClosed) == [true, true])
  }

  @Test("what waited on a circuit for bulk that is lost goes over the first one, in order, but the cut packet")
  func bulkLost() throws {
    let host = try connected(circuits: 2)
    sendBulk(1, 0..<60, from: host)
    let second = world.circuits[1]
    let before = arrived(1, on: world.circuits[0]) + arrived(1, on: second)
    #expect(before.count == 60)
    second.room = 100
    sendBulk(1, 60..<100, from: host)
    world.cut(second)
    #expect(world.circuits.count == 2)
    #expect(!world.circuits[0].isClosed)
    let isSame = arrived(1, on: world.circuits[0]).suffix(39) == (61..<100).map { packet(1, $0) }
    #expect(isSame)
    #expect(host.count(.lostWithCircuit) == 1)
    #expect(host.takeErrorCodes() == [])
    // The flow stays on the first circuit until the pause is over; then another is dialled, by another way.
    sendBulk(1, 100..<200, from: host)
    #expect(world.circuits.count == 2)
    world.pass(.seconds(3))
    sendBulk(1, 200..<400, from: host)
    #expect(world.circuits.count == 3)
    #expect(Set(world.circuits.compactMap(\.request?.user)).count == 3)
    #expect(arrived(1, on: world.circuits[2]).last == packet(1, 399))
  }

  @Test("a circuit for bulk that Tor refuses costs nothing but a pause")
  func bulkRefused() throws {
    let host = try connected(circuits: 2)
    world.outcomes["\(bob)"] = .refused(0x5b)
    sendBulk(1, 0..<200, from: host)
    #expect(world.circuits.count == 2)
    #expect(arrived(1, on: world.circuits[0]) == (0..<200).map { packet(1, $0) })
    #expect(host.takeErrorCodes() == [])
    #expect(host.count(.dialFailed) == 1)
    world.outcomes = [:]
    world.pass(.seconds(3))
    sendBulk(1, 200..<300, from: host)
    #expect(world.circuits.count == 3)
    #expect(arrived(1, on: world.circuits[2]).last == packet(1, 299))
  }

  @Test("a circuit for bulk that takes nothing for a minute is closed, and the first one carries what waited")
  func bulkStalled() throws {
    let host = try connected(circuits: 2)
    sendBulk(1, 0..<60, from: host)
    world.circuits[1].room = 0
    sendBulk(1, 60..<70, from: host)
    world.send(ping(1), from: host)
    world.pass(.seconds(61))
    #expect(host.count(.stalled) == 1)
    #expect(world.circuits[1].isClosed)
    let isSame = arrived(1, on: world.circuits[0]).suffix(10) == (60..<70).map { packet(1, $0) }
    #expect(isSame)
    #expect(arrived(world.circuits[0]).contains(ping(1)))
  }

  @Test("when the first circuit is lost the others are closed, and what waited on any goes over the next")
  func firstLost() throws {
    let host = try connected(circuits: 2)
    sendBulk(1, 0..<60, from: host)
    world.pass(.seconds(25))
    sendBulk(1, 60..<120, from: host)
    world.pass(.seconds(10))
    world.circuits[0].room = 0
    world.circuits[1].room = 0
    world.send(ping(1), from: host)
    sendBulk(1, 120..<140, from: host)
    world.cut(world.circuits[0])
    #expect(world.circuits.count == 3)
    #expect(world.circuits.map(\.isClosed) == [true, true, false])
    let third = arrived(world.circuits[2])
    #expect(third == [ping(1)] + (120..<140).map { packet(1, $0) })
    #expect(host.count(.lostWithCircuit) == 0)
    sendBulk(1, 140..<240, from: host)
    #expect(world.circuits.count == 4)
    #expect(arrived(1, on: world.circuits[3]).last == packet(1, 239))
    #expect(host.takeErrorCodes() == [])
  }

  @Test("the device does not wait for a circuit for bulk that is closed with the first")
  func congestedLost() throws {
    let host = try connected(circuits: 2)
    sendBulk(1, 0..<60, from: host)
    world.circuits[1].room = 0
    for number in 60..<300 { world.queue(packet(1, number), from: host) }
    #expect(host.node.isDeviceToWait == true)
    world.cut(world.circuits[0])
    #expect(host.node.isDeviceToWait == false)
    world.pass(.milliseconds(50))
    #expect(host.node.isDeviceToWait == false)
  }

  @Test("a packet that was half received on a circuit for bulk leaves no memory behind", arguments: [0, 1])
  func reassembly(_ lost: Int) throws {
    let host = try connected(circuits: 2)
    sendBulk(1, 0..<60, from: host)
    let incoming = Sample.packet(from: bob.address, to: alice.address, payload: SamplePacket.payload(9_000))
    world.answer(Array(incoming.dropLast()), on: world.circuits[1])
    #expect(host.node.reassemblyMemory == 16_384)
    world.cut(world.circuits[lost])
    #expect(host.node.reassemblyMemory == 0)
    #expect(host.node.store.byteCount == host.node.store.keptBytes)
  }

  @Test("a name that is taken away takes all its circuits with it")
  func removedName() throws {
    let host = try connected(circuits: 3)
    for number in 0..<80 {
      for flow in 1...2 { world.send(packet(flow, number), from: host) }
    }
    #expect(world.circuits.count == 3)
    world.replaceHosts(of: host, with: [])
    #expect(world.circuits.map(\.isClosed) == [true, true, true])
    #expect(host.sockets.isEmpty)
    world.pass(.seconds(300))
    #expect(host.node.peers.isEmpty)
  }

  @Test("at the limit of circuits no further one is dialled for bulk, and all goes over the first")
  func limit() throws {
    let host = world.start(FakeHost(alice, circuitLimit: 1, circuitsPerPeer: 3), knowing: [bob])
    sendBulk(1, 0..<200, from: host)
    #expect(world.circuits.count == 1)
    #expect(arrived(1, on: world.circuits[0]) == (0..<200).map { packet(1, $0) })
    #expect(host.takeErrorCodes() == [])
  }

  @Test("a permanent peer's circuits for bulk are closed when they are idle, and only the first gets keepalives")
  func permanent() throws {
    let host = world.start(FakeHost(alice, peers: [ConfiguredPeer(name: bob)], circuitsPerPeer: 2))
    sendBulk(1, 0..<100, from: host)
    world.pass(.seconds(600))
    #expect(world.circuits.map(\.isClosed) == [false, true])
    #expect(world.circuits[1].packets.whole.count { $0[6] == 59 } == 1)
    #expect(world.circuits[0].packets.whole.count { $0[6] == 59 } == 11)
  }

  @Test("between two hosts no flow is reordered and nothing is lost", arguments: 0..<3 as Range<UInt64>)
  func twoHosts(_ seed: UInt64) throws {
    let world = FakeWorld(seed: seed)
    var random = SeededGenerator(seed: 800 + seed)
    let host = world.start(FakeHost(alice, circuitsPerPeer: 3), knowing: [bob])
    let other = world.start(FakeHost(bob, circuitsPerPeer: 3))
    var sent: [Int: [[UInt8]]] = [:]
    for number in 0..<2_000 {
      let flow = Int.random(in: 0..<8, using: &random)
      let packet = packet(flow, number)
      sent[flow, default: []].append(packet)
      world.send(packet, from: host)
      if number % 100 == 0 { world.pass(.milliseconds(Int.random(in: 0...100, using: &random))) }
    }
    var received: [Int: [[UInt8]]] = [:]
    for packet in other.takeDelivered() {
      received[Int(packet[40]) << 8 + Int(packet[41]) - 1_000, default: []].append(packet)
    }
    let isSame = received == sent
    #expect(isSame)
    #expect(world.circuits.count == 3)
    #expect(other.count(.accepted) == 3)
    #expect(other.count(.nameConflict) == 0)
  }
}
