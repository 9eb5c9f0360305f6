import Glibc
import OverlayCore

/// Whether Tor passes circuits to this host's names on to the daemon.
extension Examination {
  /// Compares Tor's configuration with the daemon's.
  func onionService() -> Check.Finding {
    guard let settings else { return .skipped(noConfiguration) }
    guard !settings.identities.isEmpty else { return .skipped("nothing tells who this host is") }
    if settings.publisher == .tor { return .ok("Tor makes it at the daemon's word") }
    guard settings.socks.isLoopback else { return .skipped("Tor runs on another machine") }
    let files = TorConfiguration.files(in: paths)
    guard !files.isEmpty else { return .skipped("there is no \(Examination.torrc)") }
    let tor = TorConfiguration(files, in: paths)
    var finding: Check.Finding?
    for identity in settings.identities {
      let found = onionService(
        of: identity, settings.servicePort, isToldTorCircuits: settings.isToldTorCircuits, in: tor)
      if case .ok = found { continue }
      finding = finding ?? found
    }
    return finding ?? .ok("Tor passes port \(settings.servicePort) on to the daemon")
  }

  private static let torrc = "/etc/tor/torrc"

  private func onionService(
    of identity: DaemonSettings.Identity, _ port: UInt16, isToldTorCircuits: Bool, in tor: TorConfiguration
  ) -> Check.Finding {
    let line = "HiddenServicePort \(port) \(identity.listen.first.map { "\($0)" } ?? "")"
    guard let service = tor.services.first(where: { isMeant($0, by: identity) }) else {
      if let failure = tor.failure { return .skipped("\(failure)") }
      if tor.services.contains(where: { !canRead($0) }) {
        return .skipped("only root can tell which HiddenServiceDir of torrc has this host's name")
      }
      return .wrong(
        "no HiddenServiceDir in \(Examination.torrc) has this host's name",
        remedy: "'HiddenServiceDir /var/lib/tor/oncilla' and '\(line)' there make one, whose hostname is this host's")
    }
    if service.exportsCircuit, !isToldTorCircuits {
      return .wrong(
        "Tor writes a line of its own before each circuit to \(service.directory)",
        remedy: "take HiddenServiceExportCircuitID out of torrc, or set tor-circuit-id = yes")
    }
    if isToldTorCircuits, !service.exportsCircuit {
      return .wrong(
        "tor-circuit-id is set, and Tor does not write the line about its circuit to \(service.directory)",
        remedy: "'HiddenServiceExportCircuitID haproxy' below its HiddenServiceDir in torrc, or no tor-circuit-id")
    }
    let leading = service.ports.filter { $0.number == port }
    guard let first = leading.first else {
      return .wrong("\(service.directory) has no port \(port)", remedy: "'\(line)' below its HiddenServiceDir adds it")
    }
    guard leading.contains(where: { $0.target.map { leads($0, to: identity) } ?? false }) else {
      let target = first.target.map { "\($0)" } ?? "something that cannot be understood"
      return .wrong(
        "torrc has port \(port) of \(service.directory) lead to \(target), where the daemon does not listen",
        remedy: "'\(line)' is needed, and 'systemctl reload tor@default'")
    }
    return .ok("")
  }

  /// Whether the service has the name of this identity.
  private func isMeant(_ service: TorConfiguration.Service, by identity: DaemonSettings.Identity) -> Bool {
    let path = "\(service.directory)/hostname"
    let held = try? HostnameFile.read(paths(path))
    switch identity.name {
    case .onion(let name): return held == name
    case .hostnameFile(let file):
      if file == path || file == paths(path) || unit.source(ofCredential: file) == path { return true }
      guard let held else { return false }
      return (try? HostnameFile.read(file)) == held
    case .madeByTor: return false
    }
  }

  private func canRead(_ service: TorConfiguration.Service) -> Bool {
    do throws(HostnameFileError) {
      _ = try HostnameFile.read(paths("\(service.directory)/hostname"))
      return true
    } catch {
      if case .unreadable = error { return false }
      return true
    }
  }

  /// Whether a connection to `target` comes to a listener of the identity.
  private func leads(_ target: SocketAddress, to identity: DaemonSettings.Identity) -> Bool {
    identity.listen.contains { listener in
      if listener == target { return true }
      switch (listener, target) {
      case (.ipv4(let any, let port), .ipv4(_, let wanted)): return any.value == 0 && port == wanted
      case (.ipv6(let any, let port), .ipv6(_, let wanted)), (.ipv6(let any, let port), .ipv4(_, let wanted)):
        return any == .unspecified && port == wanted
      default: return false
      }
    }
  }
}
