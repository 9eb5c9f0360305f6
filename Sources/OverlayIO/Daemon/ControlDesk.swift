import OverlayCore

/// The daemon as its control socket shows it: what it answers, and what it tells those who watch.
final class ControlDesk {
  /// The pump; `nil` while the names of this host are not known.
  weak var pump: Pump?
  /// The daemon.
  weak var daemon: Daemon?

  /// The settings that are in effect.
  var settings: DaemonSettings
  /// Gets the metrics, with those of peers if they are asked for.
  var metrics: (_ withPeers: Bool) -> String = { _ in "" }
  private let log: Log
  private let began: Instant
  private let loop: EventLoop
  private let pings: PingDesk
  private var server: ControlServer?

  /// Opens the control socket. A daemon whose operator chose no path can do without.
  init(_ settings: DaemonSettings, on loop: EventLoop, log: Log) throws {
    self.settings = settings
    self.log = log
    self.loop = loop
    began = loop.now
    pings = try PingDesk(on: loop)
    guard let path = settings.control else { return }
    do throws(ControlSocketError) {
      server = try ControlServer(path, on: loop, log: log) { [unowned self] exchange in answer(exchange) }
    } catch {
      if settings.requiresControl { throw error }
      log.warning("there is no control socket, and 'oncilla status' does not find this daemon: \(error)")
    }
  }

  // MARK: - What it tells

  /// Notes that Tor came into reach or went out of it.
  func torChanged(isReachable: Bool) {
    server?.tell { ControlEvent.make(isReachable ? "tor_up" : "tor_down", ["reason": .text(torFailure)]) }
  }

  /// Notes an event of a node, and tells it to those who watch.
  func tell(_ event: NodeEvent) {
    pings.note(event)
    guard let server, server.hasMonitors, let line = event.json(petname: petname(of:)) else { return }
    server.tell { line }
  }

  private var torFailure: String? { daemon?.torFailure?.reason }

  private func petname(of name: OnionName) -> Petname? { settings.peers.first { $0.name == name }?.petname }

  private func petname(at address: IPv6Address) -> Petname? {
    settings.peers.first { $0.name.address == address }?.petname
  }

  // MARK: - What it answers

  private func answer(_ exchange: ControlExchange) {
    do throws(ControlError) {
      if let result = try result(of: exchange) { exchange.succeed(result) }
    } catch {
      exchange.fail(error)
    }
  }

  /// Returns the result of a request; `nil` if the reply is made elsewhere, or later.
  private func result(of exchange: ControlExchange) throws(ControlError) -> JSONObject? {
    let request = exchange.request
    switch request.command.name {
    case "status": return status()
    case "metrics": return ["text": .string(metrics(request.isTrue("peers")))]
    case "monitor":
      exchange.succeed(monitors: true)
      return nil
    case "identities": return ["identities": .array(identities)]
    case "routes": return settings.routesMembers
    case "reload": return try reload(exchange)
    // Who this host is does not matter here, and may not be known yet.
    case "peer_add": return try add(exchange)
    case "peer_remove": return try remove(exchange)
    default: break
    }
    guard let pump else { throw ControlError(.notReady, state.sentence) }
    switch request.command.name {
    case "peers": return pump.status().peersMembers
    case "names":
      let place = try request.string("after").map { (text) throws(ControlError) in try ListedName(text) }
      return try pump.namesMembers(after: place, petname(at:))
    case "name_forget" where request.string("peer") == nil:
      guard request.isTrue("all") else { throw ControlError(.badArgument, "name_forget needs \"peer\" or \"all\"") }
      note(exchange, "all learned names")
      return forgotten(pump.forgetNames())
    case "neighbours":
      guard let neighbours = pump.neighbours else {
        throw ControlError(.conflict, "there are no neighbours without --mode tap")
      }
      return ["neighbours": .array(neighbours.map(\.json))]
    case "peer_reconnect" where request.string("peer") == nil:
      guard request.isTrue("all") else { throw ControlError(.badArgument, "peer_reconnect needs \"peer\" or \"all\"") }
      note(exchange, "all configured peers")
      for peer in settings.peers { _ = pump.reconnect(peer.name) }
      return ["peers": .count(settings.peers.count)]
    default:
      return try result(of: exchange, for: try peer(of: exchange), pump)
    }
  }

  private func result(
    of exchange: ControlExchange, for peer: PeerSelector, _ pump: Pump
  ) throws(ControlError) -> JSONObject? {
    let command = exchange.request.command
    if command.isChange { note(exchange, shown(peer)) }
    switch command.name {
    case "peer_show": break
    case "name_resolve":
      if let name = peer.name { return KnownName(configured: name).members(petname(at:)) }
      return try pump.resolve(peer.address, petname(at:))
    case "name_forget": return forgotten(try pump.forgetName(peer.address))
    case "peer_block":
      guard !pump.withEach({ node, turn in node.block(peer.address, turn: &turn) }).contains(false) else {
        throw ControlError(.failed, "too many peers are blocked: no more are accepted")
      }
    case "peer_unblock":
      guard pump.withEach({ node, turn in node.unblock(peer.address, turn: &turn) }).contains(true) else {
        throw ControlError(.notFound, "\(shown(peer)) is not blocked")
      }
    case "peer_disconnect":
      let closed = pump.withEach { node, turn in node.disconnect(peer.address, turn: &turn) }
      return ["closed_circuits": .count(closed.reduce(0, +))]
    case "peer_connect":
      if let failure = pump.connect(try name(of: peer, pump))?.failure { throw failure }
    case "peer_reconnect":
      if let failure = pump.reconnect(try name(of: peer, pump))?.failure { throw failure }
    case "ping":
      pings.begin(exchange, to: try name(of: peer, pump), through: pump)
      return nil
    default: throw ControlError(.unknownCommand, "\(command.name) is not done here")
    }
    return ["peer": try pump.members(of: peer, settings) { shown(peer) }]
  }

