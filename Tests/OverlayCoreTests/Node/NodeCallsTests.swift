import Testing

@testable import OverlayCore

@Suite("Who calls, and who makes room")
struct NodeCallsTests {
  private let world = FakeWorld()
  private let alice: OnionName
  private let bob: FakeHost

  init() throws {
    alice = try .sample(1)
    bob = FakeHost(try .sample(2))
  }

  /// A keepalive that tells no name, as an old OnionCat's: 43 bytes.
  private func nameless(from source: IPv6Address) -> [UInt8] {
    Sample.packet(from: source, to: alice.address, nextHeader: 59, payload: [0, 0, 0])
  }

  @Test("who has said no usable name, and brought no packet, is closed after 30 seconds, whatever else he said")
  func unusable() throws {
    let host = world.start(FakeHost(alice))
    let named = try #require(world.call(host))
    world.say(bob.keepalive(to: alice.address), on: named)
    var broken = bob.keepalive(to: alice.address)
    broken[50] ^= 1
    let calls = try [nameless(from: bob.address), broken, FakeHost(try bob.name.twin).keepalive(to: alice.address)].map
    {
      let call = try #require(world.call(host))
      world.say($0, on: call)
      return call
    }
    world.pass(.seconds(29))
    for call in calls { world.say(nameless(from: bob.address), on: call) }
    #expect(calls.map(\.isClosed) == [false, false, false])
    world.pass(.seconds(1))
    #expect(calls.map(\.isClosed) == [true, true, true])
    #expect(!named.isClosed)
  }

  @Test("an old peer without a name stays as long as any other once it has brought a packet")
  func oldPeer() throws {
    let host = world.start(FakeHost(alice))
    let call = try #require(world.call(host))
    world.say(nameless(from: bob.address) + bob.packet(to: alice.address), on: call)
    #expect(host.takeDelivered().count == 1)
    world.pass(.seconds(209))
    #expect(!call.isClosed)
    world.pass(.seconds(1))
    #expect(call.isClosed)
  }

  @Test("whose name turns out to be another's is closed within 30 seconds")
  func conflict() throws {
    let host = world.start(FakeHost(alice, peers: [ConfiguredPeer(name: bob.name)]))
    let twin = FakeHost(try bob.name.twin)
    let call = try #require(world.call(host))
    world.say(twin.packet(to: alice.address), on: call)
    world.pass(.seconds(100))
    #expect(!call.isClosed)
    world.say(twin.keepalive(to: alice.address), on: call)
    world.pass(.seconds(30))
    #expect(call.isClosed)
  }

  /// What a crowd says on each of its circuits.
  enum Crowd: CaseIterable {
    case nothing
    case nameless
    case names
    case packets
  }

  @Test(
    "a crowd that holds every place, and calls 177 times a second, does not keep a configured peer out",
    arguments: Crowd.allCases)
  func configuredPeer(_ crowd: Crowd) throws {
    let arrived = try pings(beside: crowd, isKnown: true)
    #expect(arrived >= 54)
  }

  @Test("nor a stranger who brings something", arguments: Crowd.allCases)
  func stranger(_ crowd: Crowd) throws {
    let arrived = try pings(beside: crowd, isKnown: false)
    #expect(arrived >= (crowd == .packets ? 25 : 50))
  }

  /// How many of a peer's 60 pings arrive, one a second, when its circuit is cut once and it calls again after two
  /// seconds whenever that happens. What it says comes half a second after its call.
  private func pings(beside crowd: Crowd, isKnown: Bool) throws -> Int {
    let host = FakeHost(alice, peers: isKnown ? [ConfiguredPeer(name: bob.name)] : [])
    let strangers = try (0..<100).map { try OnionName.sample(1_000 + $0) }
    var now = Instant(nanoseconds: 1_000_000_000_000)
    host.start(at: now)
    func crowdCalls(_ number: Int) {
      guard let call = host.accepted(at: now), crowd != .nothing else { return }
      let name = strangers[number % strangers.count]
      var bytes = nameless(from: name.address)
      if crowd != .nameless { bytes = Keepalive(name: name).packet(to: alice.address, flowLabel: 1) }
      if crowd == .packets { bytes += Sample.packet(from: name.address, to: alice.address, payload: [0]) }
      host.receive(bytes, on: call, at: now)
    }
    for number in 0..<750 { crowdCalls(number) }
    let ping = bob.packet(to: alice.address, size: 64)
    var circuit: CircuitIdentifier?
    var (nextCall, hasSpoken, calls) = (now, false, 0)
    for step in 0..<6_000 {
      now = now + .milliseconds(10)
      host.advance(to: now)
      while calls < step * 177 / 100 {
        calls += 1
        crowdCalls(calls)
      }
      while let action = host.node.nextAction() {
        if let own = circuit, action == .close(own) { (circuit, nextCall) = (nil, now + .seconds(2)) }
      }
      if circuit == nil, now >= nextCall {
        circuit = host.accepted(at: now)
        (nextCall, hasSpoken) = (now + .milliseconds(circuit == nil ? 2_000 : 500), false)
      }
      guard let own = circuit else { continue }
      if !hasSpoken, now >= nextCall {
        host.receive(bob.keepalive(to: alice.address), on: own, at: now)
        hasSpoken = true
      }
      if step % 100 == 50, hasSpoken { host.receive(ping, on: own, at: now) }
    }
    #expect(host.node.calls.count <= 750)
    return host.takeDelivered().count { $0 == ping }
  }

