import Testing

@testable import OverlayCore

/// Two LANs, each behind a host: `fd00:a::/64` and `10.1.0.0/16` behind alice, `fd00:b::/64` and `10.2.0.0/16` behind
/// bob.
struct TwoLANs {
  let world = FakeWorld()
  let alice: FakeHost
  let bob: FakeHost

  init(
    carriesIPv4: Bool = true, aliceAddress: String? = nil, bobAddress: String? = nil, isOffloading: Bool = false,
    egress: EgressLimit = .none, mtu: Int = 1_500, scrubs: Bool = false
  ) throws {
    func host(_ own: UInt64, _ lan: [String], via other: UInt64, _ otherLAN: [String], _ address: String?) throws
      -> FakeHost
    {
      let peer = try OnionName.sample(other)
      var settings = NodeSettings(
        name: try .sample(own), peers: [], isOffloading: isOffloading, mtu: mtu,
        routes: try otherLAN.map { Route(prefix: try .sample($0), via: peer) },
        served: try lan.map { try .sample($0) }, carriesIPv4: carriesIPv4,
        ipv4Address: try address.map { try .sample($0) }, egress: egress)
      settings.policy.scrubs = scrubs
      return FakeHost(settings, seed: own)
    }
    let lans = (alice: ["fd00:a::/64", "10.1.0.0/16"], bob: ["fd00:b::/64", "10.2.0.0/16"])
    alice = world.start(try host(1, lans.alice, via: 2, lans.bob, aliceAddress))
    bob = world.start(try host(2, lans.bob, via: 1, lans.alice, bobAddress))
  }

  /// An IPv6 packet from one host to another; `nil` for alice's and bob's own addresses.
  func packet(_ source: String?, _ destination: String?, size: Int = 8) throws -> [UInt8] {
    Sample.packet(
      from: try source.map { try .sample($0) } ?? alice.address,
      to: try destination.map { try .sample($0) } ?? bob.address,
      payload: (0..<size).map { UInt8(truncatingIfNeeded: $0) })
  }
}

@Suite("Routed prefixes")
struct NodeRoutedPrefixTests {
  private let lans: TwoLANs

  init() throws { lans = try TwoLANs() }

  @Test("a LAN reaches the other, and each host of it the other's router, without a configured peer")
  func bothWays() throws {
    let there = [
      try lans.packet("fd00:a::1", "fd00:b::1"), try lans.packet("fd00:a::1", nil), try lans.packet(nil, "fd00:b::1"),
      try Sample.ipv4(from: "10.1.2.3", to: "10.2.0.9", payload: [1, 2, 3]),
    ]
    for packet in there { lans.world.send(packet, from: lans.alice) }
    #expect(lans.bob.takeDelivered() == there)
    let back = [
      try lans.packet("fd00:b::1", "fd00:a::1"),
      Sample.packet(from: lans.bob.address, to: try .sample("fd00:a::1"), payload: [1, 2, 3, 4]),
      Sample.packet(from: try .sample("fd00:b::1"), to: lans.alice.address, payload: [1, 2, 3, 4]),
      try Sample.ipv4(from: "10.2.0.9", to: "10.1.2.3", payload: [1, 2, 3]),
    ]
    for packet in back { lans.world.send(packet, from: lans.bob) }
    #expect(lans.alice.takeDelivered() == back)
    #expect(lans.alice.dials.count == 1)
    #expect(lans.bob.dials.count == 1)
    #expect(lans.alice.count(.sent) == 4)
  }

  @Test("the hop limit and the time to live stay as they were")
  func hopLimit() throws {
    var version6 = try lans.packet("fd00:a::1", "fd00:b::1")
    version6[7] = 1
    let version4 = try Sample.ipv4(from: "10.1.2.3", to: "10.2.0.9", options: [148, 4, 0, 0])
    lans.world.send(version6, from: lans.alice)
    lans.world.send(version4, from: lans.alice)
    #expect(lans.bob.takeDelivered() == [version6, version4])
  }

