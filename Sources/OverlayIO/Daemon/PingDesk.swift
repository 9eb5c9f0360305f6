import OverlayCore

/// The pings of clients of the control socket that await an answer. Each is told apart: the time that the circuit took,
/// and the time of the echo along it.
final class PingDesk {
  /// The time in which a ping has to be answered unless the client says another. Tor may take a minute for a circuit.
  static let patience = Duration.seconds(70)

  private struct Ping {
    let exchange: ControlExchange
    let name: OnionName
    let began: Instant
    let deadline: Instant
    let hadCircuit: Bool
    var connected: Instant?
  }

  private let loop: EventLoop
  private var pings: [Int: Ping] = [:]
  private var last = 0
  private var timer: TimerSource?

  /// Makes a desk without pings.
  init(on loop: EventLoop) throws(SystemError) {
    self.loop = loop
    timer = try TimerSource(on: loop) { [unowned self] in expire() }
  }

  /// Sends an echo request to a peer, and answers when its reply comes.
  func begin(_ exchange: ControlExchange, to name: OnionName, through pump: Pump) {
    last += 1
    let (number, now) = (last, loop.now)
    let patience = exchange.request.integer("timeout_seconds").map { Duration.seconds($0) } ?? PingDesk.patience
    let hadCircuit = pump.withFirst { node, turn in
      if case .up = node.status(of: name.address, at: turn.now)?.state { true } else { false }
    }
    pings[number] = Ping(
      exchange: exchange, name: name, began: now, deadline: now + patience, hadCircuit: hadCircuit == true)
    let start = pump.withFirst { node, turn in
      let connection = node.connect(name, turn: &turn)
      return (connection, node.ping(name.address, number: number, turn: &turn))
    }
    guard let (connection, outcome) = start, outcome != .sent else { return schedule() }
    pings[number] = nil
    exchange.fail(connection.failure ?? ControlError(.failed, "\(name.address) cannot be dialled now"))
  }

  /// Notes an event of a node.
  func note(_ event: NodeEvent) {
    if pings.isEmpty { return }
    switch event {
    case .connected(let peer):
      for (number, ping) in pings where ping.name == peer.name { pings[number]?.connected = ping.connected ?? loop.now }
    case .disconnected(let peer, let reason):
      for (number, ping) in pings where ping.name == peer.name {
        pings[number] = nil
        ping.exchange.fail(ControlError(.failed, reason.text(withNextTry: true)))
      }
    case .pingAnswered(let number, let time):
      guard let ping = pings.removeValue(forKey: number) else { return }
      ping.exchange.succeed([
        "address": .text(ping.name.address), "name": .text(ping.name),
        "circuit_us": ping.hadCircuit ? .null : .microseconds((ping.connected ?? ping.began) - ping.began),
        "round_trip_us": .microseconds(ping.connected.map { loop.now - $0 } ?? time),
      ])
    default: break
    }
  }

  private func expire() {
    let now = loop.now
    for (number, ping) in pings where ping.deadline <= now || ping.exchange.isAbandoned {
      pings[number] = nil
      let why =
        ping.hadCircuit || ping.connected != nil
        ? "there is a circuit, and no answer came: the kernel of the peer may filter pings"
        : "Tor has not built a circuit yet"
      ping.exchange.fail(ControlError(.timeout, "no answer in \((now - ping.began).wholeSeconds) s: \(why)"))
    }
    schedule()
  }

  private func schedule() {
    if let next = pings.values.map(\.deadline).min() { timer?.start(at: next) }
  }
}

extension PeerConnection {
  /// The reason why there is no circuit, and none is being built; `nil` if there is one.
  var failure: ControlError? {
    switch self {
    case .isUp, .isDialled: nil
    case .notInGroup: ControlError(.conflict, "only-peers is set, and this is no peer that the configuration has")
    case .blocked: ControlError(.conflict, "the peer is blocked: 'oncilla peer unblock' ends that")
    case .torUnreachable: ControlError(.notReady, "Tor cannot be reached: the peer is dialled when it is back")
    case .noRoom: ControlError(.failed, "too many circuits are open or being built: try again in a second")
    }
  }
}
