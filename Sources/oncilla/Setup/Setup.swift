import OverlayCore
import OverlayIO

/// What `oncilla setup` does, step by step, and says while it does it.
struct Setup {
  private let instance: Instance
  private let draft: SetupDraft
  private let places: SetupPlaces

  /// For an instance, as the options say.
  init(_ instance: Instance, _ draft: SetupDraft) {
    self.instance = instance
    self.draft = draft
    places = SetupPlaces(instance)
  }

  /// Does all of it. Throws the first thing that cannot be done, with what helps.
  mutating func perform() throws(CommandError) {
    guard draft.isDryRun || SystemCall.user == 0 else {
      throw .denied("setup writes \(places.configuration) and starts a service")
    }
    if let file = try configuredIn() {
      say("This host is configured already, in \(file): nothing is written.")
      if draft.servesNoLookup { try endLookup() }
      if draft.servesNoLookup, try servesLookup() {
        throw .failed(
          "it serves its lookup name, and setup does not change that: 'lookup = \(draft.lookup?.rawValue ?? "ask")' in "
            + "\(places.setupFile) does")
      }
      if draft.isPrivate, try !OwnInvitation(instance, draft.control).isPrivate() {
        throw .failed(
          "it is not private, and --private does not change that: 'private = yes' in \(places.setupFile) does")
      }
    } else {
      let plan = try plan()
      if !plan.servesLookupByTorrc { try endLookup() }
      try write(plan)
    }
    if draft.isDryRun { return say("Then the service \(places.unit) would be started.") }
    if draft.startsNothing { return say("'\(instance.program) run' starts the daemon.") }
    try start()
    try awaitReadiness()
    try conclude()
  }

  private func say(_ line: String) { _ = Console.print(line + "\n") }

  /// Returns the file that tells who this host is; `nil` if none does. Throws if the configuration is wrong.
  private func configuredIn() throws(CommandError) -> String? {
    do throws(SettingError) {
      return try ConfigurationSource(instance).loadIfNamed()?.files.first
    } catch {
      throw .setting(error)
    }
  }

  /// Returns whether the configuration has the daemon serve the lookup name.
  private func servesLookup() throws(CommandError) -> Bool {
    do throws(SettingError) {
      return try ConfigurationSource(instance).loadIfNamed()?.settings.daemon.lookup == .serve
    } catch {
      throw .setting(error)
    }
  }

  /// Returns whether the configuration has Tor tell which circuit of its own a connection came through.
  private func isToldTorCircuits() throws(CommandError) -> Bool {
    do throws(SettingError) {
      return try ConfigurationSource(instance).isSwitchedOn("tor-circuit-id")
    } catch {
      throw .setting(error)
    }
  }

  // MARK: - The plan

  private func plan() throws(CommandError) -> SetupPlan {
    guard let socks = draft.socks ?? places.findSocks() else {
      throw .failed(
        "Tor is not found: nobody answers at \(list(places.socks)); 'sudo apt install tor' and 'sudo systemctl start "
          + "tor' help, or --socks says where it is")
    }
    guard let port = places.freePort() else {
      throw .failed("no port from \(OverlayNetwork.servicePort) on is free at 127.0.0.1 for Tor to connect to")
    }
    let exportsCircuit = try isToldTorCircuits()
    if !draft.isTorrc, !exportsCircuit, let control = draft.torControl ?? places.findControl() {
      say("Tor is found: its control port is \(control), its SOCKS port \(socks).")
      return .control(
        control, socks: socks, port: port, isPrivate: draft.isPrivate, lookup: try lookup(beside: port), places)
    }
    guard !draft.isPrivate else {
      if exportsCircuit {
        throw .failed("--private needs Tor's control port, and tor-circuit-id lines of torrc: one of them is accepted")
      }
      throw .failed(
        "--private needs Tor's control port, and nobody answers at \(list(places.controls)): --tor-control says "
          + "where it is")
    }
    if exportsCircuit {
      say("The configuration has tor-circuit-id: Tor's configuration gets the onion service.")
    } else if !draft.isTorrc {
      say("Tor has no control port here: its configuration gets the onion service.")
    }
    let lookup = try lookup(beside: port)
    do throws(SystemError) {
      return try .torrc(socks: socks, port: port, lookup: lookup, exportsCircuit: exportsCircuit, places)
    } catch {
      if error.isDenied { throw CommandError(error) }
      throw .failed("\(error): without Tor's configuration on this host, --tor-control says where its control port is")
    }
  }

