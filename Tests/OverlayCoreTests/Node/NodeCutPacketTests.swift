import Testing

@testable import OverlayCore

/// Strangers who begin packets and do not end them, beside a good peer whose packets come in cells.
@Suite("Packets that strangers do not end")
struct NodeCutPacketTests {
  /// What the strangers do.
  struct Attack: CustomTestStringConvertible {
    let circuits: Int
    /// How many bytes of a packet of 65,575 each sends, anew on a new circuit after so many seconds.
    let bytes: Int
    var seconds = 10
    /// Whether each says a name and sends a whole packet first.
    var isProven = false
    var identities = 1

    var testDescription: String {
      "\(circuits) circuits, \(bytes) bytes each in \(seconds) s\(isProven ? " after a whole packet" : ""), "
        + "\(identities) identities"
    }
  }

  static let attacks = [
    Attack(circuits: 279, bytes: 2_140, seconds: 1), Attack(circuits: 4, bytes: 2_140, seconds: 2, identities: 64),
    Attack(circuits: 279, bytes: 65_574), Attack(circuits: 279, bytes: 65_574, isProven: true),
    Attack(circuits: 30, bytes: 65_574, seconds: 2, isProven: true, identities: 64),
  ]

  private var now = Instant(nanoseconds: 1_000_000_000_000)
  private let bob: FakeHost

  init() throws {
    bob = FakeHost(try .sample(2))
  }

  @Test("cost a good peer none of his, who is a stranger himself", arguments: attacks)
  mutating func stranger(_ attack: Attack) throws { try #expect(pings(during: attack, isKnown: false) == 40) }

  @Test("cost a peer that the operator named none of his", arguments: attacks)
  mutating func known(_ attack: Attack) throws { try #expect(pings(during: attack, isKnown: true) == 40) }

  /// How many of 40 packets arrive that come in three cells each, one every two seconds.
  private mutating func pings(during attack: Attack, isKnown: Bool) throws -> Int {
    let host = FakeHost(
      NodeSettings(
        name: try .sample(1), peers: isKnown ? [ConfiguredPeer(name: bob.name)] : [],
        bounds: NodeBounds(identities: attack.identities, circuits: 16_384)))
    var good: CircuitIdentifier?
    var strangers = [CircuitIdentifier?](repeating: nil, count: attack.circuits)
    let packet = bob.packet(to: host.address, size: 1_360)
    let turn = Duration.seconds(attack.seconds) / attack.circuits
    var nextStranger = 0
    var nextRenewal = now
    for step in 0..<8_000 {
      now = now + .milliseconds(10)
      while nextRenewal <= now {
        nextRenewal = nextRenewal + turn
        if let old = strangers[nextStranger] { host.ended(old, .closed, at: now) }
        strangers[nextStranger] = try beginPacket(attack, number: nextStranger, at: host)
        nextStranger = (nextStranger + 1) % attack.circuits
      }
      if step % 200 == 10, good == nil {
        good = host.accepted(at: now)
        if let good { host.receive(bob.keepalive(to: host.address), on: good, at: now) }
      }
      if let good, let place = [20, 30, 40].firstIndex(of: step % 200) {
        let cell = place * 498
        host.receive(packet[cell..<min(cell + 498, packet.count)], on: good, at: now)
      }
      while let action = host.node.nextAction() { if action == good.map({ .close($0) }) { good = nil } }
      #expect(host.node.cutPackets.memory <= host.node.settings.bounds.reassemblyBytes)
    }
    #expect(host.count(.noRoom) == 0)
    return host.takeDelivered().count { $0 == packet }
  }

  private func beginPacket(_ attack: Attack, number: Int, at host: FakeHost) throws -> CircuitIdentifier {
    let accepted = host.accepted(at: now)
    let circuit = try #require(accepted)
    if attack.isProven {
      let stranger = FakeHost(try .sample(100 + UInt64(number)))
      host.receive(
        stranger.keepalive(to: host.address) + stranger.packet(to: host.address), on: circuit, at: now)
    }
    let start: [UInt8] = [0x60, 0, 0, 0, 0xff, 0xff]
    host.receive(start + [UInt8](repeating: 0, count: attack.bytes - start.count), on: circuit, at: now)
    return circuit
  }
}