  /// What was forgotten is not to be on the disk any longer, either.
  private func forgotten(_ result: JSONObject) -> JSONObject {
    daemon?.nameKeeper?.keep()
    return result
  }

  private func add(_ exchange: ControlExchange) throws(ControlError) -> JSONObject {
    guard let daemon else { throw ControlError(.notReady, state.sentence) }
    let peer = try daemon.addPeer(
      exchange.request.string("peer") ?? "", isKept: exchange.request.isTrue("kept"))
    note(exchange, peer.petname.map { "\($0)" } ?? "\(peer.name.address)")
    return ["petname": .text(peer.petname), "address": .text(peer.name.address), "name": .text(peer.name)]
  }

  private func remove(_ exchange: ControlExchange) throws(ControlError) -> JSONObject {
    let peer = try peer(of: exchange)
    note(exchange, shown(peer))
    guard let removed = daemon?.removePeer(peer.address) else {
      throw ControlError(.notFound, "there is no permanent peer \(shown(peer))")
    }
    return ["petname": .text(removed.petname), "address": .text(removed.name.address), "name": .text(removed.name)]
  }

  /// Returns the peer that a request is about.
  private func peer(of exchange: ControlExchange) throws(ControlError) -> PeerSelector {
    try PeerSelector(
      exchange.request.string("peer") ?? "", among: settings.peers, servicePort: settings.servicePort)
  }

  private func reload(_ exchange: ControlExchange) throws(ControlError) -> JSONObject {
    note(exchange, "the configuration")
    do throws(ReloadError) {
      guard let report = try daemon?.reloadAll() else { return [:] }
      server?.tell { ControlEvent.make("reloaded", ["applied": .array(report.applied.map { .string($0) })]) }
      return [
        "applied": .array(report.applied.map { .string($0) }),
        "needs_restart": .array(report.needsRestart.map { .string($0) }),
      ]
    } catch {
      throw ControlError(.configuration, error.description)
    }
  }

  /// Returns the onion name of a peer, which a dial needs.
  private func name(of peer: PeerSelector, _ pump: Pump) throws(ControlError) -> OnionName {
    if let name = peer.name { return name }
    let known = pump.withFirst { node, _ in node.name(of: peer.address) }
    if let known, let known { return known }
    throw ControlError(
      .notFound, "the onion name of \(peer.address) is not known: give the whole name, 56 characters and .onion")
  }

  private func shown(_ peer: PeerSelector) -> String {
    settings.peers.first { $0.name.address == peer.address }?.petname.map { "\($0)" } ?? "\(peer.address)"
  }

  /// Notes who changes what.
  private func note(_ exchange: ControlExchange, _ what: String) {
    let user = UserFiles.user(exchange.user).map { " (\($0))" } ?? ""
    log.info("control: user \(exchange.user)\(user): \(exchange.request.command.name) \(what)")
  }

  // MARK: - Status

  private func status() -> JSONObject {
    let host = pump?.status()
    let state = state
    var status: JSONObject = [
      "version": .string(ProgramVersion.current), "time": .string(Timestamp.now.description),
      "started": .time(loop.now - began), "uptime_seconds": .integer((loop.now - began).wholeSeconds),
      "state": .string(state.name), "summary": .string(state.sentence),
      "interface": .text(settings.interface.name), "namespace": .text(settings.interface.namespace?.path),
      "mode": .string(settings.mode.rawValue), "mtu": .count(settings.interface.mtu.bytes),
      "dns": .array(settings.dns.map { .text($0) }), "dns_zone": .string(settings.dnsZone),
      "socks": .text(settings.socks), "tor": tor(of: host),
    ]
    if let host {
      let places = settings.places(of: host.nodes.map(\.name))
      for member in host.members(at: places).members { status[member.name] = member.value }
    }
    return status
  }

  private var identities: [JSONValue] {
    let nodes = pump?.status().nodes ?? []
    return settings.identities.enumerated().map { number, identity in
      let name: OnionName? =
        if case .onion(let name) = identity.name { name } else {
          nodes.indices.contains(number) ? nodes[number].name : nil
        }
      var members: JSONObject = ["address": .text(name?.address), "name": .text(name)]
      if case .hostnameFile(let path) = identity.name { members["hostname_file"] = .string(path) }
      if case .madeByTor = identity.name { members["label"] = .text(identity.label) }
      members["listen"] = .array(identity.listen.map { .text($0) })
      members["accepted_circuits"] = nodes.indices.contains(number) ? .count(nodes[number].acceptedCircuits) : 0
      return .object(members)
    }
  }

  private func tor(of host: HostStatus?) -> JSONValue {
    let known = daemon?.torState ?? TorState()
    return [
      "state": .string("\(host?.nodes.first?.tor ?? .unknown)"), "reason": .text(torFailure),
      "version": .text(known.version), "bootstrap_percent": known.bootstrap.percent.map { .count($0) } ?? .null,
    ]
  }

  private var state: DaemonState { daemon?.state ?? DaemonState(name: "waiting_for_name", sentence: "starting") }
}
