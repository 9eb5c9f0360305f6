import Testing

@testable import OverlayCore

@Suite("A circuit's life")
struct NodeLifetimeTests {
  private let world = FakeWorld()
  private let alice: OnionName
  private let bob: OnionName
  /// A host that the test plays: it makes packets, and never starts.
  private let player: FakeHost

  init() throws {
    alice = try .sample(1)
    bob = try .sample(2)
    player = FakeHost(bob)
  }

  /// A host with an open circuit to Bob, whom the test plays.
  private func connected(permanent: Bool = false, idle: Duration = .seconds(180)) throws -> (FakeHost, FakeCircuit) {
    let peers = permanent ? [ConfiguredPeer(name: bob)] : []
    let host = world.start(FakeHost(alice, peers: peers, idle: idle))
    if !permanent {
      world.replaceHosts(of: host, with: [bob])
      world.send(host.packet(to: bob.address), from: host)
      if let circuit = world.circuits.first, circuit.isGranted {
        world.answer(player.packet(to: alice.address), on: circuit)
      }
      _ = host.takeDelivered()
    }
    return (host, try #require(world.circuits.first))
  }

  @Test("a circuit that carries nothing for the idle time is closed, and dialled again when it is wanted")
  func idle() throws {
    let (host, circuit) = try connected()
    world.pass(.seconds(179))
    #expect(!circuit.isClosed)
    world.pass(.seconds(1))
    #expect(circuit.isClosed)
    #expect(host.count(.idleClosed) == 1)
    world.send(host.packet(to: bob.address, 9), from: host)
    #expect(world.circuits.count == 2)
    #expect(world.circuits[1].packets.whole.last == host.packet(to: bob.address, 9))
    #expect(host.takeDelivered() == [])
  }

  @Test("a short idle time is no failure: the circuit is dialled again at once")
  func shortIdle() throws {
    let (host, circuit) = try connected(idle: .seconds(10))
    world.pass(.seconds(10))
    #expect(circuit.isClosed)
    world.send(host.packet(to: bob.address), from: host)
    #expect(host.takeErrorCodes() == [])
    #expect(world.circuits.count == 2)
  }

  @Test("a permanent peer's keepalives keep its circuit to a host whose idle time is shorter than their interval")
  func shortIdleAccepted() throws {
    let host = world.start(FakeHost(alice, idle: .seconds(1)))
    let circuit = try #require(world.call(host))
    for _ in 0..<5 {
      world.say(player.keepalive(to: alice.address), on: circuit)
      world.pass(.seconds(60))
    }
    #expect(!circuit.isClosed)
    world.pass(.seconds(60))
    #expect(circuit.isClosed)
  }

  @Test("packets in either direction keep a circuit")
  func notIdle() throws {
    let (host, circuit) = try connected()
    for _ in 0..<5 {
      world.pass(.seconds(170))
      world.send(host.packet(to: bob.address), from: host)
      world.pass(.seconds(170))
      world.answer(player.packet(to: alice.address), on: circuit)
    }
    world.pass(.seconds(170))
    #expect(!circuit.isClosed)
    #expect(host.count(.idleClosed) == 0)
  }

  @Test("a permanent peer gets a keepalive after each minute of silence, and is never closed for idleness")
  func permanentKeepalive() throws {
    let (host, circuit) = try connected(permanent: true)
    #expect(circuit.packets.whole.count == 1)
    world.pass(.seconds(59))
    #expect(circuit.packets.whole.count == 1)
    world.pass(.seconds(1))
    #expect(circuit.packets.whole.count == 2)
    world.pass(.seconds(3_600))
    let packets = circuit.packets.whole
    #expect(packets.count == 62)
    // Who said nothing of himself is asked by an echo request instead of told.
    #expect(packets.dropFirst().allSatisfy { $0[6] == 58 && $0[40] == 128 })
    #expect(host.count(.dialled) == 1)
    #expect(!circuit.isClosed)
    #expect(host.count(.idleClosed) == 0)
  }

  @Test("a permanent peer that is spoken to gets no more keepalives than it needs")
  func permanentBusy() throws {
    let (host, circuit) = try connected(permanent: true)
    for _ in 0..<100 {
      world.pass(.seconds(50))
      world.send(host.packet(to: bob.address), from: host)
      world.answer(player.packet(to: alice.address), on: circuit)
    }
    #expect(circuit.packets.whole.count == 101)
  }

  @Test("a lost circuit is dialled again and takes over the whole packets that waited; the cut one is never resumed")
  func carriedOver() throws {
    let (host, first) = try connected()
    world.pass(.seconds(40))
    let packets = (1...3).map { host.packet(to: bob.address, $0, size: 500) }
    first.room = 100
    for packet in packets { world.send(packet, from: host) }
    #expect(first.packets.isCut)
    let before = first.packets.whole.count
    world.cut(first)
    #expect(first.packets.whole.count == before)
    let second = try #require(world.circuits.last)
    #expect(second !== first)
    let (whole, isCut) = second.packets
    #expect(whole.first?[6] == 59)
    #expect(Array(whole.dropFirst()) == Array(packets[1...]))
    #expect(!isCut)
    #expect(host.takeDelivered() == [])
    #expect(host.count(.lostWithCircuit) == 1)
  }

  @Test("a cut at any byte of the stream leaves only whole packets on the next circuit", arguments: 0...40)
  func cutAnywhere(_ step: Int) throws {
    let (host, first) = try connected()
    world.pass(.seconds(40))
    let packets = (1...4).map { host.packet(to: bob.address, $0, size: 13) }
    first.room = step * 6
    for packet in packets { world.send(packet, from: host) }
    let sent = first.packets
    world.cut(first)
    let carried = world.circuits.count > 1 ? Array(world.circuits[1].packets.whole.dropFirst()) : []
    var expected = packets
    // What has been cut arrives on neither circuit.
    if sent.isCut { expected.remove(at: sent.whole.count - 2) }
    #expect(Array(sent.whole.dropFirst(2)) + carried == expected)
  }

  @Test("a circuit that takes nothing for a minute is closed, and what waited goes over the next one")
  func stalled() throws {
    let (host, first) = try connected(permanent: true)
    world.pass(.seconds(40))
    first.room = 0
    let packet = host.packet(to: bob.address, 5)
    world.send(packet, from: host)
    world.pass(.seconds(125))
    #expect(host.count(.stalled) == 1)
    #expect(first.isClosed)
    #expect(world.circuits.last?.packets.whole.contains(packet) == true)
  }

  @Test("a circuit that was idle before it stalled is closed after the same minute")
  func stalledAfterIdle() throws {
    let (host, first) = try connected()
    world.pass(.seconds(40))
    first.room = 0
    world.send(host.packet(to: bob.address, 5), from: host)
    world.pass(.seconds(59))
    #expect(host.count(.stalled) == 0)
    world.pass(.seconds(2))
    #expect(host.count(.stalled) == 1)
  }

  @Test("a slow circuit that takes a little is not stalled")
  func slow() throws {
    let (host, first) = try connected(permanent: true)
    first.room = 0
    world.send(host.packet(to: bob.address, 5, size: 1_000), from: host)
    for _ in 0..<20 {
      world.pass(.seconds(50))
      first.room = 10
      world.settle()
    }
    #expect(host.count(.stalled) == 0)
    #expect(!first.isClosed)
  }

  @Test("packets beyond the bound of those that wait for a circuit drop the oldest, and are counted")
  func queueFull() throws {
    world.outcomes["\(bob)"] = .silence
    let (host, first) = try connected()
    let packets = (0..<99).map { host.packet(to: bob.address, $0) }
    for packet in packets { world.send(packet, from: host) }
    #expect(host.count(.queueFull) == 36)
    world.grant(first)
    #expect(Array(first.packets.whole.dropFirst()) == Array(packets[35...]))
  }

  @Test("packets beyond the bound of a peer's bulk queue drop the longest flow's oldest, and are counted")
  func bulkQueueFull() throws {
    let (host, first) = try connected()
    first.room = 0
    let whole = host.packet(to: bob.address, size: 59_960)
    let sparse = Sample.echoRequest(from: alice.address, to: bob.address)
    world.send(sparse, from: host)
    for _ in 0..<100 { world.send(whole, from: host) }
    first.room = .max
    world.settle()
    let packets = first.packets.whole.dropFirst(2)
    #expect(packets.contains(sparse))
    let fitting = BulkQueue().memoryLimit / PacketStore.largeSize
    #expect(packets.count == 1 + fitting)
    #expect(Int(host.count(.queueFull)) == 100 - fitting)
  }

  @Test("who calls and says nothing is closed after 30 seconds, also if it dribbles bytes that never make a packet")
  func silent() throws {
    let host = world.start(FakeHost(alice))
    let silent = try #require(world.call(host))
    let dribbling = try #require(world.call(host))
    let packet = player.packet(to: alice.address, size: 1_000)
    for second in 0..<29 {
      world.pass(.seconds(1))
      world.say([packet[second]], on: dribbling)
    }
    #expect(host.sockets.count == 2)
    world.pass(.seconds(1))
    #expect(silent.isClosed)
    #expect(dribbling.isClosed)
    #expect(host.count(.halfOpen) == 2)
  }

  @Test("an accepted circuit may be idle for half a minute longer than a dialled one")
  func acceptedIdle() throws {
    let host = world.start(FakeHost(alice))
    let circuit = try #require(world.call(host))
    world.say(player.keepalive(to: alice.address), on: circuit)
    world.pass(.seconds(209))
    #expect(!circuit.isClosed)
    world.pass(.seconds(1))
    #expect(circuit.isClosed)
  }

  @Test("beyond the limit a call takes another's place, nothing is dialled, and packets are answered with code 3")
  func limit() throws {
    let host = world.start(FakeHost(alice, circuitLimit: 3), knowing: [bob])
    let circuits = (0..<4).compactMap { _ in world.call(host) }
    #expect(circuits.count == 4)
    world.settle()
    #expect(circuits.map(\.isClosed).count { $0 } == 1)
    #expect(host.count(.crowdedOut) == 1)
    world.send(host.packet(to: bob.address), from: host)
    #expect(host.takeErrorCodes() == [3])
    #expect(host.dials == [])
    world.cut(try #require(circuits.first { !$0.isClosed }))
    world.send(host.packet(to: bob.address), from: host)
    #expect(host.dials.count == 1)
  }

  @Test("late events of a circuit that is gone find nobody")
  func lateEvents() throws {
    let (host, circuit) = try connected()
    let identifier = try #require(circuit.diallerIdentifier)
    world.pass(.seconds(200))
    #expect(circuit.isClosed)
    let counters = host.node.counters.summary
    host.node.connected(identifier)
    host.receive(player.packet(to: alice.address), on: identifier, at: world.now)
    let isMore = host.transmit(identifier, at: world.now) { _ in
      Issue.record("there is nothing to send")
      return 0
    }
    host.ended(identifier, .closed, at: world.now)
    host.ended(identifier, .torUnreachable, at: world.now)
    #expect(!isMore)
    #expect(host.node.nextAction() == nil)
    #expect(host.takeDelivered() == [])
    #expect(host.node.counters.summary == counters)
  }

  @Test("memory that nobody needs is given back within a minute, but not a packet that has begun")
  func tidying() throws {
    let (host, dialled) = try connected()
    let queueing = try #require(dialled.diallerIdentifier)
    world.pass(.seconds(20))
    world.send(host.packet(to: bob.address, size: 60_000), from: host)
    let accepted = try #require(world.call(host))
    let receiving = try #require(accepted.acceptorIdentifier)
    let packet = player.packet(to: alice.address, size: 60_000)
    world.say(player.keepalive(to: alice.address) + packet, on: accepted)
    world.say(Array(packet[..<50_000]), on: accepted)
    #expect(host.node.circuits[queueing].queue.hasMemory == true)
    #expect(host.node.store.byteCount >= PacketStore.smallSize + PacketStore.largeSize)
    #expect(host.node.circuits[receiving].defragmenter.memory > 50_000)
    world.pass(.seconds(58))
    // The peer called and answers nothing: another circuit took the first one's place.
    let standing = try #require(host.node.peer(bob).flatMap { host.node.peers.peers[$0].sparse.open })
    #expect(host.node.circuits[standing].queue.hasMemory == false)
    #expect(host.node.store.byteCount == host.node.circuits[receiving].defragmenter.memory)
    #expect(host.node.circuits[receiving].defragmenter.memory > 50_000)
    let trims = host.trims
    world.say(Array(packet[50_000...]), on: accepted)
    #expect(host.takeDelivered().count == 2)
    world.pass(.seconds(70))
    #expect(host.node.store.byteCount == 0)
    #expect(host.node.cutPackets.memory == 0)
    #expect(host.trims == trims + 1)
  }

  @Test("a permanent peer's keepalives do not keep memory, whenever they go out")
  func tidyingInStep() throws {
    let (host, _) = try connected(permanent: true)
    world.pass(.seconds(58))
    world.send(host.packet(to: bob.address, size: 60_000), from: host)
    world.pass(.seconds(600))
    // No more than the last keepalive took.
    #expect(host.node.store.byteCount <= PacketStore.smallSize)
  }

  @Test("a peer that was dialled once and is wanted no more is forgotten")
  func forgotten() throws {
    let (host, _) = try connected()
    #expect(host.node.peers.count == 1)
    world.pass(.seconds(300))
    #expect(host.node.peers.count == 0)
  }

  @Test("a daemon with nothing to do is looked at when it is to be tidied, and no more")
  func calm() throws {
    let host = world.start(FakeHost(alice))
    var turns = 0
    let end = world.now + .seconds(3_600)
    while host.node.nextDeadline <= end {
      turns += 1
      world.pass(host.node.nextDeadline - world.now)
    }
    #expect(turns == 72)
  }
}
