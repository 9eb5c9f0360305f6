import PacketSamples
import Testing

@testable import OverlayCore
@testable import OverlayIO

/// Collects what a node delivers, as a device would.
struct CollectingDevice: PacketSink, PacketDevice {
  /// What was delivered since it was last taken.
  var frames: [CollectingSink.Frame] = []
  /// Whether the device takes packets.
  var isUp = true

  mutating func deliver(_ runs: UnsafeBufferPointer<UnsafeRawBufferPointer>, _ header: OffloadHeader) -> Bool {
    if isUp {
      frames.append(CollectingSink.Frame(bytes: runs.flatMap { Array($0) }, header: header, runCount: runs.count))
    }
    return isUp
  }
}

/// A node with its device, and all that it has asked for.
final class FakeHost {
  let name: OnionName
  var node: Node
  var turn = Turn(CollectingDevice())
  /// The circuits whose sockets are open.
  var sockets: [CircuitIdentifier: FakeCircuit] = [:]
  /// When the node dialled.
  var dials: [Instant] = []
  /// When the node asked why a circuit was refused.
  var questions: [Instant] = []
  /// What the node asked of lookup services, and when.
  var lookUps: [(question: SOCKS5Question, time: Instant)] = []
  /// When the node looked for Tor.
  var probes: [Instant] = []
  /// What the node said of Tor.
  var torChanges: [Bool] = []
  /// What the node wanted Tor to look for anew.
  var refreshed: [UInt8] = []
  /// By which indices the node wanted its lookup name to be served.
  var servedLookups: [UInt8] = []
  /// How often the node wanted freed memory to be given back.
  var trims = 0
  /// What the node has told of.
  var events: [NodeEvent] = []
  /// The same, as the lines of a log.
  var log: [(level: LogLevel, text: String)] { events.flatMap { $0.lines(at: place) } }
  private var place: ServicePlace {
    ServicePlace(name: name, listen: "127.0.0.1:8060", port: 8_060, socks: "127.0.0.1:9050", asksTor: true)
  }

  var address: IPv6Address { name.address }
  var device: CollectingDevice {
    get { turn.device }
    set { turn.device = newValue }
  }

  init(_ settings: NodeSettings, seed: UInt64 = 1) {
    name = settings.name
    node = Node(settings, random: SeededGenerator(seed: seed))
  }

  init(
    _ name: OnionName, peers: [ConfiguredPeer] = [], idle: Duration = .seconds(180), circuitLimit: Int = 1_000,
    circuitsPerPeer: Int = 1, isOffloading: Bool = false, mtu: Int = 1_500, checksSelf: Bool = false,
    authentication: Authentication = .off,
    seed: UInt64 = 1
  ) {
    self.name = name
    var bounds = NodeBounds()
    bounds.circuits = circuitLimit
    node = Node(
      NodeSettings(
        name: name,
        policy: NodePolicy.trusting(
          peers: peers, idle: idle, circuitsPerPeer: circuitsPerPeer, authentication: authentication),
        checksSelf: checksSelf, isOffloading: isOffloading, mtu: mtu, bounds: bounds),
      random: SeededGenerator(seed: seed))
  }

  /// How often it happened.
  func count(_ counter: Counter) -> UInt64 { node.counters[counter] }

  /// What has been delivered since this was last called.
  func takeDelivered() -> [[UInt8]] { takeFrames().map(\.bytes) }

  /// The same, with what is left to be done to each packet.
  func takeFrames() -> [CollectingSink.Frame] {
    defer { device.frames = [] }
    return device.frames
  }

  /// Bytes come over a circuit.
  func receive(_ bytes: some Collection<UInt8>, on circuit: CircuitIdentifier, at now: Instant) {
    var copy = Array(bytes)
    turn.now = now
    copy.withUnsafeMutableBytes { node.receive($0, on: circuit, turn: &turn) }
  }

  /// The codes of the unreachable errors that have been delivered since this was last called; 0xff for anything else.
  func takeErrorCodes() -> [UInt8] {
    takeDelivered().map { $0.count > 41 && $0[6] == 58 && $0[40] == 1 ? $0[41] : 0xff }
  }

  /// A packet of this host for `destination`, of `size` bytes of payload; all between two hosts are of one flow.
  func packet(to destination: IPv6Address, _ number: UInt8 = 0, size: Int = 8) -> [UInt8] {
    let ports: [UInt8] = [0x10, 0, 0x20, 0]
    let payload = Array(ports.prefix(size)) + [UInt8](repeating: number, count: max(0, size - ports.count))
    return Sample.packet(from: address, to: destination, payload: payload)
  }

  /// A keepalive of this host for `destination`.
  func keepalive(to destination: IPv6Address, extensions: [Keepalive.Extension] = []) -> [UInt8] {
    Keepalive(name: name, extensions: extensions).packet(to: destination, flowLabel: 1)
  }

  /// The circuits that this host dialled and that are open or being built.
  var dialledCircuits: [FakeCircuit] { sockets.values.filter { $0.dialler === self } }
}
