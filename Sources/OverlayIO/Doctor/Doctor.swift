/// Looks at everything that a daemon needs, from the ground up, and says what is wrong and what helps. It changes
/// nothing.
public struct Doctor {
  private let source: ConfigurationSource
  private let paths: DoctorPaths

  /// Makes a doctor for the daemon with this configuration.
  public init(_ source: ConfigurationSource, paths: DoctorPaths = DoctorPaths()) {
    self.source = source
    self.paths = paths
  }

  /// Looks at everything in order. Each check is told as soon as it is done.
  public func examine(_ tell: (Check) -> Void) {
    let examination = Examination(source, paths)
    for subject in Check.Subject.allCases { tell(examination.check(subject)) }
  }
}

extension Examination {
  /// Looks at one thing.
  func check(_ subject: Check.Subject) -> Check {
    Check(subject: subject, finding: find(subject))
  }

  private func find(_ subject: Check.Subject) -> Check.Finding {
    switch subject {
    case .tunDevice: tunDevice()
    case .kernelIPv6: kernelIPv6()
    case .configuration: configurationFiles()
    case .stateDirectory: stateDirectory()
    case .identityBackup: identityBackup()
    case .hostnameFile: hostnameFile()
    case .clock: clock()
    case .socksPort: socksPort()
    case .torBootstrap: torBootstrap()
    case .onionService: onionService()
    case .secondDaemon: secondDaemon()
    case .daemon: daemonItself()
    case .room: room()
    case .published: published()
    case .loop: loop()
    case .lookup: lookup()
    case .leakGuard: leakGuard()
    case .routes: routes()
    case .mtu: mtu()
    case .forwarding: forwarding()
    case .firewall: firewall()
    case .dns: dns()
    case .networkManagers: networkManagers()
    case .congestionControl: congestionControl()
    }
  }
}
