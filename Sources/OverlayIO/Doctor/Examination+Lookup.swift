import OverlayCore

/// Whether others find this host by its address.
extension Examination {
  /// Looks for who serves the lookup names of each identity that wants to be found, as the daemon found out by looking
  /// itself up, and as torrc says.
  func lookup() -> Check.Finding { lookup { running.lookup(of: $0) } }

  /// The same, with what the daemon found of the identity with an address; `nil` if it did not tell.
  func lookup(_ found: (IPv6Address) -> RunningDaemon.Lookup?) -> Check.Finding {
    guard let settings else { return .skipped(noConfiguration) }
    switch settings.lookup {
    case .off: return .ok("nobody but peers is asked for the names of unknown addresses")
    case .ask: return .ok("unknown addresses are looked up; with 'lookup = serve' this host would be found so, too")
    case .serve: break
    }
    let places = names.enumerated().compactMap { number, name in
      settings.servedLookup(of: number).map { (name: name, target: $0, found: found(name.address)) }
    }
    for place in places {
      if let found = place.found, found.finding == "hidden" {
        return .note(found.text, remedy: "tell peers the name, or invite them")
      }
      if settings.torControl != nil, let found = place.found, found.finding == "missing" {
        return .note(found.text, remedy: "it takes about an hour until the daemon has looked again")
      }
    }
    let suffix =
      !places.isEmpty && places.allSatisfy { $0.found?.finding == "found" } ? ", and the daemon found itself" : ""
    if settings.torControl != nil {
      let isChecked = !suffix.isEmpty
      return .ok("the daemon has Tor serve this host's lookup name" + (isChecked ? suffix : ", and has not looked yet"))
    }
    guard settings.socks.isLoopback else { return .skipped("Tor runs on another machine") }
    guard !places.isEmpty else { return .skipped("nothing tells who this host is") }
    let files = TorConfiguration.files(in: paths)
    guard !files.isEmpty else { return .skipped("there is no /etc/tor/torrc") }
    let services = TorConfiguration(files, in: paths).services.map { service in
      LookupService(service: service, name: try? HostnameFile.read(paths("\(service.directory)/hostname")))
    }
    var directories: [String] = []
    for place in places {
      let (serving, trouble) = torrcLookup(
        of: place.name, at: place.target, place.found, settings.servicePort, services)
      if let trouble { return trouble }
      directories += serving
    }
    return .ok("\(LookupService.serving(directories))\(suffix)")
  }

  /// Looks for the lookup names of an identity in torrc. Returns the directories that serve them, and what is wrong, if
  /// anything is.
  private func torrcLookup(
    of name: OnionName, at target: SocketAddress, _ found: RunningDaemon.Lookup?, _ port: UInt16,
    _ services: [LookupService]
  ) -> (serving: [String], trouble: Check.Finding?) {
    var directories: [String] = []
    for index in 0...(found?.index ?? 0) {
      guard let key = LookupKey(of: name.address, index: index) else { continue }
      let line = "HiddenServicePort \(port) \(target)"
      guard let service = services.first(where: { $0.name == key.name })?.service else {
        guard isRoot else {
          return (directories, .skipped("only root can tell which HiddenServiceDir of torrc has the lookup name"))
        }
        let why = index == 0 ? "" : ", which strangers ask because somebody else serves the one before"
        let directory = LookupFinding.directory(of: index)
        let trouble = Check.Finding.wrong(
          "no HiddenServiceDir in /etc/tor/torrc has the lookup name \(key.name)\(why)",
          remedy:
            "'\(instance.program) lookup-key \(name.address) --index \(index) --write \(directory)' makes its key, "
            + "'HiddenServiceDir \(directory)' and '\(line)' serve it, and 'systemctl reload tor@default' tells Tor")
        return (directories, trouble)
      }
      guard service.ports.contains(where: { $0.number == port && $0.target == target }) else {
        let trouble = "\(service.directory) does not lead to \(target)"
        return (directories, .wrong(trouble, remedy: "'\(line)' below it is needed"))
      }
      directories.append(service.directory)
    }
    guard found?.finding == "missing" else { return (directories, nil) }
    let trouble = Check.Finding.note(
      "\(LookupService.serving(directories)), where Tor knew nobody",
      remedy: "'systemctl reload tor@default' tells Tor, and it takes about an hour until the daemon has looked again")
    return (directories, trouble)
  }
}

/// An onion service of torrc, and its name, if that can be read.
private struct LookupService {
  let service: TorConfiguration.Service
  let name: OnionName?

  /// Says that these directories serve.
  static func serving(_ directories: [String]) -> String {
    let text = directories.joined(separator: " and ")
    return directories.count == 1 ? "\(text) serves this host's lookup name" : "\(text) serve this host's lookup names"
  }
}

extension RunningDaemon {
  /// What the daemon found when it looked an identity up.
  struct Lookup {
    /// The finding in a word.
    let finding: String
    /// The index of the lookup name that it is about.
    let index: UInt8?
    /// What was found, in words.
    let text: String
  }

  /// What the daemon found when it looked the identity with this address up; `nil` if it did not, or does not run.
  func lookup(of address: IPv6Address) -> Lookup? {
    guard case .runs(let status, _, _) = self else { return nil }
    let told = status["identities"]?.array?.first { $0["address"]?.string == "\(address)" }?["lookup"]
    guard let told, let finding = told["finding"]?.string else { return nil }
    let index = told["index"]?.integer.flatMap { UInt8(exactly: $0) }
    return Lookup(
      finding: finding, index: index.map { min($0, LookupKey.indices.upperBound) },
      text: (told["text"]?.string ?? "").quotedLine(limit: 400))
  }
}
