import PacketSamples
import Testing

@testable import OverlayCore

@Suite("Super-packets")
struct NodeOffloadTests {
  private let world = FakeWorld()
  private let alice: OnionName
  /// A host that the test plays: it makes packets, and never starts.
  private let bob: FakeHost
  private static let isCapable = [
    Keepalive.Extension(type: Keepalive.Extension.capabilities, value: Capabilities.superPackets.bytes)
  ]

  init() throws {
    alice = try .sample(1)
    bob = FakeHost(try .sample(2))
  }

  /// A host with an open circuit to Bob, who has called and said this of himself.
  private func connected(
    _ extensions: [Keepalive.Extension] = isCapable, isOffloading: Bool = true, circuits: Int = 1, mtu: Int = 1_500,
    showsSpeed: Bool = true
  ) throws -> FakeHost {
    world.pieces = 1_000_000...1_000_000
    let host = world.start(
      FakeHost(alice, circuitsPerPeer: circuits, isOffloading: isOffloading, mtu: mtu), knowing: [bob.name])
    try say(extensions, to: host)
    world.send(host.packet(to: bob.address), from: host)
    guard showsSpeed else { return host }
    try showSpeed(from: host, to: bob.address)
    try dialled().arrived = []
    return host
  }

  /// A circuit of which nothing is known gets single segments, until it has taken 64 KiB at once.
  private func showSpeed(from host: FakeHost, to peer: IPv6Address) throws {
    for _ in 0..<150 { world.queue(host.packet(to: peer, size: 1_400), from: host) }
    world.settle()
  }

