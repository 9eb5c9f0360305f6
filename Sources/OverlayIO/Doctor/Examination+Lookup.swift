import OverlayCore

/// Whether others find this host by its address.
extension Examination {
  /// Looks for who serves the lookup names.
  func lookup() -> Check.Finding {
    guard let settings else { return .skipped(Examination.noConfiguration) }
    switch settings.lookup {
    case .off: return .ok("nobody is asked for the names of unknown addresses")
    case .ask: return .ok("unknown addresses are looked up; with 'lookup = serve' this host would be found so, too")
    case .serve: break
    }
    if settings.torControl != nil { return .ok("Tor serves this host's lookup name at the daemon's word") }
    guard settings.socks.isLoopback else { return .skipped("Tor runs on another machine") }
    guard let name = names.first, let key = LookupKey(of: name.address, index: 0),
      let target = settings.servedLookup(of: 0)
    else { return .skipped("nothing tells who this host is") }
    let files = TorConfiguration.files(in: paths)
    guard !files.isEmpty else { return .skipped("there is no /etc/tor/torrc") }
    let services = TorConfiguration(files, in: paths).services
    let held = services.map { service in (service, try? HostnameFile.read(paths("\(service.directory)/hostname"))) }
    let line = "HiddenServicePort \(settings.servicePort) \(target)"
    guard let service = held.first(where: { $0.1 == key.name })?.0 else {
      if !isRoot { return .skipped("only root can tell which HiddenServiceDir of torrc has the lookup name") }
      return .wrong(
        "no HiddenServiceDir in /etc/tor/torrc has the lookup name \(key.name)",
        remedy: "'oncilla lookup-key --write DIR' makes its key, and 'HiddenServiceDir DIR' and '\(line)' serve it")
    }
    guard service.ports.contains(where: { $0.number == settings.servicePort && $0.target == target }) else {
      return .wrong("\(service.directory) does not lead to \(target)", remedy: "'\(line)' below it is needed")
    }
    return .ok("\(service.directory) serves this host's lookup name")
  }
}