  @Test("whoever comes, says something and goes, the places are those of the circuits that are there")
  func model() throws {
    let host = FakeHost(alice, peers: [ConfiguredPeer(name: bob.name)], circuitLimit: 20)
    let strangers = try (0..<20).map { try OnionName.sample(1_000 + $0) }
    var random = SeededGenerator(seed: 900)
    var now = Instant(nanoseconds: 1_000_000_000_000)
    var open: Set<CircuitIdentifier> = []
    for _ in 0..<5_000 {
      now = now + .milliseconds(Int.random(in: 0...400, using: &random))
      let circuit = open.sorted { $0.slot < $1.slot }.randomElement(using: &random)
      switch (Int.random(in: 0..<10, using: &random), circuit) {
      case (0..<3, _):
        if let call = host.accepted(at: now) { open.insert(call) }
      case (3..<5, let circuit?):
        host.receive(bob.keepalive(to: alice.address), on: circuit, at: now)
      case (5..<8, let circuit?):
        let name = strangers[Int.random(in: strangers.indices, using: &random)]
        let packet = Sample.packet(from: name.address, to: alice.address, payload: [0])
        host.receive(Keepalive(name: name).packet(to: alice.address, flowLabel: 1) + packet, on: circuit, at: now)
      case (8, let circuit?):
        host.ended(circuit, .closed, at: now)
        open.remove(circuit)
      default: host.advance(to: now)
      }
      while let action = host.node.nextAction() {
        if case .close(let circuit) = action { open.remove(circuit) }
      }
      let accepted = Set(host.node.circuits.identifiers.filter { host.node.dialledPeer(of: $0) == nil })
      #expect(accepted == open)
      #expect(host.node.calls.count == open.count)
      #expect(host.node.circuits.count <= 20)
    }
    #expect(host.count(.crowdedOut) > 100)
  }

  @Test("configured peers do not crowd each other out as long as there are places, however often each comes again")
  func knownPeersTogether() throws {
    let peers = try (0..<40).map { FakeHost(try .sample(100 + $0)) }
    let host = world.start(
      FakeHost(alice, peers: peers.map { ConfiguredPeer(name: $0.name) }, circuitLimit: 128))
    for _ in 0..<10 {
      for peer in peers {
        let call = try #require(world.call(host))
        world.say(peer.keepalive(to: alice.address), on: call)
        world.pass(.milliseconds(10))
        world.cut(call)
      }
    }
    let calls = try peers.map { peer in
      let call = try #require(world.call(host))
      world.say(peer.keepalive(to: alice.address), on: call)
      return call
    }
    #expect(calls.allSatisfy { !$0.isClosed })
    #expect(host.count(.crowdedOut) == 0)
    // Many calls in the name of one of them displace its own.
    for _ in 0..<60 {
      let call = try #require(world.call(host))
      world.say(peers[0].keepalive(to: alice.address), on: call)
      world.pass(.milliseconds(10))
    }
    #expect(calls.dropFirst().allSatisfy { !$0.isClosed })
  }

  @Test("a configured peer is dialled though strangers whom we dialled, and their calls, take every place")
  func roomToDial() throws {
    world.outcomes["\(bob.name)"] = .refused(0x5b)
    let host = world.start(FakeHost(alice, peers: [ConfiguredPeer(name: bob.name)], circuitLimit: 32))
    for number in 0..<UInt64(200) {
      let stranger = FakeHost(try .sample(1_000 + number))
      if let call = world.call(host) {
        world.say(stranger.keepalive(to: alice.address) + stranger.packet(to: alice.address), on: call)
      }
      world.send(host.packet(to: stranger.address), from: host)
      world.pass(.seconds(10))
      for call in world.circuits where !call.isClosed && call.acceptor === host {
        world.say(stranger.packet(to: alice.address), on: call)
      }
      for circuit in host.dialledCircuits where circuit.isGranted {
        guard let name = circuit.request?.name, let onion = try? OnionName(name) else { continue }
        world.send(host.packet(to: onion.address), from: host)
      }
    }
    let dialled = host.dialledCircuits.count
    #expect(dialled > 4)
    world.outcomes = [:]
    world.pass(.seconds(60))
    world.send(host.packet(to: bob.address), from: host)
    world.pass(.seconds(10))
    #expect(host.dialledCircuits.contains { $0.request?.name == "\(bob.name)" })
    #expect(host.node.circuits.count <= 32)
  }

  @Test("nobody makes room for a configured peer that has no turn to be dialled yet: each packet for it closed a call")
  func noTurn() throws {
    var bounds = NodeBounds()
    (bounds.circuits, bounds.dials) = (16, 1)
    let others = try (3...6).map { try OnionName.sample($0) }
    let peers = (others.dropLast() + [bob.name] + others.suffix(1)).map { ConfiguredPeer(name: $0) }
    world.outcomes["\(bob.name)"] = .silence
    world.isTorReachable = false
    let host = world.start(FakeHost(NodeSettings(name: alice, peers: peers, bounds: bounds)))
    for _ in 0..<12 { _ = try #require(world.call(host)) }
    world.isTorReachable = true
    world.pass(.seconds(5))
    #expect(host.node.circuits.count == 16)
    for _ in 0..<20 { world.send(host.packet(to: others[3].address), from: host) }
    #expect(host.count(.dialLimit) >= 20)
    #expect(host.count(.crowdedOut) == 0)
    let silent = try #require(host.dialledCircuits.first { $0.request?.name == "\(bob.name)" })
    world.cut(silent)
    world.pass(.seconds(1))
    #expect(host.dialledCircuits.contains { $0.request?.name == "\(others[3])" })
  }
}
