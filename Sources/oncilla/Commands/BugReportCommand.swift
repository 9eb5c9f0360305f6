import OverlayCore
import OverlayIO

extension Command {
  /// `oncilla bugreport`: what is to be told with a fault.
  static let bugReport = Command(
    name: "bugreport",
    usage: "[OPTION]...",
    summary: "print what helps to find a fault, without names and addresses",
    details: [
      """
      Prints the versions of the program, the system and Tor, the effective configuration, what the daemon says of \
      itself, the leak guards, what 'oncilla doctor' finds, and the end of the log file if there is one. Onion names, \
      addresses, petnames, keys and paths are replaced, the same always by the same. Nothing is sent anywhere: read it \
      before you send it.
      """
    ],
    optionRows: BugReportDraft.options.map { HelpText.row($0) },
    perform: { instance, arguments throws(CommandError) in
      let parser = OptionParser(command: "oncilla bugreport", options: BugReportDraft.options)
      guard let draft = try parser.parseOptions(arguments, into: BugReportDraft()) else { return nil }
      return .output(draft.report(for: instance))
    })
}

/// The options of `oncilla bugreport` while they are being read.
struct BugReportDraft: ClientDraft, ConfigurationDraft {
  var control: String?
  var file: String?

  static var options: [Option<BugReportDraft>] {
    [.config(), .control()]
  }

  /// The report. What cannot be found out is said in its place.
  func report(for instance: Instance) -> String {
    var report = BugReport()
    let (status, reason) = ask(instance, "status")
    let configuration = try? ConfigurationSource(instance, file: file).load()
    report.hide(configuration, status, instance)
    report.add("Versions", versions)
    report.add("System", system)
    if let configuration {
      report.add(configuration)
    } else {
      // The line that says what is wrong may quote anything.
      report.add("Configuration", ["not valid, or not readable: '\(instance.program) check-config' tells why"])
    }
    if let status { report.add("Daemon", status) } else { report.addRedacted("Daemon", [reason]) }
    if let routes = ask(instance, "routes").result { report.add("Prefixes", routes) }
    report.addRedacted("Leak guards", guards(configuration))
    report.addRedacted("Doctor", findings(instance))
    report.addRedacted("Log", log(configuration, of: instance))
    return report.text
  }

  /// The subjects whose texts quote nothing that the user wrote, and name nobody and nothing that the user runs.
  private static let toldSubjects: Set<Check.Subject> = [
    .tunDevice, .kernelIPv6, .clock, .socksPort, .loop, .leakGuard, .routes, .mtu, .forwarding,
  ]

  /// What the doctor finds: in words where something is wrong and that tells nobody, and in one word of the rest.
  private func findings(_ instance: Instance) -> [String] {
    var lines: [String] = []
    Doctor(ConfigurationSource(instance, file: file)).examine { check in
      let isTold = check.isWrong && BugReportDraft.toldSubjects.contains(check.subject)
      lines.append("\(check.word) \(isTold ? check.line : check.subject.rawValue)")
    }
    return lines
  }

  private func ask(_ instance: Instance, _ command: String) -> (result: JSONObject?, reason: String) {
    do throws(CommandError) {
      let configured = file.flatMap { DaemonPlaces(ConfigurationSource(instance, file: $0)).control }
      return (try DaemonConnection(instance, control ?? configured, isQuiet: true).ask(command), "")
    } catch {
      return (nil, error.description)
    }
  }

  private var versions: [String] {
    let tor = DebianPackages.version(of: "tor")
    return [
      "oncilla \(ProgramVersion.current)", tor.map { "Tor: Debian's package \($0)" } ?? "Tor: not Debian's package",
    ]
  }

  private var system: [String] {
    let (system, release, machine) = SystemCall.kernel
    let device = (try? SystemFacts.exists("/dev/net/tun")) == true
    return [
      "\(system) \(release) \(machine)", SystemFacts.distribution ?? "unknown distribution",
      device ? "/dev/net/tun is there" : "/dev/net/tun is not there",
      SystemFacts.hasIPv6 ? "the kernel has IPv6" : "the kernel has no IPv6",
    ]
  }

  private func guards(_ configuration: Configuration?) -> [String] {
    var draft = GuardDraft()
    draft.settings.namespace = configuration?.settings.daemon.interface.namespace
    do throws(PrivilegeError) {
      return try draft.status().text.split(separator: "\n").map(String.init)
    } catch {
      return [error.description]
    }
  }

  private func log(_ configuration: Configuration?, of instance: Instance) -> [String] {
    guard let target = configuration?.settings.logTarget else { return ["not known where it goes"] }
    guard case .file(let path) = target else {
      return ["no file: add what 'journalctl -u \(instance.service)' shows by hand, without names and addresses"]
    }
    do throws(SystemError) {
      return try lastLines(of: path, count: BugReport.logLines)
    } catch {
      return [error.description]
    }
  }
}
