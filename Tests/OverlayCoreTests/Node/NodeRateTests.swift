import Testing

@testable import OverlayCore

@Suite("A node below its ceilings")
struct NodeRateTests {
  private let world = FakeWorld()
  private let alice: OnionName
  private let bob: FakeHost

  init() throws {
    alice = try .sample(1)
    bob = FakeHost(try .sample(2))
  }

  private func host(
    _ rates: RateLimits, peers: [ConfiguredPeer] = [], authentication: Authentication = .off
  ) -> FakeHost {
    var policy = NodePolicy.trusting(peers: peers, authentication: authentication)
    policy.rates = rates
    return world.start(FakeHost(NodeSettings(name: alice, policy: policy)), knowing: [bob.name])
  }

  @Test("what a circuit brings beyond the ceiling waits in its socket, and all of it comes in the end")
  func incoming() throws {
    world.pieces = 1...100_000
    let host = host(RateLimits(total: RateLimit(bytes: 100_000)))
    let call = try #require(world.call(host))
    world.say(bob.keepalive(to: alice.address), on: call)
    let packets = (0..<200).map { bob.packet(to: alice.address, UInt8($0), size: 960) }
    world.say(Array(packets.joined()), on: call)
    let early = host.takeDelivered()
    #expect((2...20).contains(early.count), "\(early.count)")
    world.pass(.seconds(1))
    let second = host.takeDelivered()
    #expect((90...120).contains(second.count), "\(second.count)")
    world.pass(.seconds(2))
    #expect(early + second + host.takeDelivered() == packets)
    #expect(host.count(.readingLimited) > 10)
    #expect(!call.isClosed)
  }

  @Test("what is sent beyond it waits in its queue, as short as ever")
  func outgoing() throws {
    world.pieces = 1...100_000
    let host = host(RateLimits(peer: RateLimit(bytes: 100_000)))
    world.send(host.packet(to: bob.address), from: host)
    let circuit = try #require(world.circuits.last { $0.dialler === host })
    for number in 0..<100 as Range<UInt8> { world.queue(host.packet(to: bob.address, number, size: 960), from: host) }
    world.settle()
    let early = circuit.packets.whole.count
    #expect(early <= 25, "\(early)")
    world.pass(.milliseconds(200))
    let later = circuit.packets.whole.count
    #expect((early + 15...early + 25).contains(later), "\(later - early)")
    #expect(host.count(.sendingLimited) > 3)
    // A ping is sent before what waits.
    world.send(Sample.echoRequest(from: alice.address, to: bob.address), from: host)
    let before = circuit.packets.whole.count
    world.pass(.milliseconds(50))
    let place = circuit.packets.whole.dropFirst(before).firstIndex { $0[6] == NextHeader.icmp }
    #expect(place.map { $0 - before <= 3 } ?? (before > later), "\(String(describing: place)) after \(before)")
  }

  @Test(
    "what a peer's packets wait for is not what the device waits for, behind which those for others would",
    arguments: [
      RateLimits(peer: RateLimit(packets: 500)), RateLimits(total: RateLimit(packets: 5_000)),
      RateLimits(peer: RateLimit(bytes: 100_000_000, packets: 500)),
    ])
  func noBackpressure(_ rates: RateLimits) throws {
    world.pieces = 1_000_000...1_000_000
    let host = host(rates)
    world.send(host.packet(to: bob.address), from: host)
    // More packets than the queue waits for, as of a scan or of many flows: each takes a place of 2,048 bytes.
    for number in 0..<600 {
      world.queue(host.packet(to: bob.address, UInt8(number % 256), size: 60), from: host)
      world.settle()
      let isWaiting = host.node.hasBackpressure
      #expect(!isWaiting, "at packet \(number)")
    }
    #expect(host.count(.sendingLimited) > 0)
    world.pass(.milliseconds(30))
    let isWaiting = host.node.hasBackpressure
    #expect(!isWaiting)
  }

  @Test("a packet whose rest waits for the ceiling is not called slow")
  func pause() throws {
    world.pieces = 1...100_000
    let host = host(RateLimits(total: RateLimit(bytes: 1_000)))
    let call = try #require(world.call(host))
    world.say(bob.keepalive(to: alice.address), on: call)
    let packets = (0..<3).map { bob.packet(to: alice.address, UInt8($0), size: 60_000) }
    world.say(Array(packets.joined()), on: call)
    world.pass(.seconds(200))
    #expect(host.takeDelivered() == packets)
    #expect(host.count(.packetTimeout) == 0)
  }

