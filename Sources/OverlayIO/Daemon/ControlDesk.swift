import OverlayCore

/// The daemon as its control socket shows it: what it answers, and what it tells those who watch.
final class ControlDesk {
  /// The pump; `nil` while the names of this host are not known.
  weak var pump: Pump?

  private let settings: DaemonSettings
  private let log: Log
  private let began: Instant
  private let loop: EventLoop
  private var server: ControlServer?
  // The reason why Tor cannot be reached; `nil` if it can be, or if nobody has tried.
  private var torFailure: String?

  /// Opens the control socket. A daemon whose operator chose no path can do without.
  init(_ settings: DaemonSettings, on loop: EventLoop, log: Log) throws(ControlSocketError) {
    self.settings = settings
    self.log = log
    self.loop = loop
    began = loop.now
    guard let path = settings.control else { return }
    do throws(ControlSocketError) {
      server = try ControlServer(path, on: loop, log: log) { [unowned self] exchange in answer(exchange) }
    } catch {
      if settings.requiresControl { throw error }
      log.warning("there is no control socket, and 'oncilla status' does not find this daemon: \(error)")
    }
  }

  /// Notes that Tor came into reach or went out of it.
  func torChanged(isReachable: Bool, reason: String?) {
    torFailure = isReachable ? nil : reason ?? "it takes no connections"
    server?.tell { ControlEvent.make(isReachable ? "tor_up" : "tor_down", ["reason": .text(torFailure)]) }
  }

  /// Tells an event of a node to those who watch.
  func tell(_ event: NodeEvent) {
    server?.tell { ControlEvent.make("node", ["text": .string("\(event)")]) }
  }

  private func answer(_ exchange: ControlExchange) {
    switch exchange.request.command.name {
    case "status": exchange.succeed(status())
    default: exchange.fail(ControlError(.failed, "this command is not done yet"))
    }
  }

  private func status() -> JSONObject {
    let host = pump?.status()
    var status: JSONObject = [
      "version": .string(ProgramVersion.current), "time": .string(Timestamp.now.description),
      "started": .time(loop.now - began), "uptime_seconds": .integer((loop.now - began).wholeSeconds),
      "state": .string(stateName(of: host)), "summary": .string(summary(of: host)),
      "interface": .text(settings.interface.name), "namespace": .text(settings.interface.namespace?.path),
      "mode": .string(settings.mode.rawValue), "mtu": .count(settings.interface.mtu.bytes),
      "socks": .text(settings.socks), "tor": tor(of: host),
    ]
    if let host { for member in host.members.members { status[member.name] = member.value } }
    return status
  }

  private func tor(of host: HostStatus?) -> JSONValue {
    ["state": .string("\(host?.nodes.first?.tor ?? .unknown)"), "reason": .text(torFailure)]
  }

  private func stateName(of host: HostStatus?) -> String {
    switch host?.nodes.first?.tor {
    case nil: "waiting_for_name"
    case .unknown, .unreachable: "waiting_for_tor"
    case .reachable: "ready"
    }
  }

  /// The state in a sentence.
  private func summary(of host: HostStatus?) -> String {
    guard let host, let first = host.nodes.first else {
      let file = settings.identities.lazy.compactMap { if case .hostnameFile(let path) = $0.name { path } else { nil } }
      return "waiting for the name of this host" + (file.first.map { " in \($0)" } ?? "")
    }
    let others = host.nodes.count > 1 ? " and \(host.nodes.count - 1) more" : ""
    switch first.tor {
    case .unknown, .unreachable:
      return "waiting for Tor at \(settings.socks)\(torFailure.map { " (\($0))" } ?? ""): "
        + "\(first.name.address)\(others) on \(settings.interface.name)"
    case .reachable: return "ready: \(first.name.address) is \(first.name)\(others)"
    }
  }
}
