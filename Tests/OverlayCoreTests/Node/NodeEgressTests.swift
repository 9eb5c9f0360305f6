import PacketSamples
import Testing

@testable import OverlayCore

@Suite("Packets too long for the device")
struct NodeEgressTests {
  private func lans(_ mtu: Int = 1_400, bobAddress: String? = nil, isOffloading: Bool = false) throws -> TwoLANs {
    try TwoLANs(bobAddress: bobAddress, isOffloading: isOffloading, egress: .mtu, mtu: mtu)
  }

  @Test(
    "what fits to the byte is delivered; one byte more is answered with the MTU over the circuits",
    arguments: [1_280, 1_400])
  func tooBig(_ mtu: Int) throws {
    let lans = try lans(mtu)
    let fitting = try lans.packet("fd00:a::1", "fd00:b::1", size: mtu - 40)
    lans.world.send(fitting, from: lans.alice)
    #expect(lans.bob.takeDelivered() == [fitting])
    let long = try lans.packet("fd00:a::1", "fd00:b::1", size: mtu - 39)
    lans.world.send(long, from: lans.alice)
    #expect(lans.bob.takeDelivered() == [])
    #expect(lans.bob.count(.tooLong) == 1)
    let error = try #require(lans.alice.takeDelivered().first)
    // 1,280 bytes in all: the header from bob to the sender, type 2, code 0, the MTU, and the quote.
    let header = try #require(error.withUnsafeBytes { IPv6Header($0) })
    #expect(header.source == lans.bob.address)
    #expect("\(header.destination)" == "fd00:a::1")
    #expect(header.nextHeader == 58)
    #expect(header.hopLimit == 64)
    #expect(error.count == 1_280)
    #expect(error[40..<42] == [2, 0])
    #expect(error[44..<48] == [0, 0, UInt8(mtu >> 8), UInt8(mtu & 0xff)])
    #expect(error[48...] == long[..<1_232])
    let sum = NaiveChecksum.field(
      source: header.source, destination: header.destination, nextHeader: 58, Array(error[40...]))
    #expect(sum == 0)
    #expect(lans.bob.count(.peerError) == 1)
  }

  @Test("behind a kernel every packet is delivered, however long")
  func none() throws {
    let lans = try TwoLANs(egress: .none, mtu: 1_400)
    let packets = [
      try lans.packet("fd00:a::1", "fd00:b::1", size: 9_000),
      try Sample.ipv4(from: "10.1.0.1", to: "10.2.0.1", payload: [UInt8](repeating: 1, count: 9_000)),
    ]
    for packet in packets { lans.world.send(packet, from: lans.alice) }
    #expect(lans.bob.takeDelivered() == packets)
  }

  @Test("no link of IPv6 carries less than 1,280 bytes, so nothing that long is refused")
  func least() throws {
    let lans = try lans(600)
    let packet = try lans.packet("fd00:a::1", "fd00:b::1", size: 1_240)
    lans.world.send(packet, from: lans.alice)
    #expect(lans.bob.takeDelivered() == [packet])
    lans.world.send(try lans.packet("fd00:a::1", "fd00:b::1", size: 1_241), from: lans.alice)
    #expect(lans.alice.takeDelivered().first?[44..<48] == [0, 0, 5, 0])
  }

  @Test("TCP is cut to segments that fit and not refused; what the kernel could not cut is")
  func superPackets() throws {
    let lans = try lans(isOffloading: true)
    var packet = SamplePacket.tcp(SamplePacket.payload(9_000))
    packet.source = try .sample("fd00:a::1")
    packet.destination = try .sample("fd00:b::1")
    lans.world.send(packet.bytes, from: lans.alice)
    let frame = try #require(lans.bob.takeFrames().first)
    #expect(frame.header.segmentation == .tcp(size: UInt16(1_400 - 72), hasECN: false))
    #expect(lans.bob.count(.tooLong) == 0)
    // Accurate ECN is in each packet of such a connection.
    lans.world.send(packet.changed { $0.reserved = 1 }.bytes, from: lans.alice)
    #expect(lans.bob.takeFrames().map(\.header) == [frame.header])
    #expect(lans.bob.count(.tooLong) == 0)
    packet.upper = .tcp(
      {
        var tcp = SamplePacket.TCP(); tcp.flags = 0x12; return tcp
      }())
    lans.world.send(packet.bytes, from: lans.alice)
    #expect(lans.bob.takeFrames() == [])
    #expect(lans.bob.count(.tooLong) == 1)
    #expect(lans.alice.takeDelivered().map { $0[40] } == [2])
  }

