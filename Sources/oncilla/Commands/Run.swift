import OverlayIO

/// Runs the daemon until it is told to stop or cannot go on; the process's exit status.
func runDaemon(_ configuration: Configuration, from source: ConfigurationSource, helper arguments: [String]) -> Int32 {
  let settings = configuration.settings
  let log: Log
  do throws(SystemError) {
    log = try Log(level: settings.logLevel, advised: source.instance.advised, target: settings.logTarget)
  } catch {
    var directory: String?
    if case .file(let path) = settings.logTarget { directory = missingDirectory(of: path) }
    Console.complain("--log: \(error)\(directory.map { "; its directory \($0) is not there" } ?? "")")
    return error.isDenied ? 4 : 1
  }
  for file in configuration.files { log.info("configuration: \(file)") }
  for line in configuration.warnings { log.warning(line) }
  guard let daemon = Daemon(configuration, from: source, helper: arguments, log: log) else {
    Console.complain("libevent finds no way to wait for events")
    return 1
  }
  return daemon.run()
}

/// Runs a process of the daemon's, which the daemon alone starts: with the name of the instance, empty for the standard
/// one, and the options of `oncilla run`; the process's exit status.
func runHelper(_ arguments: [String], by run: (ConfigurationSource) -> Int32) -> Int32 {
  let name = arguments.first ?? ""
  let instance = name.isEmpty ? Instance.standard : try? Instance(name)
  guard let instance, let source = try? RunOptions.source(arguments.dropFirst(), for: instance) else { return 2 }
  return run(source)
}
