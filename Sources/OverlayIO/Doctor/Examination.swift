import OverlayCore

/// What the checks know of the host and of the daemon that is to run on it.
struct Examination {
  /// The daemon's instance.
  let instance: Instance
  /// The files of the system.
  let paths: DoctorPaths
  /// The configuration, or what is wrong with it.
  let configuration: Result<Configuration, SettingError>
  /// What the daemon is told; `nil` if the configuration is wrong. If it only lacks who this host is, there are no
  /// identities.
  let settings: DaemonSettings?
  /// The service that would run the daemon.
  let unit: ServiceUnit
  /// Whether the daemon runs.
  let running: RunningDaemon
  /// The user that the daemon runs as.
  let user: DaemonUser
  /// Why the interface's namespace cannot be entered; `nil` if it can.
  let namespaceFailure: PrivilegeError?

  /// Reads the configuration and the service's unit.
  init(_ source: ConfigurationSource, _ paths: DoctorPaths) {
    instance = source.instance
    self.paths = paths
    configuration = Examination.load(source)
    settings = Examination.settings(configuration, source)
    unit = ServiceUnit(of: source.instance, in: paths)
    running = RunningDaemon(at: DaemonPlaces(source).control)
    user = running.user(in: paths) ?? DaemonUser(of: unit, in: paths)
    namespaceFailure = Examination.failure(of: settings?.interface.namespace)
  }

  private static func load(_ source: ConfigurationSource) -> Result<Configuration, SettingError> {
    do throws(SettingError) {
      return .success(try source.load())
    } catch {
      return .failure(error)
    }
  }

  /// The settings of a configuration that may lack who this host is: the rest can be looked at all the same.
  private static func settings(
    _ configuration: Result<Configuration, SettingError>, _ source: ConfigurationSource
  ) -> DaemonSettings? {
    switch configuration {
    case .success(let configuration): return configuration.settings.daemon
    case .failure(.unnamed), .failure(.nameless):
      var options = source.options
      guard let onion = Setting.all.first(where: { $0.name == "onion" }),
        (try? options.add(onion, GivenValue(OverlayNetwork.placeholder, from: .table("onion")))) != nil
      else { return nil }
      let named = ConfigurationSource(
        source.instance, file: source.file, options: options, directory: source.directory)
      var settings = (try? named.load())?.settings.daemon
      settings?.identities = []
      return settings
    case .failure: return nil
    }
  }

  private static func failure(of namespace: NamespaceName?) -> PrivilegeError? {
    do throws(PrivilegeError) {
      try NetworkNamespace.run(in: namespace) { () throws(PrivilegeError) in }
      return nil
    } catch {
      return error
    }
  }

  /// Does `body` with the settings, and in the interface's network namespace. Without either there is no ground to
  /// stand on.
  func inNamespace(_ body: (DaemonSettings) -> Check.Finding) -> Check.Finding {
    guard let settings else { return .skipped(noConfiguration) }
    if namespaceFailure != nil { return .skipped("the network namespace of the interface cannot be entered") }
    do throws(PrivilegeError) {
      return try NetworkNamespace.run(in: settings.interface.namespace) { () throws(PrivilegeError) in body(settings) }
    } catch {
      return .skipped("\(error)")
    }
  }

  /// Why what needs the configuration is not looked at.
  var noConfiguration: String {
    isConfigurationHidden ? "it takes the configuration, which this user may not read" : "the configuration is wrong"
  }

  /// Whether this user may not read the configuration.
  var isConfigurationHidden: Bool {
    if case .failure(.unreadable(let error)) = configuration { error.isDenied } else { false }
  }

  /// The names of this host's identities, as far as they can be known now.
  var names: [OnionName] {
    guard let settings else { return [] }
    return settings.identities.compactMap { identity in
      switch identity.name {
      case .onion(let name): name
      case .hostnameFile(let path):
        (try? HostnameFile.read(path, servicePort: settings.servicePort))
          ?? unit.source(ofCredential: path).flatMap {
            try? HostnameFile.read(paths($0), servicePort: settings.servicePort)
          }
      case .madeByTor(let label): settings.stateDirectory.flatMap { try? IdentityStore(in: $0, label).read() }?.name
      }
    }
  }

  /// Whether the doctor may look at everything.
  var isRoot: Bool { SystemCall.user == 0 }
}

extension OverlayNetwork {
  /// A name that stands for one that is not known. Nobody has it.
  fileprivate static let placeholder = "aaaaaaaaaaaaaaaa"
}