  @Test(
    "fragmentation needed, byte by byte; from the address that is served, or where the packet was to go",
    arguments: [(nil, "10.2.0.1"), ("10.2.0.254", "10.2.0.254"), ("192.0.2.1", "10.2.0.1")])
  func fragmentationNeeded(_ bobAddress: String?, _ source: String) throws {
    let lans = try lans(bobAddress: bobAddress)
    let long = try Sample.ipv4(
      from: "10.1.0.1", to: "10.2.0.1", fragment: 0x4000, payload: [UInt8](repeating: 7, count: 1_381))
    lans.world.send(long, from: lans.alice)
    #expect(lans.bob.takeDelivered() == [])
    #expect(lans.bob.count(.tooLong) == 1)
    let error = try #require(lans.alice.takeDelivered().first)
    let header = try #require(error.withUnsafeBytes { IPv4Header($0) })
    #expect("\(header.source) \(header.destination)" == "\(source) 10.1.0.1")
    #expect(header.protocolNumber == 1)
    #expect(error.count == 576)
    #expect(error[20..<22] == [3, 4])
    #expect(error[24..<28] == [0, 0, 0x05, 0x78])
    #expect(error[28...] == long[..<548])
    #expect(NaiveChecksum.field(Array(error[20...])) == 0)
  }

  @Test("IPv4 that may be fragmented is, and the fragments are the packet")
  func fragmented() throws {
    let lans = try lans()
    let payload = (0..<4_000).map { UInt8(truncatingIfNeeded: $0 &* 13) }
    lans.world.send(try Sample.ipv4(from: "10.1.0.1", to: "10.2.0.1", payload: payload), from: lans.alice)
    let fragments = lans.bob.takeDelivered()
    #expect(fragments.map(\.count) == [1_396, 1_396, 20 + 4_000 - 2 * 1_376])
    #expect(fragments.flatMap { $0[20...] } == payload)
    #expect(lans.bob.count(.fragmented) == 1)
    #expect(lans.bob.count(.delivered) == 1)
    #expect(lans.alice.takeDelivered() == [])
  }

  @Test("no error is about an ICMP error or a fragment that is not the first")
  func unanswerable() throws {
    let lans = try lans()
    func packet(_ nextHeader: UInt8, _ start: [UInt8]) throws -> [UInt8] {
      Sample.packet(
        from: try .sample("fd00:a::1"), to: try .sample("fd00:b::1"), nextHeader: nextHeader,
        payload: start + [UInt8](repeating: 0, count: 1_400))
    }
    let quote = Sample.packet(from: try .sample("fd00:b::1"), to: try .sample("fd00:a::1"), nextHeader: 17, payload: [])
    let silent = [
      try packet(58, [1, 3, 0, 0, 0, 0, 0, 0] + quote), try packet(58, [2, 0, 0, 0, 0, 0, 0, 0] + quote),
      try packet(44, [17, 0, 0, 8, 0, 0, 0, 1]), try packet(44, [58, 0, 1, 1, 0, 0, 0, 1]),
      try Sample.ipv4(
        from: "10.1.0.1", to: "10.2.0.1", protocolNumber: 1, fragment: 0x4000,
        payload: [3, 1, 0, 0] + [UInt8](repeating: 0, count: 1_400)),
      try Sample.ipv4(
        from: "10.1.0.1", to: "10.2.0.1", fragment: 0x4001, payload: [UInt8](repeating: 0, count: 1_400)),
    ]
    for packet in silent { lans.world.send(packet, from: lans.alice) }
    #expect(lans.bob.takeDelivered() == [])
    #expect(lans.alice.takeDelivered() == [])
    #expect(lans.bob.count(.tooLong) == 6)
    lans.world.send(try packet(44, [17, 0, 0, 1, 0, 0, 0, 1]), from: lans.alice)
    lans.world.send(try packet(58, [128, 0, 0, 0]), from: lans.alice)
    #expect(lans.alice.takeDelivered().map { $0[40] } == [2, 2])
  }