  private func say(_ extensions: [Keepalive.Extension], to host: FakeHost) throws {
    world.say(bob.keepalive(to: alice.address, extensions: extensions), on: try #require(world.call(host)))
  }

  /// The circuit to Bob.
  private func dialled() throws -> FakeCircuit { try #require(world.circuits.first { $0.request != nil }) }

  /// What came over it since it is known to be fast.
  private func arrived() throws -> [[UInt8]] { try dialled().packets.whole }

  private func outgoing(_ packet: SamplePacket) -> SamplePacket {
    var packet = packet
    packet.source = alice.address
    packet.destination = bob.address
    return packet
  }

  private func incoming(_ packet: SamplePacket) -> SamplePacket {
    var packet = packet
    packet.source = bob.address
    packet.destination = alice.address
    return packet
  }

  /// The host sends it as the kernel gives it: checksum unfinished, to be cut after `size` bytes each.
  private func send(_ packet: SamplePacket, size: Int, from host: FakeHost) {
    var partial = packet
    partial.checksum = .partial
    world.send(partial.bytes, partial.offload(size: size), from: host)
  }

  @Test("that this host takes them is said in every keepalive, and only if it does", arguments: [true, false])
  func announced(_ isOffloading: Bool) throws {
    _ = try connected(isOffloading: isOffloading, showsSpeed: false)
    let packet = try #require(try dialled().packets.whole.first)
    let keepalive = try packet.withUnsafeBytes { try Keepalive(#require(PacketView(reading: $0))) }
    #expect(keepalive == Keepalive(name: alice, extensions: [.init(type: 1, value: [isOffloading ? 3 : 2])]))
  }

  @Test("cross unsplit, with their full checksum, to a peer that takes them", arguments: [2_000, 30_000, 65_463])
  func unsplit(_ size: Int) throws {
    let host = try connected()
    let packet = outgoing(.tcp(SamplePacket.payload(size)))
    let before = host.count(.sent)
    send(packet, size: 1_440, from: host)
    let isSame = try arrived() == [packet.bytes]
    #expect(isSame)
    #expect(host.count(.sent) == before + 1)
  }

  @Test(
    "are split where segments are shorter than what receivers cut: a LAN of 1,280 bytes got longer ones",
    arguments: [1_427, 1_220])
  func splitForSmallerLinks(_ size: Int) throws {
    let host = try connected()
    let packet = outgoing(.tcp(SamplePacket.payload(10_000)))
    send(packet, size: size, from: host)
    #expect(try arrived() == packet.segments(size).map(\.bytes))
  }

  @Test(
    "are split for a peer that has not said that it takes them",
    arguments: [[], [.init(type: 1, value: [2])], [.init(type: 1, value: [])], [.init(type: 2, value: [1])]]
      as [[Keepalive.Extension]])
  func splitForOthers(_ extensions: [Keepalive.Extension]) throws {
    let host = try connected(extensions)
    let packet = outgoing(.tcp(SamplePacket.payload(30_000)) { $0.flags = 0x99 })
    send(packet, size: 1_400, from: host)
    let packets = try arrived()
    #expect(packets.count == 22)
    #expect(packets == packet.segments(1_400).map(\.bytes))
  }

  @Test("capabilities are believed when they come, also after the circuit, and until others come")
  func later() throws {
    let host = try connected([])
    let packet = outgoing(.tcp(SamplePacket.payload(3_000)))
    let segments = packet.segments(1_440).map(\.bytes)
    var expected: [[UInt8]] = []
    for (extensions, packets) in [(nil, segments), (Self.isCapable, [packet.bytes]), ([], segments)] {
      if let extensions { try say(extensions, to: host) }
      send(packet, size: 1_440, from: host)
      expected += packets
      #expect(try arrived() == expected)
    }
  }

  @Test("a stranger's word for another is not believed: neither a name in conflict nor another's claim")
  func impostors() throws {
    let host = try connected([])
    let twin = FakeHost(try bob.name.twin)
    world.say(twin.keepalive(to: alice.address, extensions: Self.isCapable), on: try #require(world.call(host)))
    let carol = FakeHost(try .sample(3))
    let circuit = try #require(world.call(host))
    world.say(carol.keepalive(to: alice.address), on: circuit)
    world.say(bob.keepalive(to: alice.address, extensions: Self.isCapable), on: circuit)
    let packet = outgoing(.tcp(SamplePacket.payload(3_000)))
    send(packet, size: 1_400, from: host)
    #expect(try arrived() == packet.segments(1_400).map(\.bytes))
  }

  @Test("of UDP are always split")
  func datagrams() throws {
    let host = try connected()
    let packet = outgoing(.udp(SamplePacket.payload(10_000)))
    send(packet, size: 1_200, from: host)
    #expect(try arrived() == packet.segments(1_200).map(\.bytes))
  }

  @Test(
    "on a slow circuit are cut so that one takes 5 ms at the most, or into single segments",
    arguments: [
      (20, 1_440), (300, 1_440), (1_000, 4_320), (2_000, 8_640), (5_000, 24_480), (6_100, nil), (50_000, nil),
    ] as [(Int, Int?)])
  func slow(_ bytesPerMillisecond: Int, _ size: Int?) throws {
    let host = try connected()
    let identifier = try #require(try dialled().diallerIdentifier)
    host.block(identifier, after: 0, at: world.now)
    world.now = world.now + .milliseconds(20)
    host.block(identifier, after: 20 * bytesPerMillisecond, at: world.now)
    let packet = outgoing(.tcp(SamplePacket.payload(30_000)) { $0.flags = 0x99 })
    send(packet, size: 1_440, from: host)
    let expected = size.map { packet.segments($0) } ?? [packet]
    let isSame = try arrived() == expected.map(\.bytes)
    #expect(isSame)
    // Ten seconds later nothing is known any more, and it counts as fast.
    world.now = world.now + .seconds(11)
    send(packet, size: 1_440, from: host)
    #expect(try arrived().last == packet.bytes)
  }

  @Test("a checksum that was left to the device is completed")
  func checksums() throws {
    let host = try connected([])
    var packets = [outgoing(.tcp([1, 2, 3])), outgoing(.udp(SamplePacket.payload(77))), outgoing(.udp([]))]
    packets[1].extensions = SamplePacket.padding
    for packet in packets {
      var partial = packet
      partial.checksum = .partial
      let offset: UInt16 = if case .tcp = packet.upper { 16 } else { 6 }
      let checksum = OffloadHeader.Checksum(start: UInt16(packet.upperStart), offset: offset)
      world.send(partial.bytes, OffloadHeader(segmentation: .none, checksum: checksum), from: host)
    }
    #expect(try arrived() == packets.map(\.bytes))
  }

  @Test("what cannot be cut or completed as the kernel says is counted, and not sent", arguments: [true, false])
  func malformed(_ isCapable: Bool) throws {
    let host = try connected(isCapable ? Self.isCapable : [])
    let packet = outgoing(.tcp(SamplePacket.payload(3_000))).bytes
    let beyond = OffloadHeader.Checksum(start: UInt16(packet.count - 10), offset: 9)
    for header in [
      OffloadHeader(segmentation: .none, checksum: beyond),
      OffloadHeader(segmentation: .tcp(size: 1_400, hasECN: false), checksum: beyond),
      OffloadHeader(segmentation: .udp(size: 1_400), checksum: nil),
    ] {
      world.send(packet, header, from: host)
    }
    #expect(host.count(.malformed) == 3)
    #expect(try arrived() == [])
  }

  @Test("that wait for a circuit wait as ordinary packets")
  func waiting() throws {
    world.outcomes["\(bob.name)"] = .silence
    let host = try connected(showsSpeed: false)
    let packet = outgoing(.tcp(SamplePacket.payload(30_000)))
    send(packet, size: 1_400, from: host)
    world.grant(try dialled())
    // The keepalive and the first packet come before.
    #expect(try arrived().dropFirst(2) == packet.segments(1_400).map(\.bytes)[...])
  }

  @Test(
    "that come are handed out to be cut as the interface wants it, which may change, but after 1,500 bytes at the most",
    arguments: [1_280, 9_000])
  func received(_ mtu: Int) throws {
    let host = try connected(mtu: 1_500)
    let circuit = try #require(world.call(host))
    world.say(bob.keepalive(to: alice.address), on: circuit)
    let packet = incoming(.tcp(SamplePacket.payload(30_000)))
    var partial = packet
    partial.checksum = .partial
    for mtu in [1_500, mtu] {
      host.node.mtuChanged(to: mtu)
      world.say(packet.bytes, on: circuit)
      let size = min(mtu, 1_500) - 72
      #expect(
        host.takeFrames() == [
          CollectingSink.Frame(bytes: partial.bytes, header: partial.offload(size: size), runCount: 1)
        ])
    }
  }

  @Test("segments that come together go to the device as one, and nothing waits for more")
  func joined() throws {
    let host = try connected()
    let circuit = try #require(world.call(host))
    world.say(bob.keepalive(to: alice.address), on: circuit)
    var packet = incoming(.tcp(SamplePacket.payload(7_100)))
    world.say(packet.segments(1_000).flatMap(\.bytes), on: circuit)
    packet.checksum = .partial
    #expect(
      host.takeFrames() == [
        CollectingSink.Frame(bytes: packet.bytes, header: packet.offload(size: 1_000), runCount: 8)
      ])
    #expect(host.count(.delivered) == 8)
  }

  @Test("a host without offload gets everything as it came")
  func withoutOffload() throws {
    let host = try connected(isOffloading: false)
    let circuit = try #require(world.call(host))
    world.say(bob.keepalive(to: alice.address), on: circuit)
    let segments = incoming(.tcp(SamplePacket.payload(5_000))).segments(1_000).map(\.bytes)
    world.say(Array(segments.joined()), on: circuit)
    #expect(host.takeFrames() == segments.map { CollectingSink.Frame(bytes: $0, header: .none, runCount: 1) })
  }

  @Test("cross between two hosts that have heard of each other, in any pieces", arguments: [1...200, 1...100_000])
  func between(_ pieces: ClosedRange<Int>) throws {
    world.pieces = 1_000_000...1_000_000
    let first = world.start(FakeHost(alice, isOffloading: true), knowing: [bob.name])
    let second = world.start(FakeHost(bob.name, isOffloading: true), knowing: [alice])
    world.send(second.packet(to: alice), from: second)
    world.send(first.packet(to: bob.name), from: first)
    try showSpeed(from: first, to: bob.address)
    #expect(first.takeFrames().count == 1)
    #expect(second.takeFrames().count == 151)
    world.pieces = pieces
    let packet = outgoing(.tcp(SamplePacket.payload(40_000)))
    var partial = packet
    partial.checksum = .partial
    for _ in 0..<3 { world.queue(partial.bytes, partial.offload(size: 1_428), from: first) }
    world.settle()
    let frame = CollectingSink.Frame(bytes: partial.bytes, header: partial.offload(size: 1_428), runCount: 1)
    let isSame = second.takeFrames() == [frame, frame, frame]
    #expect(isSame)
  }

  @Test("go over a circuit for bulk as they go over the first")
  func lanes() throws {
    let host = try connected(circuits: 2)
    let packet = outgoing(.tcp(SamplePacket.payload(30_000)))
    for _ in 0..<40 {
      send(packet, size: 1_428, from: host)
      world.pass(.milliseconds(10))
    }
    let lanes = world.circuits.filter { $0.request != nil }
    #expect(lanes.count == 2)
    let isSame = lanes[0].packets.whole.allSatisfy { $0 == packet.bytes }
    #expect(isSame)
    try showSpeed(from: host, to: bob.address)
    send(packet, size: 1_428, from: host)
    #expect(lanes[1].packets.whole.last == packet.bytes)
  }
}

extension FakeHost {
  fileprivate func packet(to name: OnionName) -> [UInt8] { packet(to: name.address) }
}
