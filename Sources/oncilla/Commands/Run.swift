import OverlayCore
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
  guard let daemon = Daemon(DaemonSettings(options), log: log) else {
    Console.complain("libevent finds no way to wait for events")
    return 1
  }
  return daemon.run()
}

extension DaemonSettings {
  /// The settings that the options of `oncilla run` ask for.
  fileprivate init(_ options: RunOptions) {
    self.init(
      identity: options.identity, peers: options.peers, hostsFile: options.hostsFile, socks: options.socks,
      listen: options.listen, servicePort: options.servicePort,
      interface: InterfaceSettings(
        name: options.interface, namespace: options.namespace, mtu: options.mtu, prefix: OverlayNetwork.tor.prefix,
        offload: options.offload),
      idle: .seconds(options.idle), circuitsPerPeer: options.circuits)
  }
}