  @Test(
    "what this side sends from elsewhere is refused, and what came from a peer is dropped in silence",
    arguments: [
      ("2001:db8::1", "fd00:b::1", [1], .foreignSource), ("fd00:c::1", nil, [1], .foreignSource),
      ("fe80::1", "fd00:b::1", [1], .foreignSource), ("::1", "fd00:b::1", [1], .foreignSource),
      ("::", "fd00:b::1", [], .foreignSource), ("ff02::1", "fd00:b::1", [], .foreignSource),
      ("fd00:b::1", "fd00:b::2", [], .returned), ("fd00:b::1", nil, [], .returned),
      ("fd00:b::1", "2001:db8::1", [], .returned), ("fd00:a::1", "fd00:a::2", [], .loop),
      (nil, "fd00:a::2", [], .loop), ("fd00:a::1", "2001:db8::1", [0], .outsideOverlay),
      ("fd00:a::1", "::1", [0], .outsideOverlay), ("fd00:a::1", "fe80::1", [], .multicast),
      ("fd00:a::1", "ff0e::1", [], .multicast), ("fd00:a::1", "fd87:d87e:eb43:1::1", [3], .unknownName),
      ("fd87:d87e:eb43:1::1", "fd00:b::1", [1], .foreignSource),
    ] as [(String?, String?, [UInt8], Counter)])
  func refused(_ source: String?, _ destination: String?, _ codes: [UInt8], _ counter: Counter) throws {
    let packet = try lans.packet(source, destination)
    lans.world.send(packet, from: lans.alice)
    let errors = lans.alice.takeDelivered()
    #expect(errors.map { $0[41] } == codes)
    // A LAN host gets its error through the device, from the local daemon.
    for error in errors {
      let header = try #require(error.withUnsafeBytes { IPv6Header($0) })
      #expect(header.source == OverlayNetwork.tor.localResponder)
      #expect(header.destination.bytes == Array(packet[8..<24]))
      #expect(Array(error[48...]) == packet)
    }
    #expect(lans.alice.count(counter) == 1)
    #expect(lans.alice.dials == [])
  }

  @Test("a packet of a known peer that comes back from the device is dropped in silence, whatever it is for")
  func returned() throws {
    for destination in [lans.bob.address, try .sample("fd00:b::1"), try .sample("2001:db8::1")] {
      lans.world.send(Sample.packet(from: lans.bob.address, to: destination, payload: [1, 2, 3, 4]), from: lans.alice)
    }
    #expect(lans.alice.count(.returned) == 3)
    #expect(lans.alice.takeDelivered() == [])
    #expect(lans.alice.dials == [])
  }

  @Test("a keepalive that somebody on this side makes up never leaves")
  func falseKeepalive() throws {
    let source = try IPv6Address.sample("fd00:a::1")
    lans.world.send(lans.alice.keepalive(to: lans.bob.address), from: lans.alice)
    lans.world.send(Sample.packet(from: source, to: lans.bob.address, nextHeader: 59, payload: [1]), from: lans.alice)
    #expect(lans.alice.count(.falseKeepalive) == 2)
    #expect(lans.alice.dials == [])
    #expect(lans.alice.takeDelivered() == [])
  }

  @Test("two hosts that each route a prefix to the other do not play ball with it")
  func circle() throws {
    let world = FakeWorld()
    let prefix = try IPPrefix.sample("2001:db8::/32")
    let names = [try OnionName.sample(1), try OnionName.sample(2)]
    let hosts = [0, 1].map { index in
      world.start(
        FakeHost(
          NodeSettings(
            name: names[index], peers: [], routes: [Route(prefix: prefix, via: names[1 - index])]),
          seed: UInt64(index)))
    }
    let packet = Sample.packet(from: names[0].address, to: try .sample("2001:db8::1"), payload: [1, 2, 3, 4])
    world.send(packet, from: hosts[0])
    #expect(hosts[1].takeDelivered() == [])
    #expect(hosts[1].count(.foreignDestination) == 1)
    world.send(packet, from: hosts[1])
    #expect(hosts[1].count(.returned) == 1)
    #expect(hosts[1].count(.sent) == 0)
  }