  @Test("ten errors a second go to peers, and they do not use up those for this side, nor the other way round")
  func rateLimit() throws {
    let lans = try lans()
    let long = try lans.packet("fd00:a::1", "fd00:b::1", size: 1_361)
    for _ in 0..<30 { lans.world.send(long, from: lans.alice) }
    #expect(lans.alice.takeDelivered().count == 10)
    #expect(lans.bob.count(.peerErrorLimited) == 20)
    let nowhere = try lans.packet("fd00:b::1", "2001:db8::1")
    for _ in 0..<30 { lans.world.send(nowhere, from: lans.bob) }
    #expect(lans.bob.takeErrorCodes().count == 10)
    lans.world.pass(.seconds(1))
    for _ in 0..<30 { lans.world.send(nowhere, from: lans.bob) }
    for _ in 0..<30 { lans.world.send(long, from: lans.alice) }
    #expect(lans.alice.takeDelivered().count == 10)
  }

  @Test("a peer that the operator named hears of it however many errors strangers cause, and so at the door")
  func amongStrangers() throws {
    let world = FakeWorld()
    let (bob, mallory) = (FakeHost(try .sample(2)), FakeHost(try .sample(3)))
    let settings = NodeSettings(name: try .sample(1), peers: [ConfiguredPeer(name: bob.name)], egress: .mtu)
    let host = world.start(FakeHost(settings))
    let circuits = try [bob, mallory].map { caller in
      let circuit = try #require(world.call(host))
      world.say(caller.keepalive(to: host.address), on: circuit)
      return circuit
    }
    for error in [DeliveryError.tooLong(mtu: 1_500), .prohibited] {
      for _ in 0..<30 {
        if error == .prohibited {
          mallory.packet(to: host.address).withUnsafeBytes { host.refuse(fromOverlay: $0, error, at: world.now) }
        } else {
          world.say(
            Sample.echoRequest(
              from: mallory.address, to: host.address, data: [UInt8](repeating: 0, count: 1_500)), on: circuits[1])
        }
      }
      let before = (told: host.count(.peerError), withheld: host.count(.peerErrorLimited))
      #expect(before.withheld % 20 == 0 && before.withheld > 0)
      if error == .prohibited {
        bob.packet(to: host.address).withUnsafeBytes { host.refuse(fromOverlay: $0, error, at: world.now) }
      } else {
        world.say(bob.packet(to: host.address, size: 1_500), on: circuits[0])
      }
      #expect(host.count(.peerError) == before.told + 1, "\(error)")
      #expect(host.count(.peerErrorLimited) == before.withheld)
    }
  }

  @Test("a host that does not answer is told of to the packet's sender, of either version")
  func unreachable() throws {
    let lans = try lans()
    let version6 = try lans.packet(nil, "fd00:b::1")
    let version4 = try Sample.ipv4(from: "10.1.0.1", to: "10.2.0.1", payload: [1, 2, 3])
    for packet in [version6, version4] {
      packet.withUnsafeBytes { lans.bob.refuse(fromOverlay: $0, .unreachable, at: lans.world.now) }
    }
    lans.world.settle()
    let errors = lans.alice.takeDelivered()
    #expect(errors.first?[40..<48] == [1, 3] + (errors.first?[42..<44] ?? []) + [0, 0, 0, 0])
    #expect(errors.first?[48...] == version6[...])
    #expect(errors.last?[20..<22] == [3, 1])
    #expect(errors.last?[28...] == version4[...])
    #expect(lans.bob.count(.peerError) == 2)
  }

  @Test("an error for whom no peer is known goes nowhere")
  func stranger() throws {
    let lans = try lans()
    for source in ["2001:db8::1", "fd87:d87e:eb43:1::1", "fd87:d87e:eb43::dead:beef", "fe80::1", "fd00:b::2"] {
      let packet = try lans.packet(source, "fd00:b::1")
      packet.withUnsafeBytes { lans.bob.refuse(fromOverlay: $0, .unreachable, at: lans.world.now) }
    }
    for packet in [[], [0x60], try Sample.ipv4(from: "192.0.2.1", to: "10.2.0.1")] as [[UInt8]] {
      packet.withUnsafeBytes { lans.bob.refuse(fromOverlay: $0, .tooLong(mtu: 1_400), at: lans.world.now) }
    }
    lans.world.settle()
    #expect(lans.bob.dials == [])
    #expect(lans.bob.count(.peerError) == 0)
  }
}
