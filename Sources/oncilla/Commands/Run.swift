import OverlayIO

/// Runs the daemon until it is told to stop or cannot go on; the process's exit status.
func runDaemon(_ options: RunOptions) -> Int32 {
  let log: Log
  do throws(SystemError) {
    log = try Log(level: options.logLevel, target: options.logTarget)
  } catch {
    var directory: String?
    if case .file(let path) = options.logTarget { directory = missingDirectory(of: path) }
    Console.complain("--log: \(error)\(directory.map { "; its directory \($0) is not there" } ?? "")")
    return 1
  }
  guard let daemon = Daemon(options.daemon, log: log) else {
    Console.complain("libevent finds no way to wait for events")
    return 1
  }
  return daemon.run()
}
