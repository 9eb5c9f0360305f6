import PacketSamples
import Testing

@testable import OverlayCore

@Suite("Circuits that are read in turns")
struct NodeTurnsTests {
  private let world = FakeWorld()
  private let host: FakeHost
  private let circuit: FakeCircuit
  private let peer: IPv6Address

  init() throws {
    world.pieces = 100_000...200_000
    host = world.start(FakeHost(try .sample(1)))
    circuit = try #require(world.call(host))
    let bob = FakeHost(try .sample(2))
    peer = bob.address
    world.say(bob.keepalive(to: host.address), on: circuit)
  }

  private var isCoalesced: Bool { circuit.acceptorIdentifier.map { host.node.coalescesReads(of: $0) } ?? false }

  private func bytes(_ sample: SamplePacket) -> [UInt8] {
    var sample = sample
    sample.source = peer
    sample.destination = host.address
    return sample.bytes
  }

  /// The peer sends this on the circuit each 10 milliseconds.
  private func say(_ bytes: [UInt8], for seconds: Int) {
    for _ in 0..<seconds * 100 {
      world.say(bytes, on: circuit)
      world.pass(.milliseconds(10))
    }
    _ = host.takeDelivered()
  }

  private var bulk: [UInt8] {
    let segment = bytes(.tcp(SamplePacket.payload(1_400)))
    return (0..<20).flatMap { _ in segment }
  }

  private static func packet(_ name: String) -> SamplePacket {
    switch name {
    case "echo request": SamplePacket(.other(58), payload: [128, 0, 0, 0, 0, 1, 0, 1])
    case "datagram": .udp(SamplePacket.payload(1_200))
    case "keystroke": .tcp([7]) { $0.flags = 0x18 }
    case "first segment": .tcp([]) { $0.flags = 0x02 }
    case "last segment": .tcp([]) { $0.flags = 0x11 }
    case "long last segment": .tcp(SamplePacket.payload(1_400)) { $0.flags = 0x11 }
    case "reset": .tcp([]) { $0.flags = 0x14 }
    case "urgent segment": .tcp([]) { $0.flags = 0x30 }
    default: .tcp([])
    }
  }

  @Test("a download is, two seconds after it grows no more, and one that is as long in pieces")
  func download() {
    say(bulk, for: 1)
    #expect(!isCoalesced)
    world.pieces = 1...100_000
    say(bulk, for: 2)
    #expect(isCoalesced)
  }

  @Test("an acknowledgement between its segments changes nothing")
  func acknowledgement() {
    say(bulk + bytes(Self.packet("acknowledgement")), for: 3)
    #expect(isCoalesced)
    world.say(bytes(.tcp([]) { $0.flags = 0x50 }), on: circuit)
    #expect(isCoalesced)
  }

  @Test("acknowledgements alone are not, or a fast flow in the other direction would wait for them")
  func acknowledgementsAlone() {
    let acknowledgement = bytes(Self.packet("acknowledgement"))
    say((0..<400).flatMap { _ in acknowledgement }, for: 3)
    #expect(!isCoalesced)
  }

  @Test(
    "a packet that somebody waits for ends that at once",
    arguments: [
      "echo request", "datagram", "keystroke", "first segment", "last segment", "long last segment", "reset",
      "urgent segment",
    ])
  func others(_ name: String) {
    say(bulk, for: 3)
    #expect(isCoalesced)
    world.say(bytes(Self.packet(name)), on: circuit)
    #expect(!isCoalesced)
    say(bulk + bytes(Self.packet(name)), for: 3)
    #expect(!isCoalesced)
  }

  @Test("a packet that is dropped ends nothing")
  func dropped() throws {
    say(bulk, for: 3)
    var forged = Self.packet("keystroke")
    forged.source = try OnionName.sample(3).address
    forged.destination = host.address
    world.say(forged.bytes, on: circuit)
    #expect(host.count(.forgedSource) == 1)
    #expect(isCoalesced)
  }

  @Test("one that has ended is not")
  func ended() {
    say(bulk, for: 3)
    world.cut(circuit)
    #expect(!isCoalesced)
  }
}
