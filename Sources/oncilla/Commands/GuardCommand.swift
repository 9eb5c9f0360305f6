import OverlayCore
import OverlayIO

extension Command {
  /// `oncilla guard`: the leak guards, which outlive the daemon.
  static let leakGuard = Command(
    name: "guard",
    usage: "on|off|status [OPTION]...",
    summary: "add, take away or show what keeps overlay traffic from leaving in the clear",
    details: [
      """
      The leak guards are routes that say unreachable and policy rules that lead to them. 'oncilla run' adds them, and \
      nothing takes them away but 'oncilla guard off', so that nothing for peers leaves in the clear when the daemon \
      ends, or before it starts. 'status' prints a line for each prefix, and fails if the overlay is not guarded.
      """,
      """
      'on' guards the overlay, what the configuration of its instance leads to peers, and each --route. The overlay is \
      guarded even if the configuration is wrong, which is told with exit status 5.
      """,
    ],
    optionRows: GuardDraft.options.map { HelpText.row($0) },
    perform: { instance, arguments throws(CommandError) in
      let parser = OptionParser(command: "oncilla guard", options: GuardDraft.options)
      let parsed = try parser.parse(arguments, into: GuardDraft())
      if parsed.wantsHelp { return nil }
      guard let word = parsed.operands.first else { throw .incomplete(command: "guard", needs: "on, off or status") }
      if parsed.operands.count > 1 { throw .unexpectedArgument(parsed.operands[1], command: parser.command) }
      guard let verb = GuardVerb(rawValue: word) else {
        throw .argument(word, reason: "on, off or status is accepted")
      }
      if parsed.draft.isJSON, verb != .status { throw .conflict("guard \(word)", "--json") }
      var shown = ""
      var draft = parsed.draft
      var trouble: SettingError?
      if verb == .on {
        do throws(SettingError) { try draft.check() } catch { throw .setting(error) }
        do throws(SettingError) { try draft.addRoutes(of: instance) } catch { trouble = error }
      }
      do throws(PrivilegeError) {
        switch verb {
        case .on:
          shown = try draft.turnOn()
          if trouble == nil { return .output(shown) }
        case .off: if try parsed.draft.turnOff() { return .output("") }
        case .status:
          let status = try parsed.draft.status()
          shown = parsed.draft.isJSON ? status.json.line : status.text
          if status.isGuarded { return .output(shown) }
        }
      } catch {
        throw CommandError(error)
      }
      if let trouble { throw .setting(trouble) }
      throw .failed(verb.failure, after: shown)
    })
}

/// What `oncilla guard` is to do.
enum GuardVerb: String {
  case on, off, status

  /// What is wrong where it was done and is not so.
  var failure: String {
    switch self {
    case .off: "the leak guards are back: a daemon runs, which keeps them; end it before"
    case .on, .status:
      "\(OverlayNetwork.tor.prefix) is not guarded: 'oncilla guard on' does it, and so does 'oncilla run'"
    }
  }
}

/// The options of `oncilla guard` while they are being read, and what they are for.
struct GuardDraft: ConfigurationDraft, JSONDraft {
  var settings = InterfaceSettings(prefix: OverlayNetwork.tor.prefix)
  var file: String?
  var isJSON = false

  static var options: [Option<GuardDraft>] {
    [
      Option("--netns", "NAME", "The network namespace of the daemon's interface.") {
        draft, value throws(SettingValue.Refusal) in
        draft.settings.namespace = try SettingValue.namespace(value)
      },
      Option(
        "--route", "PREFIX", isRepeatable: true,
        "A prefix behind a peer that 'on' guards, beside the overlay. Repeatable."
      ) { draft, value throws(SettingValue.Refusal) in
        let count = draft.settings.routes.count + 1
        draft.settings.routes.append(try SettingValue.prefix(value, count: count))
      },
      .config("Let 'on' read this configuration, and not those of /etc/oncilla; /dev/null for none."),
      .json("With 'status': print one line of JSON, whether the overlay is guarded, and the prefixes."),
    ]
  }

  /// Refuses what cannot be behind a peer: it would be taken from this host alone.
  func check() throws(SettingError) {
    let rules = PrefixRules(isInNamespace: settings.namespace != nil, carriesIPv4: true, connections: [])
    var known: Set<IPPrefix> = []
    for prefix in settings.routes {
      try GivenValue("\(prefix)", from: .option("--route")).reading { () throws(SettingValue.Refusal) in
        guard known.insert(prefix).inserted else { throw SettingValue.Refusal("this prefix is already given") }
        try rules.check(prefix, isRoute: true)
      }
    }
  }

  /// Adds what the configuration of an instance leads to peers, if the daemon's interface is in the namespace of the
  /// guards: in any other these prefixes are not concerned. A host that is not set up yet has none.
  mutating func addRoutes(of instance: Instance) throws(SettingError) {
    let configured: InterfaceSettings
    do throws(SettingError) {
      configured = try ConfigurationSource(instance, file: file).load().settings.daemon.interface
    } catch {
      if case .unnamed = error { return }
      throw error
    }
    guard configured.namespace == settings.namespace else { return }
    settings.routes += configured.routes.filter { !settings.routes.contains($0) }
  }

  /// Puts up what is missing; a line for each prefix that is guarded then.
  func turnOn() throws(PrivilegeError) -> String {
    var privileges = try Privileges(guarding: settings)
    let report = try privileges.installLeakGuard()
    if report.state == .loopbackDown { throw .loopbackDown }
    return try status().text
  }

  /// Takes all of them away; whether they stay away, which they do not while a daemon runs.
  func turnOff() throws(PrivilegeError) -> Bool {
    var privileges = try Privileges(guarding: settings)
    _ = try privileges.perform(.removeLeakGuards)
    // A daemon that has put them back again and again waits for a second before it does.
    for _ in 0..<40 {
      SystemCall.sleep(milliseconds: 30)
      if try !privileges.lookForLeakGuards().isEmpty { return false }
    }
    return true
  }

  /// What is guarded.
  func status() throws(PrivilegeError) -> GuardStatus {
    var privileges = try Privileges(guarding: settings)
    return GuardStatus(prefixes: try privileges.lookForLeakGuards())
  }
}

/// The prefixes that are guarded.
struct GuardStatus {
  let prefixes: [IPPrefix]

  /// Whether the overlay is among them.
  var isGuarded: Bool { prefixes.contains(.ipv6(OverlayNetwork.tor.prefix)) }

  /// A line for each.
  var text: String { prefixes.map { "\($0) is guarded\n" }.joined() }

  /// The same for programs.
  var json: JSONObject { ["guarded": .boolean(isGuarded), "prefixes": .array(prefixes.map { .text($0) })] }
}
