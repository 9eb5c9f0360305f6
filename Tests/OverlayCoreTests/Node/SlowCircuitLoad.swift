import Testing

@testable import OverlayCore

/// Some flows and a ping through a host whose one circuit takes so many bytes a second and no more.
struct SlowCircuitLoad {
  /// A sender like TCP: its window grows by a packet a round trip, and is halved, once a round trip, when one is
  /// missing.
  private struct Sender {
    let template: [UInt8]
    var window = 4.0
    var next = 0
    var acknowledged = 0
    var lastHalved = Instant(nanoseconds: 0)
  }

  private static let step = Duration.milliseconds(5)
  private static let roundTrip = Duration.milliseconds(100)

  /// How many bytes of the flows have arrived.
  private(set) var arrivedBytes = 0
  /// How many of their packets were sent.
  private(set) var sentCount = 0
  /// How many of them are missing.
  private(set) var lostCount = 0
  /// How many bytes waited to be sent, step by step.
  private(set) var queueBytes: [Int] = []
  /// How long each ping took to leave.
  private(set) var pings: [Duration] = []

  private let stage: LaneStage
  let host: FakeHost
  private let bytesPerSecond: Double
  private let windowLimit: Double
  private let pingInterval: Duration
  private var senders: [Sender]
  private var acknowledgements: [(time: Instant, flow: Int, number: Int)] = []
  private var room = 0.0
  private var turn = 0
  private var pinged: [Instant] = []

  /// A circuit that stands, with nothing sent on it. No flow has more than `windowLimit` packets on their way.
  init(
    bytesPerSecond: Double, flows: Int = 8, windowLimit: Int = 10_000, pingInterval: Duration = .milliseconds(100)
  ) throws {
    self.windowLimit = Double(windowLimit)
    self.pingInterval = pingInterval
    let stage = try LaneStage()
    self.stage = stage
    self.bytesPerSecond = bytesPerSecond
    host = try stage.connected(circuits: 1)
    stage.world.pieces = 1_000_000...1_000_000
    stage.world.circuits[0].arrived = []
    senders = (0..<flows).map { Sender(template: stage.packet($0, 0)) }
  }

  /// Forgets what was measured.
  mutating func forget() {
    (arrivedBytes, sentCount, lostCount) = (0, 0, 0)
    queueBytes = []
    pings = []
  }

  /// Lets the time pass.
  mutating func run(for duration: Duration) throws {
    let circuit = stage.world.circuits[0]
    let identifier = try #require(circuit.diallerIdentifier)
    for _ in 0..<Int(duration / Self.step) {
      stage.world.now = stage.world.now + Self.step
      host.advance(to: stage.world.now)
      acknowledge()
      send()
      room = min(room + bytesPerSecond * Self.step.seconds, max(1_500, bytesPerSecond * 2 * Self.step.seconds))
      circuit.room = Int(room)
      stage.world.settle()
      room -= Double(Int(room) - circuit.room)
      take(circuit)
      queueBytes.append(host.node.waitingBytes(on: identifier))
      turn += 1
    }
  }

  private mutating func send() {
    for flow in senders.indices {
      while senders[flow].next - senders[flow].acknowledged < Int(senders[flow].window) {
        var packet = senders[flow].template
        for byte in 0..<4 { packet[48 + byte] = UInt8(truncatingIfNeeded: senders[flow].next >> (byte * 8)) }
        stage.world.queue(packet, from: host)
        senders[flow].next += 1
        sentCount += 1
      }
    }
    if turn % Int(pingInterval / Self.step) == 0 {
      stage.world.queue(stage.ping(UInt16(pinged.count)), from: host)
      pinged.append(stage.world.now)
    }
  }

  private mutating func take(_ circuit: FakeCircuit) {
    let whole = circuit.packets.whole
    circuit.arrived.removeFirst(whole.reduce(0) { $0 + $1.count })
    let now = stage.world.now
    for packet in whole where packet[6] == 17 {
      let flow = Int(packet[40]) << 8 + Int(packet[41]) - 1_000
      let number = (0..<4).reduce(0) { $0 | Int(packet[48 + $1]) << ($1 * 8) }
      arrivedBytes += packet.count
      acknowledgements.append((now + Self.roundTrip, flow, number))
    }
    for packet in whole where packet[6] == 58 {
      pings.append(now - pinged[Int(packet[46]) << 8 | Int(packet[47])])
    }
  }

  private mutating func acknowledge() {
    let now = stage.world.now
    while let first = acknowledgements.first, first.time <= now {
      acknowledgements.removeFirst()
      let missing = first.number - senders[first.flow].acknowledged
      senders[first.flow].acknowledged = first.number + 1
      lostCount += missing
      if missing == 0 {
        senders[first.flow].window = min(windowLimit, senders[first.flow].window + 1 / senders[first.flow].window)
      } else if now - senders[first.flow].lastHalved > Self.roundTrip {
        senders[first.flow].window = max(2, senders[first.flow].window / 2)
        senders[first.flow].lastHalved = now
      }
    }
  }
}
