import Testing

@testable import OverlayCore

/// Circuits of one stranger after the other, who send what they like: nothing may crash, and only what a peer may send
/// may be delivered.
@Suite("Hostile circuits")
struct NodeHostileTests {
  private let now = Instant(nanoseconds: 1_000_000_000_000)
  private let host: FakeHost
  private let bob: FakeHost

  init() throws {
    host = FakeHost(try .sample(1), peers: [ConfiguredPeer(name: try .sample(3))])
    bob = FakeHost(try .sample(2))
    host.start(at: now)
  }

  /// Sends `bytes` in random pieces, on a new circuit whenever the last one was closed; how many circuits it took.
  private func pour(_ bytes: [UInt8], pieces: ClosedRange<Int>, _ random: inout SeededGenerator) -> Int {
    var open: CircuitIdentifier?
    var count = 0
    var offset = 0
    while offset < bytes.count {
      guard let circuit = open ?? host.accepted(at: now) else {
        Issue.record("no circuit is accepted any more")
        return count
      }
      if open == nil { count += 1 }
      open = circuit
      let end = min(bytes.count, offset + Int.random(in: pieces, using: &random))
      host.receive(bytes[offset..<end], on: circuit, at: now)
      offset = end
      while let action = host.node.nextAction() {
        if action == .close(circuit) { open = nil }
      }
    }
    if let open { host.ended(open, .closed, at: now) }
    return count
  }

  /// Whether every packet that was delivered is a well-formed one from a peer to us.
  private func areDeliveredAdmissible() -> Bool {
    let admission = Admission(address: host.address)
    return host.takeDelivered().allSatisfy { packet in
      guard let header = packet.withUnsafeBytes({ IPv6Header($0) }) else { return false }
      return header.destination == host.address && admission.isPeer(header.source)
        && header.nextHeader != NextHeader.none
    }
  }

  @Test("random bytes deliver nothing", arguments: [1...1, 1...40, 1...20_000])
  func noise(_ pieces: ClosedRange<Int>) {
    var random = SeededGenerator(seed: 140)
    let circuits = pour(random.bytes(pieces.upperBound == 1 ? 200_000 : 2_000_000), pieces: pieces, &random)
    #expect(circuits > 10)
    #expect(host.count(.badStream) > 10)
    #expect(host.takeDelivered() == [])
  }

  @Test("packets of random headers and lengths deliver nothing that a peer may not send", arguments: 0..<3)
  func headers(_ seed: UInt64) {
    var random = SeededGenerator(seed: 150 + seed)
    let addresses = [
      host.address, bob.address, OverlayNetwork.tor.localResponder, OverlayNetwork.tor.circuitResponder, .unspecified,
      IPv6Address(high: 0xff02 << 48, low: 1), IPv6Address(high: 0xfd87_d87e_eb43_0000, low: random.next()),
    ]
    for _ in 0..<600 {
      var stream: [UInt8] = []
      for _ in 0..<Int.random(in: 1...12, using: &random) {
        stream += Sample.packet(
          from: addresses[Int.random(in: addresses.indices, using: &random)],
          to: addresses[Int.random(in: 0..<3, using: &random) == 0 ? 1 : 0],
          nextHeader: [17, 58, 59, 59, 0, 44][Int.random(in: 0..<6, using: &random)],
          payload: random.bytes(Int.random(in: 0...200, using: &random)))
        if Int.random(in: 0..<20, using: &random) == 0 { stream += Sample.version4(100, &random) }
      }
      _ = pour(stream + [0x50], pieces: 1...3_000, &random)
    }
    #expect(host.count(.delivered) > 0)
    #expect(host.count(.forgedSource) > 0)
    #expect(areDeliveredAdmissible())
    #expect(host.count(.reflected) == 0)
  }

