import Testing

@testable import OverlayCore

/// A door with a host behind it and a peer before it, and the time.
final class DoorStage {
  /// A packet as both sides see it: of which protocol, and between which ports.
  enum Kind: Sendable {
    case tcp(UInt8)
    case udp
    case echoRequest
    case echoReply
    case protocolNumber(UInt8)
  }

  static let own = IPv6Address(high: 0xfd87_d87e_eb43_0000, low: 1)
  static let peer = IPv6Address(high: 0xfd87_d87e_eb43_0000, low: 2)
  static let other = IPv6Address(high: 0xfd87_d87e_eb43_0000, low: 3)
  /// A host behind one peer or another.
  static let behind = IPv6Address(high: 0xfd00_000b_0000_0000, low: 2)

  static let syn: UInt8 = 0x02
  static let synAck: UInt8 = 0x12
  static let ack: UInt8 = 0x10
  static let finAck: UInt8 = 0x11
  static let rst: UInt8 = 0x04

  private var door: Door
  private var out = Outbox()
  var now = Instant(nanoseconds: 1_000_000_000_000)
  /// Whether the packets are of version 4, between 10.0.0.1 on our side and 10.0.0.2.
  var isIPv4 = false

  init(_ rules: [DoorRule] = [], flowLimit: Int = 16_384) {
    door = Door(DoorPolicy(rules: rules), flowLimit: flowLimit, seed: 7)
  }

  func use(_ rules: [DoorRule]) { door.use(DoorPolicy(rules: rules)) }
  var status: DoorStatus { door.status }
  func count(_ counter: Counter) -> UInt64 { out.counters[counter] }
  var nextDeadline: Instant { door.nextDeadline }

  /// So much time passes.
  func pass(_ duration: Duration) {
    now = now + duration
    door.advance(to: now)
  }

  /// Our side sends a packet.
  func send(_ kind: Kind, from source: UInt16, to destination: UInt16, peer: IPv6Address = DoorStage.peer) {
    send(packet(kind, from: (DoorStage.own, source), to: (peer, destination)), to: peer)
  }

  func send(_ bytes: [UInt8], to peer: IPv6Address = DoorStage.peer) {
    bytes.withUnsafeBytes { bytes in
      guard let packet = PacketView(reading: bytes) else {
        Issue.record("not a packet")
        return
      }
      door.noteSent(packet, to: peer, out: &out, at: now)
    }
  }

  /// Whether a packet of the peer comes in.
  func admits(_ kind: Kind, from source: UInt16, to destination: UInt16, peer: IPv6Address = DoorStage.peer) -> Bool {
    verdict(packet(kind, from: (peer, source), to: (DoorStage.own, destination)), from: peer) == .admitted
  }

  func verdict(_ bytes: [UInt8], from peer: IPv6Address = DoorStage.peer) -> Door.Verdict? {
    bytes.withUnsafeBytes { bytes in
      guard let packet = PacketView(reading: bytes) else { return nil }
      return door.admit(packet, from: peer, at: now)
    }
  }

  /// An error of the peer about a packet of ours between these ports.
  func error(
    about kind: Kind, from source: UInt16, to destination: UInt16, quotedTo: IPv6Address = DoorStage.peer,
    cutTo length: Int = .max
  ) -> [UInt8] {
    let quote = packet(kind, from: (DoorStage.own, source), to: (quotedTo, destination)).prefix(length)
    let type: UInt8 = isIPv4 ? 3 : 1
    return packet(
      .protocolNumber(isIPv4 ? 1 : 58), from: (DoorStage.peer, 0), to: (DoorStage.own, 0),
      payload: [type, 4, 0, 0, 0, 0, 0, 0] + quote)
  }

  /// A packet between these ports, or with the first of them as the identifier of an echo.
  func packet(
    _ kind: Kind, from source: (address: IPv6Address, port: UInt16),
    to destination: (address: IPv6Address, port: UInt16),
    payload more: [UInt8] = []
  ) -> [UInt8] {
    let ports = [source.port, destination.port].flatMap { [UInt8($0 >> 8), UInt8($0 & 0xff)] }
    let identifier = Array(ports.prefix(2))
    let (number, payload): (UInt8, [UInt8]) =
      switch kind {
      case .tcp(let flags): (6, ports + [0, 0, 0, 0, 0, 0, 0, 0, 0x50, flags, 0, 0, 0, 0, 0, 0])
      case .udp: (17, ports + [0, 8, 0, 0])
      case .echoRequest: (isIPv4 ? 1 : 58, [isIPv4 ? 8 : 128, 0, 0, 0] + identifier + [0, 1])
      case .echoReply: (isIPv4 ? 1 : 58, [isIPv4 ? 0 : 129, 0, 0, 0] + identifier + [0, 1])
      case .protocolNumber(let number): (number, [])
      }
    guard isIPv4 else {
      return DoorStage.version6(number, from: source.address, to: destination.address, payload + more)
    }
    let text = { (address: IPv6Address) in "10.0.0.\(address.low)" }
    let packet = try? Sample.ipv4(
      from: text(source.address), to: text(destination.address), protocolNumber: number, payload: payload + more)
    return packet ?? []
  }

  /// A packet of version 6 with this payload.
  static func version6(
    _ number: UInt8, from source: IPv6Address, to destination: IPv6Address, _ payload: [UInt8]
  ) -> [UInt8] {
    [0x60, 0, 0, 0, UInt8(payload.count >> 8), UInt8(payload.count & 0xff), number, 64] + source.bytes
      + destination.bytes + payload
  }
}