  @Test(
    "from a peer come its own address and what is routed to it, to us and what we serve, and nothing else",
    arguments: [
      ("fd00:b::1", "fd00:a::1", nil), ("fd00:b::1", "own", nil), ("peer", "fd00:a::1", nil), ("peer", "own", nil),
      ("fd00:c::1", "fd00:a::1", .forgedSource), ("fd00:a::2", "fd00:a::1", .forgedSource),
      ("own", "fd00:a::1", .ownSource), ("fd87:d87e:eb43:1::1", "fd00:a::1", .forgedSource),
      ("fe80::1", "fd00:a::1", .impossibleSource), ("::1", "own", .impossibleSource), ("::", "own", .impossibleSource),
      ("fd00:b::1", "fd00:b::2", .foreignDestination), ("fd00:b::1", "fd00:c::1", .foreignDestination),
      ("fd00:b::1", "2001:db8::1", .foreignDestination), ("fd00:b::1", "ff02::1", .foreignDestination),
      ("fd00:b::1", "fe80::1", .foreignDestination), ("fd00:b::1", "::1", .foreignDestination),
      ("fd00:b::1", "peer", .foreignDestination), ("fd00:b::1", "fd87:d87e:eb43:1::1", .foreignDestination),
      ("10.2.0.1", "10.1.0.1", nil), ("10.3.0.1", "10.1.0.1", .forgedSource), ("10.1.0.2", "10.1.0.1", .forgedSource),
      ("127.0.0.1", "10.1.0.1", .impossibleSource), ("0.0.0.0", "10.1.0.1", .impossibleSource),
      ("10.2.0.1", "10.2.0.2", .foreignDestination), ("10.2.0.1", "224.0.0.1", .foreignDestination),
      ("10.2.0.1", "255.255.255.255", .foreignDestination), ("10.2.0.1", "127.0.0.1", .foreignDestination),
    ] as [(String, String, Counter?)], [true, false])
  func admitted(_ addresses: (String, String, Counter?), _ isNamed: Bool) throws {
    let (source, destination, counter) = addresses
    let known = ["own": "\(lans.alice.address)", "peer": "\(lans.bob.address)"]
    let packet =
      source.contains(".")
      ? try Sample.ipv4(from: source, to: destination, payload: [1, 2, 3])
      : try lans.packet(known[source] ?? source, known[destination] ?? destination)
    let circuit = try #require(lans.world.call(lans.alice))
    // A peer without a name is known by the address of its first packet.
    let first =
      isNamed
      ? lans.bob.keepalive(to: lans.alice.address)
      : Sample.packet(from: lans.bob.address, to: lans.alice.address, nextHeader: 59)
    lans.world.say(first + packet, on: circuit)
    #expect(lans.alice.takeDelivered() == (counter == nil ? [packet] : []))
    if let counter { #expect(lans.alice.count(counter) == 1) }
  }

  @Test("a stranger who claims nothing, or to be somebody else, may not send from a routed prefix")
  func spoofed() throws {
    let packets = try lans.packet("fd00:b::1", "fd00:a::1") + Sample.ipv4(from: "10.2.0.1", to: "10.1.0.1")
    let carol = FakeHost(try .sample(3))
    for first in [[], carol.keepalive(to: lans.alice.address)] {
      let circuit = try #require(lans.world.call(lans.alice))
      lans.world.say(first + packets, on: circuit)
    }
    // Another name of the address that the prefix is behind is not believed: that name is the operator's.
    let twin = FakeHost(try lans.bob.name.twin)
    let circuit = try #require(lans.world.call(lans.alice))
    lans.world.say(twin.keepalive(to: lans.alice.address) + packets, on: circuit)
    #expect(lans.alice.count(.nameConflict) == 1)
    #expect(lans.alice.takeDelivered() == [])
    #expect(lans.alice.count(.forgedSource) == 6)
  }

  @Test("a longer route to another peer takes addresses away from a shorter one, for sources as for destinations")
  func longestMatch() throws {
    let world = FakeWorld()
    let (bob, carol) = (try OnionName.sample(2), try OnionName.sample(3))
    let host = world.start(
      FakeHost(
        NodeSettings(
          name: try .sample(1), peers: [],
          routes: [
            Route(prefix: try .sample("fd00::/16"), via: bob), Route(prefix: try .sample("fd00:c::/32"), via: carol),
          ], served: [try .sample("fd00:a::/32")])))
    for (destination, name) in [("fd00:b::1", bob), ("fd00:c::1", carol)] {
      world.send(
        Sample.packet(from: try .sample("fd00:a::1"), to: try .sample(destination), payload: [1, 2, 3, 4]), from: host)
      #expect(world.circuits.last?.request?.name == "\(name)")
    }
    let circuit = try #require(world.call(host))
    let packets = try ["fd00:b::1", "fd00:c::1"].map {
      Sample.packet(from: try .sample($0), to: try .sample("fd00:a::1"), payload: [1, 2, 3, 4])
    }
    world.say(FakeHost(bob).keepalive(to: host.address) + packets[0] + packets[1], on: circuit)
    #expect(host.takeDelivered() == [packets[0]])
    #expect(host.count(.forgedSource) == 1)
  }

  @Test("a LAN host's pings of dead:beef and feed:beef come back to it")
  func responders() throws {
    let source = try IPv6Address.sample("fd00:a::1")
    for responder in [OverlayNetwork.tor.localResponder, OverlayNetwork.tor.circuitResponder] {
      let request = Sample.echoRequest(from: source, to: responder, data: [1, 2, 3])
      lans.world.send(request, from: lans.alice)
      let asked = lans.alice.takeDelivered()
      #expect(asked == [Sample.echoRequest(from: responder, to: source, data: [1, 2, 3])])
      lans.world.send(Sample.echoReply(to: try #require(asked.first)), from: lans.alice)
      #expect(lans.alice.takeDelivered() == [Sample.echoReply(to: request)])
    }
  }

  @Test("routes that contradict each other, or lead to this host, are none")
  func contradictions() throws {
    let (own, bob, carol) = (try OnionName.sample(1), try OnionName.sample(2), try OnionName.sample(3))
    let prefix = try IPPrefix.sample("fd00:b::/64")
    for routes in [
      [Route(prefix: prefix, via: bob), Route(prefix: prefix, via: carol)], [Route(prefix: prefix, via: own)],
    ] {
      let world = FakeWorld()
      let host = world.start(FakeHost(NodeSettings(name: own, peers: [], routes: routes)))
      world.send(host.packet(to: try .sample("fd00:b::1")), from: host)
      #expect(host.takeErrorCodes() == [0])
      #expect(host.dials == [])
    }
  }

  @Test("waiting packets of a LAN host whose peer is not reached are answered, of either version")
  func notReached() throws {
    lans.world.outcomes["\(lans.bob.name)"] = .refused(0x5b)
    let version6 = try lans.packet("fd00:a::1", "fd00:b::1")
    let version4 = try Sample.ipv4(from: "10.1.0.1", to: "10.2.0.1", payload: [1, 2, 3])
    lans.world.queue(version6, from: lans.alice)
    lans.world.send(version4, from: lans.alice)
    let errors = lans.alice.takeDelivered()
    #expect(errors.count == 2)
    #expect(errors.first?[40..<42] == [1, 3])
    #expect(errors.first.map { Array($0[48...]) } == version6)
    #expect(errors.last?[20..<22] == [3, 1])
    #expect(errors.last.map { Array($0[28...]) } == version4)
    #expect(lans.alice.count(.lostWithCircuit) == 2)
  }
}
