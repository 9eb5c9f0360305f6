import OverlayIO

/// Runs the daemon until it is told to stop or cannot go on; the process's exit status.
func runDaemon(_ options: RunOptions) -> Int32 {
  let log: Log
  do throws(SystemError) {
    log = try Log(level: options.logLevel, target: options.logTarget)
  } catch {
    Console.complain("--log: \(error)")
    return 1
  }
  guard let daemon = Daemon(options.daemon, log: log) else {
    Console.complain("libevent finds no way to wait for events")
    return 1
  }
  return daemon.run()
}
