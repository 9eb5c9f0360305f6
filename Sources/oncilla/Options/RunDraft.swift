import OverlayCore
import OverlayIO

/// The options of `run` while they are being read. Its first values only fill the places of those that every command
/// line sets, by the defaults in the table. What cannot be judged before all is read keeps the text for an error.
struct RunDraft {
  /// What needs no other option to be understood.
  var daemon = DaemonSettings(identities: [])
  var onions: [OnionOption] = []
  /// The peers whose names were given with a port.
  var peersWithPort: [(text: String, port: UInt16)] = []
  var hostnameFile: String?
  var listen: [SocketAddress] = []
  var routes: [RouteOption] = []
  var served: [PrefixOption] = []
  var ipv4Address: (text: String, value: IPv4InterfaceAddress)?
  var logLevel = LogLevel.notice
  var logTarget = LogTarget.standardError
}

extension RunDraft {
  /// The daemon's settings, once all options are read and the names of those that were `given` are known.
  func settings(given: Set<String>) throws(CommandError) -> DaemonSettings {
    var settings = daemon
    settings.identities = try identities(listenIsGiven: given.contains("--listen"))
    try checkMode(given: given)
    try checkHosts()
    try checkPorts()
    let rules = PrefixRules(
      isInNamespace: settings.interface.namespace != nil, carriesIPv4: settings.ipv4,
      connections: [settings.socks] + settings.identities.flatMap(\.listen))
    settings.routes = try checkedRoutes(rules, settings)
    settings.served = try checkedServed(rules)
    settings.interface.routes = settings.routes.map(\.prefix)
    settings.interface.served = settings.served
    if let ipv4Address {
      guard settings.ipv4 else { throw .incomplete(command: "--ipv4-address", needs: "--ipv4") }
      try CommandError.naming("--ipv4-address", ipv4Address.text) { () throws(Value.Refusal) in
        try rules.check(.ipv4(ipv4Address.value.prefix), isRoute: true)
      }
      settings.interface.ipv4Address = ipv4Address.value
    }
    return settings
  }

  private func checkMode(given: Set<String>) throws(CommandError) {
    guard daemon.mode == .tun else {
      if !daemon.hasAddress, ipv4Address != nil { throw .conflict("--no-address", "--ipv4-address") }
      let (bytes, range) = (daemon.interface.mtu.bytes, InterfaceMTU.ethernetRange)
      guard range.contains(bytes) else {
        throw .refused(
          option: "--mtu", value: "\(bytes)",
          reason: "with --mode tap a number from \(range.lowerBound) to \(range.upperBound) is accepted")
      }
      return
    }
    for option in ["--no-address", "--dhcpv6"] where given.contains(option) {
      throw .incomplete(command: option, needs: "--mode tap")
    }
  }

  /// An identity is kept for a host of the LAN only where it can be handed out.
  private func checkHosts() throws(CommandError) {
    for (number, onion) in onions.enumerated() where onion.macAddress != nil {
      guard daemon.dhcpv6 else { throw .refused(option: "--onion", value: onion.text, reason: "'mac=' needs --dhcpv6") }
      guard number > 0 || !daemon.hasAddress else {
        throw .refused(
          option: "--onion", value: onion.text,
          reason: "'mac=' needs --no-address: the first identity's address is that of the interface")
      }
    }
  }

  /// Names are pasted with the port that the other side told, and all are dialled at one.
  private func checkPorts() throws(CommandError) {
    let accepted = daemon.servicePort
    let own = onions.compactMap { onion in onion.port.map { ("--onion", onion.text, $0) } }
    for (option, text, port) in own + peersWithPort.map({ ("--peer", $0.text, $0.port) }) where port != accepted {
      throw .refused(option: option, value: text, reason: OnionNameError.port(port, accepted: accepted).description)
    }
  }

  private func identities(listenIsGiven: Bool) throws(CommandError) -> [DaemonSettings.Identity] {
    switch (onions.isEmpty, hostnameFile) {
    case (false, nil): break
    case (true, let file?): return [DaemonSettings.Identity(.hostnameFile(file), listen: listen)]
    case (false, _?): throw .conflict("--onion", "--hostname-file")
    case (true, nil): throw .incomplete(command: "run", needs: "--onion NAME or --hostname-file FILE")
    }
    if onions.count > 1, !daemon.linkableIdentities { try requireListeners(listenIsGiven: listenIsGiven) }
    return onions.map { onion in
      var identity = DaemonSettings.Identity(.onion(onion.name), listen: listen, macAddress: onion.macAddress)
      guard let own = onion.listen else { return identity }
      let others = listenIsGiven ? listen : []
      identity.listen = others.contains(own) ? others : [own] + others
      return identity
    }
  }

  /// Two identities that answer at one listener are known to belong together by whoever asks there for both.
  private func requireListeners(listenIsGiven: Bool) throws(CommandError) {
    if listenIsGiven, let first = listen.first {
      throw .refused(
        option: "--listen", value: first.description,
        reason: "several identities would share it; ',listen=HOST:PORT' after each --onion NAME is accepted, or "
          + "--linkable-identities")
    }
    var taken: Set<SocketAddress> = []
    for onion in onions {
      guard let own = onion.listen else {
        throw .refused(
          option: "--onion", value: onion.text,
          reason: "of several identities each needs a listener of its own, NAME,listen=HOST:PORT, or "
            + "--linkable-identities")
      }
      guard taken.insert(own).inserted else {
        throw .refused(
          option: "--onion", value: onion.text,
          reason: "\(own) is the listener of another identity; each needs its own, or --linkable-identities")
      }
    }
  }

  private func checkedRoutes(_ rules: PrefixRules, _ settings: DaemonSettings) throws(CommandError) -> [Route] {
    let own = Set(onions.map(\.name))
    var taken: Set<IPPrefix> = []
    var checked: [Route] = []
    for route in routes {
      try CommandError.naming("--route", route.text) { () throws(Value.Refusal) in
        guard taken.insert(route.prefix).inserted else { throw Value.Refusal("this prefix is already given") }
        try rules.check(route.prefix, isRoute: true)
        let via = try route.peer(among: settings.peers, servicePort: settings.servicePort)
        guard !own.contains(via) else { throw Value.Refusal("via= is this host's own name") }
        checked.append(Route(prefix: route.prefix, via: via))
      }
    }
    return checked
  }

  private func checkedServed(_ rules: PrefixRules) throws(CommandError) -> [IPPrefix] {
    let routed = Set(routes.map(\.prefix))
    var taken: Set<IPPrefix> = []
    for prefix in served {
      try CommandError.naming("--serve", prefix.text) { () throws(Value.Refusal) in
        guard taken.insert(prefix.prefix).inserted else { throw Value.Refusal("this prefix is already given") }
        guard !routed.contains(prefix.prefix) else { throw Value.Refusal("this prefix is behind a peer, by --route") }
        try rules.check(prefix.prefix, isRoute: false)
      }
    }
    return served.map(\.prefix)
  }
}

extension CommandError {
  /// Does `body` for an option's value, whose refusal becomes the command's error.
  static func naming(
    _ option: String, _ value: String, _ body: () throws(Value.Refusal) -> Void
  ) throws(CommandError) {
    do throws(Value.Refusal) {
      try body()
    } catch {
      throw .refused(option: option, value: value, reason: error.reason)
    }
  }
}