  /// Returns whether this host is to be found by its address: who gives neither `--lookup` nor `--yes` is asked, and
  /// where nobody is there to be asked it is not.
  private func lookup(beside port: UInt16) throws(CommandError) -> SetupPlan.Lookup {
    guard let lookupPort = places.freePort(from: SetupPlan.firstLookupPort, except: [port]) else {
      throw .failed("no port from \(SetupPlan.firstLookupPort) on is free at 127.0.0.1 for the lookup service")
    }
    if draft.isPrivate, draft.lookup == .serve {
      throw .failed("--private and --lookup serve exclude each other: a private host is not found by strangers")
    }
    let mode: LookupMode =
      if let chosen = draft.lookup {
        chosen
      } else if draft.isPrivate {
        .ask
      } else if draft.agrees || draft.isDryRun {
        .serve
      } else {
        Console.confirms(
          "May this host be found by its address alone? Whoever has that learns its onion name then, and sees when it "
            + "is up; friends need no invitation.") ? .serve : .ask
      }
    return SetupPlan.Lookup(mode, port: lookupPort)
  }

  private func list(_ addresses: [SocketAddress]) -> String { addresses.map { "\($0)" }.joined(separator: " or ") }

  // MARK: - Files

  private func write(_ plan: SetupPlan) throws(CommandError) {
    for include in plan.torFiles {
      show(include.file)
      guard include.isLookup else { continue }
      say(
        "\(draft.isDryRun ? "Would write" : "Writes") the key of this host's lookup name, which follows from its "
          + "address, for Tor's user:\n    \(places.lookupDirectory)/\(TorKeyFiles.names.secretKey)")
    }
    for file in plan.files { show(file) }
    let lines = plan.torFiles.compactMap(\.line)
    if !lines.isEmpty {
      let what = lines.count == 1 ? "this line" : "these lines"
      say("\(draft.isDryRun ? "Would add" : "Adds") \(what) to \(places.torrc):")
      for line in lines { say("    \(line)") }
      if !draft.isDryRun, !draft.agrees {
        try Console.ask(
          lines.count == 1 ? "Add it?" : "Add them?", otherwise: "whether \(places.torrc) may be changed")
      }
    }
    if draft.isDryRun { return }
    var missing: [SetupPlan.File] = []
    do throws(SystemError) {
      for file in plan.torFiles.map(\.file) { _ = try isMissing(file) }
      for file in plan.files where try isMissing(file) { missing.append(file) }
    } catch {
      throw CommandError(error)
    }
    // Tor first: while it refuses, this host is not configured, and setup may be run again.
    for include in plan.torFiles {
      if include.isLookup { try writeLookupKey() }
      do throws(TorReload.Failure) {
        try TorReload(places, say: say).apply(include)
      } catch {
        throw CommandError(error)
      }
      // The service manager does not start a unit whose credential is missing, and the lookup name follows from it.
      if places.hasSystemd || plan.torFiles.count > 1 { _ = try awaitedName() }
    }
    do throws(SystemError) {
      for file in missing { try file.write() }
    } catch {
      throw CommandError(error)
    }
  }

  /// Takes what an earlier run wrote into Tor's configuration to serve the lookup name away, if anything is there.
  private func endLookup() throws(CommandError) {
    let leftover: LookupLeftover?
    do throws(LookupLeftover.Failure) { leftover = try LookupLeftover(places) } catch { throw CommandError(error) }
    guard let leftover else { return }
    say("Tor serves the lookup name of this host, as an earlier run has set it up.")
    if let file = leftover.file { say("\(draft.isDryRun ? "Would remove" : "Removes") \(file.path).") }
    if let line = leftover.line {
      say("\(draft.isDryRun ? "Would take" : "Takes") this line from \(places.torrc):\n    \(line)")
      if !draft.isDryRun, !draft.agrees {
        try Console.ask("Take it away?", otherwise: "whether \(places.torrc) may be changed")
      }
    }
    if draft.isDryRun { return }
    do throws(TorReload.Failure) {
      try TorReload(places, say: say).remove(leftover)
    } catch {
      throw CommandError(error)
    }
  }

