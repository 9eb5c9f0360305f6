import OverlayCore

/// Whether others find this host by its address.
extension Examination {
  /// Looks for who serves the lookup names, as the daemon found out by looking itself up, and as torrc says.
  func lookup() -> Check.Finding { lookup(running.lookup) }

  /// The same, with what the daemon found; `nil` if it did not tell.
  func lookup(_ found: RunningDaemon.Lookup?) -> Check.Finding {
    guard let settings else { return .skipped(noConfiguration) }
    switch settings.lookup {
    case .off: return .ok("nobody but peers is asked for the names of unknown addresses")
    case .ask: return .ok("unknown addresses are looked up; with 'lookup = serve' this host would be found so, too")
    case .serve: break
    }
    if found?.finding == "hidden" { return .note(found?.text ?? "", remedy: "tell peers the name, or invite them") }
    if settings.torControl != nil {
      if found?.finding == "missing" {
        return .note(found?.text ?? "", remedy: "it takes about an hour until the daemon has looked again")
      }
      return .ok("Tor serves this host's lookup name at the daemon's word" + (found?.suffix ?? ""))
    }
    guard settings.socks.isLoopback else { return .skipped("Tor runs on another machine") }
    guard let name = names.first, let target = settings.servedLookup(of: 0) else {
      return .skipped("nothing tells who this host is")
    }
    let files = TorConfiguration.files(in: paths)
    guard !files.isEmpty else { return .skipped("there is no /etc/tor/torrc") }
    let services = TorConfiguration(files, in: paths).services.map { service in
      (service: service, name: try? HostnameFile.read(paths("\(service.directory)/hostname")))
    }
    var directories: [String] = []
    let last = found?.finding == "missing" ? found?.index ?? 0 : 0
    for index in 0...last {
      guard let key = LookupKey(of: name.address, index: index) else { continue }
      let line = "HiddenServicePort \(settings.servicePort) \(target)"
      guard let service = services.first(where: { $0.name == key.name })?.service else {
        if !isRoot { return .skipped("only root can tell which HiddenServiceDir of torrc has the lookup name") }
        let why = index == 0 ? "" : ", which strangers ask because somebody else serves the one before"
        let directory = LookupFinding.directory(of: index)
        return .wrong(
          "no HiddenServiceDir in /etc/tor/torrc has the lookup name \(key.name)\(why)",
          remedy:
            "'\(instance.program) lookup-key \(name.address) --index \(index) --write \(directory)' makes its key, "
            + "'HiddenServiceDir \(directory)' and '\(line)' serve it, and 'systemctl reload tor@default' tells Tor")
      }
      guard service.ports.contains(where: { $0.number == settings.servicePort && $0.target == target }) else {
        return .wrong("\(service.directory) does not lead to \(target)", remedy: "'\(line)' below it is needed")
      }
      directories.append(service.directory)
    }
    let places = directories.joined(separator: " and ")
    if found?.finding == "missing" {
      return .note(
        "\(places) serve\(last == 0 ? "s" : "") this host's lookup name\(last == 0 ? "" : "s"), where Tor knew nobody",
        remedy: "'systemctl reload tor@default' tells Tor, and it takes about an hour until the daemon has looked again"
      )
    }
    return .ok("\(places) serves this host's lookup name" + (found?.suffix ?? ""))
  }
}

extension RunningDaemon {
  /// What the daemon found when it looked itself up.
  struct Lookup {
    /// The finding in a word.
    let finding: String
    /// The index of the lookup name that it is about.
    let index: UInt8?
    /// What was found, in words.
    let text: String

    /// The finding behind what is in order.
    var suffix: String { finding == "found" ? ", and the daemon found itself" : "" }
  }

  /// What the daemon found when it looked the first identity up; `nil` if it did not, or does not run.
  var lookup: Lookup? {
    guard case .runs(let status, _, _) = self, let told = status["identities"]?.array?.first?["lookup"],
      let finding = told["finding"]?.string
    else { return nil }
    return Lookup(
      finding: finding, index: told["index"]?.integer.flatMap { UInt8(exactly: $0) }.map { min($0, 3) },
      text: (told["text"]?.string ?? "").quotedLine(limit: 400))
  }
}
