import OverlayIO

/// Runs the daemon until it is told to stop or cannot go on; the process's exit status.
func runDaemon(_ configuration: Configuration, from source: ConfigurationSource) -> Int32 {
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
  guard let daemon = Daemon(configuration, from: source, log: log) else {
    Console.complain("libevent finds no way to wait for events")
    return 1
  }
  return daemon.run()
}