  private func isMissing(_ file: SetupPlan.File) throws(SystemError) -> Bool {
    switch try file.standing() {
    case .same: return false
    case .missing: return true
    case .different: throw SystemError.existing("write \(file.path), which says something else and is left alone")
    }
  }

  /// Writes the key of the lookup name where Tor looks for it, unless it is there.
  private func writeLookupKey() throws(CommandError) {
    let name = try awaitedName()
    guard let key = LookupKey(of: name.address, index: 0) else { return }
    let directory = places.lookupDirectory
    if let kept = try? IdentityFiles.read(service: directory) {
      guard kept.name == key.name else {
        throw .failed(
          "\(directory) holds the key of \(kept.name), which is not this host's lookup name, and is left alone")
      }
      return
    }
    do throws(IdentityFiles.Failure) {
      try IdentityFiles.write(key.identity, toService: directory)
    } catch {
      throw CommandError(error)
    }
  }

  /// Waits until Tor has made the onion service, and returns its name.
  private func awaitedName() throws(CommandError) -> OnionName {
    for _ in 0..<100 {
      if let name = places.name { return name }
      SystemCall.sleep(milliseconds: 200)
    }
    throw .failed("Tor has not made \(places.hostnameFile) within 20 s: 'journalctl -u tor@default' tells more")
  }

  private func show(_ file: SetupPlan.File) {
    say("\(draft.isDryRun ? "Would write" : "Writes") \(file.path):")
    for line in file.text.split(separator: "\n") where !line.hasPrefix("#") { say("    \(line)") }
  }

  // MARK: - The service

  private func start() throws(CommandError) {
    guard places.hasSystemd else {
      if try !OwnInvitation(instance, draft.control).reloadIfRunning() {
        say("systemd does not run here: start the daemon with '\(instance.program) run'.")
      }
      return
    }
    for command in [["daemon-reload"], ["enable", "--now", places.guardUnit], ["enable", "--now", places.unit]] {
      let result: SystemCall.ProgramResult
      do throws(SystemError) { result = try SystemCall.run(["systemctl"] + command) } catch {
        throw CommandError(error)
      }
      guard result.status == 0 else {
        throw .failed(
          "systemctl \(command.joined(separator: " ")) failed: \(result.line); 'journalctl -u "
            + "\(places.unit)' tells more")
      }
    }
    say("The service \(places.unit) is started, and will be at each boot.")
  }

  /// Waits until the daemon is ready, and says each change.
  private func awaitReadiness() throws(CommandError) {
    var said = ""
    for _ in 0...draft.timeout * 2 {
      do throws(CommandError) {
        let status = try DaemonConnection(instance, draft.control).ask("status")
        let summary = status["summary"]?.string ?? ""
        if summary != said { say(summary.quotedLine(limit: 400)) }
        said = summary
        if status["state"]?.string == "ready" { return }
      } catch {
        guard case .daemon(3, _) = error else { throw error }
      }
      SystemCall.sleep(milliseconds: 500)
    }
    throw .daemon(
      6,
      "not ready after \(draft.timeout) s; it goes on in the background: '\(instance.program) status' tells more, and "
        + "'\(instance.program) doctor' what is wrong")
  }

  private func conclude() throws(CommandError) {
    let invitation = try OwnInvitation(instance, draft.control).make(as: nil)
    say("\nThis host is \(invitation.name.address).")
    if try OwnInvitation(instance, draft.control).isPrivate() {
      say("Only those find it whom you invite: '\(instance.program) invite PETNAME' prints a line for each.")
    } else {
      say("A friend who runs this has it as a peer:\n    oncilla join \(invitation.line)")
    }
  }
}
