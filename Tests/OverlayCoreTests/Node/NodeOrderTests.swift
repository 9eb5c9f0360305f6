import PacketSamples
import Testing

@testable import OverlayCore

/// What the other side spreads over its circuits comes to the device in order.
@Suite("A TCP flow that a peer spreads over its circuits")
struct NodeOrderTests {
  private let world = FakeWorld()
  private let alice: OnionName
  /// A host that the test plays: it makes packets, and never starts.
  private let bob: FakeHost
  private let host: FakeHost
  private let circuits: [FakeCircuit]

  init() throws {
    alice = try .sample(1)
    bob = FakeHost(try .sample(2))
    world.pieces = 1_000_000...1_000_000
    host = world.start(FakeHost(alice, isOffloading: true))
    var circuits: [FakeCircuit] = []
    for _ in 0..<2 {
      let circuit = try #require(world.call(host))
      world.say(bob.keepalive(to: alice.address), on: circuit)
      circuits.append(circuit)
    }
    self.circuits = circuits
  }

  /// The segment of a flow with this number.
  private func segment(_ number: Int, size: Int = 1_200) -> [UInt8] {
    var packet = SamplePacket.tcp(SamplePacket.payload(size, seed: number)) {
      $0.sequence = 1_000_000 + UInt32(number * size)
      $0.options = []
    }
    (packet.source, packet.destination) = (bob.address, alice.address)
    return packet.bytes
  }

  /// One of both circuits brings segments, in one piece.
  private func bring(_ numbers: [Int], on circuit: Int) {
    world.say(numbers.flatMap { segment($0) }, on: circuits[circuit])
  }

  /// Whether these segments have come to the device since this was last called, in this order, and nothing else.
  private func haveArrived(_ numbers: [Int]) -> Bool {
    host.takeFrames().flatMap { Array($0.bytes[60...]) } == numbers.flatMap { SamplePacket.payload(1_200, seed: $0) }
  }

  @Test("what runs ahead is delivered behind what it had overtaken, and joined with it")
  func joined() {
    bring([0], on: 0)
    bring([2, 3], on: 1)
    #expect(haveArrived([0]))
    bring([1, 4], on: 0)
    #expect(host.device.frames.count == 1)
    #expect(haveArrived([1, 2, 3, 4]))
    #expect(host.count(.orderHeld) == 2 && host.count(.orderGivenUp) == 0)
    #expect(host.node.status(at: world.now).order.heldBytes == 0)
  }

  @Test("it waits for a second at the most, and nothing else waits meanwhile")
  func patience() {
    bring([0], on: 0)
    bring([2], on: 1)
    #expect(haveArrived([0]))
    let other = bob.packet(to: alice.address)
    world.say(other, on: circuits[1])
    #expect(host.takeDelivered() == [other])
    #expect(host.node.status(at: world.now).order.heldBytes == 2_048)
    world.pass(.milliseconds(999))
    #expect(host.takeDelivered() == [])
    world.pass(.milliseconds(1))
    #expect(haveArrived([2]))
    #expect(host.count(.orderGivenUp) == 1)
    #expect(host.node.status(at: world.now).order == OrderStatus(heldBytes: 0, longestHold: .seconds(1)))
  }

  @Test("it does not wait for a circuit that has ended")
  func ended() {
    bring([0], on: 0)
    bring([2, 3], on: 1)
    _ = host.takeDelivered()
    world.cut(circuits[0])
    world.pass(.zero)
    #expect(haveArrived([2, 3]))
  }

  @Test("it does not wait for what was dropped before it was sent")
  func dropped() {
    bring([0], on: 0)
    bring([1], on: 1)
    bring([3], on: 0)
    #expect(haveArrived([0, 1]))
    bring([4], on: 1)
    #expect(haveArrived([3, 4]))
  }

  @Test("what comes on a circuit that this host dialled is put in order with the rest")
  func onDialledCircuit() throws {
    world.replaceHosts(of: host, with: [bob.name])
    world.send(host.packet(to: bob.address), from: host)
    let dialled = try #require(world.circuits.first { $0.request != nil })
    bring([0], on: 0)
    world.answer(segment(2), on: dialled)
    #expect(haveArrived([0]))
    bring([1], on: 0)
    #expect(haveArrived([1, 2]))
  }

  @Test("of a peer that the operator named it stays in order, however many flows of a stranger wait and come anew")
  func amongStrangers() throws {
    let host = world.start(FakeHost(try .sample(4), peers: [ConfiguredPeer(name: bob.name)]))
    let mallory = FakeHost(try .sample(3))
    func call(as caller: FakeHost) throws -> FakeCircuit {
      let circuit = try #require(world.call(host))
      world.say(caller.keepalive(to: host.address), on: circuit)
      return circuit
    }
    func segment(_ number: Int, from caller: FakeHost, port: UInt16) -> [UInt8] {
      var packet = SamplePacket.tcp(SamplePacket.payload(100, seed: number)) {
        ($0.sourcePort, $0.sequence, $0.options) = (port, UInt32(1_000 + number * 100), [])
      }
      (packet.source, packet.destination) = (caller.address, host.address)
      return packet.bytes
    }
    let (slow, fast) = (try call(as: bob), try call(as: bob))
    let (first, second) = (try call(as: mallory), try call(as: mallory))
    var round = UInt16(0)
    func flood() {
      for flow in 0..<64 as Range<UInt16> {
        let port = 2_000 + round * 64 + flow
        world.say(segment(0, from: mallory, port: port), on: first)
        world.say(segment(2, from: mallory, port: port), on: second)
      }
      round += 1
    }
    var expected: [[UInt8]] = []
    for number in 0..<20 {
      let segments = (0..<2).map { segment(number * 2 + $0, from: bob, port: 1_000) }
      expected += segments
      flood()
      // What was sent last comes first once both circuits have brought something.
      for place in number == 0 ? [0, 1] : [1, 0] {
        world.say(segments[place], on: place == 0 ? slow : fast)
        flood()
      }
    }
    let arrived = host.takeDelivered().filter { $0[8..<24].elementsEqual(bob.address.bytes) }
    #expect(arrived == expected)
  }

  @Test("that this host restores order is said in every keepalive")
  func announced() throws {
    world.replaceHosts(of: host, with: [bob.name])
    world.send(host.packet(to: bob.address), from: host)
    let first = try #require(world.circuits.first { $0.request != nil }?.packets.whole.first)
    let keepalive = try first.withUnsafeBytes { try Keepalive(#require(PacketView(reading: $0))) }
    let said = keepalive.extensions.first { $0.type == Keepalive.Extension.capabilities }
    #expect(said.flatMap { Capabilities($0.value) } == [.superPackets, .order])
  }
}