  @Test("a good stream with damaged bytes delivers nothing that a peer may not send", arguments: 0..<4)
  func damage(_ seed: UInt64) {
    var random = SeededGenerator(seed: 160 + seed)
    for _ in 0..<300 {
      var stream = bob.keepalive(to: host.address, extensions: [.init(type: 1, value: [1])])
      for number in 0..<20 as Range<UInt8> {
        stream += bob.packet(to: host.address, number, size: Int.random(in: 0...300, using: &random))
      }
      for _ in 0..<Int.random(in: 1...10, using: &random) {
        stream[Int.random(in: stream.indices, using: &random)] = UInt8.random(in: 0...255, using: &random)
      }
      _ = pour(stream, pieces: 1...500, &random)
    }
    #expect(host.count(.delivered) > 0)
    #expect(areDeliveredAdmissible())
    // A damaged name maps to its address with a chance of 2^-16 at most: nobody but Bob is learned.
    #expect(host.node.names.count <= 2)
  }

  @Test("announced lengths take no memory: hundreds of strangers who each begin the longest packet")
  func announcements() throws {
    var circuits: [CircuitIdentifier] = []
    for _ in 0..<700 {
      let accepted = host.accepted(at: now)
      let circuit = try #require(accepted)
      host.receive([0x60, 0, 0, 0, 0xff, 0xff], on: circuit, at: now)
      circuits.append(circuit)
    }
    let memory = circuits.reduce(0) { $0 + host.node.circuits[$1].defragmenter.memory }
    #expect(memory <= 700 * PacketStore.smallSize)
    #expect(host.count(.reassemblyLimit) == 0)
  }

  @Test("the longest packets that many strangers begin are bounded together: those that hold for longest are closed")
  func reassembly() throws {
    var random = SeededGenerator(seed: 180)
    let packet = Array(Sample.packet(payload: 65_535, &random).dropLast())
    var circuits: [CircuitIdentifier] = []
    for number in 0..<300 {
      let accepted = host.accepted(at: now + .milliseconds(number))
      let circuit = try #require(accepted)
      host.receive(packet, on: circuit, at: now + .milliseconds(number))
      circuits.append(circuit)
      #expect(host.node.cutPackets.memory <= CutPackets.memoryLimit * 3 / 4)
    }
    var closed: [CircuitIdentifier] = []
    while let action = host.node.nextAction() {
      if case .close(let circuit) = action { closed.append(circuit) }
    }
    #expect(closed == Array(circuits[..<(300 - CutPackets.memoryLimit * 3 / 4 / PacketStore.largeSize)]))
    #expect(host.count(.reassemblyLimit) == UInt64(closed.count))
    for circuit in circuits {
      host.ended(circuit, .closed, at: now + .seconds(1))
    }
    #expect(host.node.cutPackets.memory == 0)
  }

  @Test("a cut packet that finds no room in our memory ends its circuit, but is not counted as bad bytes")
  func noRoom() throws {
    host.fillStore(with: PacketStore.smallSize)
    let accepted = host.accepted(at: now)
    let circuit = try #require(accepted)
    host.receive([0x60, 0, 0, 0, 0xff, 0xff], on: circuit, at: now)
    #expect(host.node.circuits.count == 0)
    #expect([.noRoom, .badStream].map { host.count($0) } == [1, 0])
  }

  @Test("strangers leave a quarter of the circuits for those that we dial")
  func circuits() {
    let accepted = (0..<2_000).count { _ in host.accepted(at: now) != nil }
    #expect(host.node.circuits.count == 750)
    // As many more as there are places for newcomers displace each other at once.
    #expect(accepted == 750 + 375)
    #expect([.circuitLimit, .crowdedOut].map { host.count($0) } == [875, 375])
  }

  @Test("an answer of random bytes on the circuit that we dialled delivers nothing")
  func dialled() throws {
    let world = FakeWorld()
    var random = SeededGenerator(seed: 170)
    let host = world.start(FakeHost(try .sample(1)), knowing: [bob.name])
    for _ in 0..<200 {
      world.outcomes["\(bob.name)"] = .garbage([0, 0x5a] + random.bytes(2_000))
      world.send(host.packet(to: bob.address), from: host)
      world.pass(.seconds(200))
    }
    #expect(host.count(.granted) > 150)
    #expect(host.count(.badStream) > 150)
    #expect(host.count(.delivered) == 0)
  }
}
