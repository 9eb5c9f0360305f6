import OverlayCore

/// The daemon's side of the control socket.
final class ControlServer {
  /// The greatest number of clients. One more is told so, and closed.
  static let mostClients = 64

  private let loop: EventLoop
  private let handler: (ControlExchange) -> Void
  private var socket: ControlSocket?
  private var sessions: [ObjectIdentifier: ControlSession] = [:]
  private var timer: TimerSource?

  /// Makes a server at `path`. It hands each request to `handler`, which replies at once or later.
  init(
    _ path: String, on loop: EventLoop, log: Log, handler: @escaping (ControlExchange) -> Void
  ) throws(ControlSocketError) {
    self.loop = loop
    self.handler = handler
    do throws(SystemError) {
      timer = try TimerSource(on: loop) { [unowned self] in expire() }
    } catch {
      throw .system(error)
    }
    socket = try ControlSocket(path, on: loop, log: log) { [unowned self] stream in accept(stream) }
  }

  /// Whether any client wants events.
  var hasMonitors: Bool { sessions.values.contains { $0.isMonitor } }

  /// Sends an event to all clients that want events. It is not even made if there are none.
  func tell(_ event: () -> JSONValue) {
    let monitors = sessions.values.filter { $0.isMonitor }
    if monitors.isEmpty { return }
    let event = event()
    for session in monitors { session.tell { event } }
  }

  /// Serves a client.
  func accept(_ stream: EventSource<StreamSocket>) {
    let user = (try? SystemCall.peerCredentials(of: stream.file.descriptor))?.user ?? UInt32.max
    let key = ObjectIdentifier(stream)
    let session = ControlSession(
      stream, user: user, on: loop, handler: handler, changed: { [unowned self] in schedule() },
      ended: { [unowned self] in sessions[key] = nil })
    guard sessions.count < ControlServer.mostClients else {
      return session.refuse(
        ControlError(.tooManyClients, "\(ControlServer.mostClients) clients are connected: no more are accepted"))
    }
    sessions[key] = session
  }

  private func expire() {
    let now = loop.now
    for session in sessions.values { session.expire(at: now) }
    schedule()
  }

  private func schedule() {
    if let next = sessions.values.compactMap(\.deadline).min() { timer?.start(at: next) }
  }
}