  @Test("who brings a byte of a packet with each of his turns keeps its memory for a minute and no more")
  func dribble() throws {
    world.pieces = 1...100_000
    let host = host(RateLimits(total: RateLimit(bytes: 20_000)))
    let flood = try #require(world.call(host))
    world.say(bob.keepalive(to: alice.address), on: flood)
    let carol = FakeHost(try .sample(3))
    let call = try #require(world.call(host))
    world.say(carol.keepalive(to: alice.address), on: call)
    let packet = carol.packet(to: alice.address, size: 1_000)
    world.say(Array(packet.prefix(60)), on: call)
    let waste = (0..<15).flatMap { bob.packet(to: alice.address, $0, size: 1_000) }
    for byte in packet.dropFirst(60).prefix(140) {
      world.say(waste, on: flood)
      world.say([byte], on: call)
      world.pass(.milliseconds(500))
    }
    #expect(call.isClosed)
    #expect(!flood.isClosed)
    #expect(host.count(.packetTimeout) == 1)
  }

  @Test("a ceiling of packets is not used up for long by whoever brings the shortest there are")
  func shortPackets() throws {
    world.pieces = 100_000...100_000
    let host = host(RateLimits(total: RateLimit(packets: 1_000)))
    let carol = FakeHost(try .sample(3))
    let (flood, call) = (try #require(world.call(host)), try #require(world.call(host)))
    world.say(bob.keepalive(to: alice.address), on: flood)
    world.say(carol.keepalive(to: alice.address), on: call)
    world.say((0..<5_000).flatMap { _ in bob.packet(to: alice.address, size: 0) }, on: flood)
    world.say(carol.packet(to: alice.address, 7), on: call)
    world.pass(.milliseconds(500))
    #expect(host.takeDelivered().contains(carol.packet(to: alice.address, 7)))
  }

  @Test("a configured peer can say who it is, and go on, however much strangers bring below the same ceiling")
  func claim() throws {
    let host = host(
      RateLimits(total: RateLimit(bytes: 20_000)), peers: [ConfiguredPeer(name: bob.name)], authentication: .strict)
    for number in 0..<60 as Range<UInt64> {
      let stranger = FakeHost(try .sample(1_000 + number))
      let call = try #require(world.call(host))
      world.say(stranger.keepalive(to: alice.address), on: call)
      world.say((0..<30).flatMap { stranger.packet(to: alice.address, $0, size: 960) }, on: call)
    }
    world.pass(.seconds(1))
    #expect(host.count(.readingLimited) >= 60)
    let before = host.count(.keepalive)
    let call = try #require(world.call(host))
    world.say(bob.keepalive(to: alice.address), on: call)
    #expect(host.count(.keepalive) == before + 1, "the first is read at once")
    world.say(bob.keepalive(to: alice.address), on: call)
    world.pass(.seconds(1))
    #expect(host.count(.keepalive) == before + 2, "and the second has not to wait for all of them")
  }

  @Test("a circuit that takes nothing is closed after a minute, too, while others use up the ceiling")
  func stalled() throws {
    world.pieces = 100_000...100_000
    let carol = FakeHost(try .sample(3))
    let host = host(RateLimits(total: RateLimit(bytes: 20_000)))
    world.replaceHosts(of: host, with: [bob.name, carol.name])
    world.send(host.packet(to: bob.address), from: host)
    let dead = try #require(world.circuits.last { $0.dialler === host })
    let circuit = try #require(dead.diallerIdentifier)
    dead.room = 0
    for _ in 0..<700 where !dead.isClosed {
      for number in 0..<10 as Range<UInt8> {
        world.queue(host.packet(to: carol.address, number, size: 960), from: host)
      }
      world.queue(host.packet(to: bob.address), from: host)
      world.settle()
      _ = host.transmit(circuit, at: world.now) { _ in 0 }
      world.pass(.milliseconds(100))
    }
    #expect(dead.isClosed)
    #expect(host.count(.stalled) == 1)
    #expect(host.count(.sendingLimited) > 100)
  }

  @Test("a policy without ceilings lets go on what waited")
  func off() throws {
    world.pieces = 1...100_000
    let host = host(RateLimits(total: RateLimit(bytes: 1_000)))
    let call = try #require(world.call(host))
    world.say(
      bob.keepalive(to: alice.address) + (0..<50).flatMap { bob.packet(to: alice.address, $0, size: 960) }, on: call)
    #expect(host.takeDelivered().count < 50)
    host.turn.now = world.now
    _ = host.node.apply(NodePolicy.trusting(), turn: &host.turn)
    world.pass(.milliseconds(10))
    let isLimited = host.node.limitsReading
    #expect(!isLimited)
    world.say(bob.packet(to: alice.address), on: call)
    #expect(host.takeDelivered().last == bob.packet(to: alice.address))
  }
}
