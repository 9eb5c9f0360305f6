import OverlayCore
import OverlayIO

/// Runs the daemon until it is told to stop or cannot go on; the process's exit status.
func runDaemon(_ options: RunOptions) -> Int32 {
  do {
    let log = try Log(level: options.logLevel, target: options.logTarget)
    guard let daemon = Daemon(try DaemonSettings(options), log: log) else {
      Console.complain("libevent finds no way to wait for events")
      return 1
    }
    return daemon.run()
  } catch {
    Console.complain("\(error)")
    return 1
  }
}

extension DaemonSettings {
  /// The settings that the options of `oncilla run` ask for.
  fileprivate init(_ options: RunOptions) throws(PrivilegeError) {
    let identity: Identity =
      switch options.identity {
      case .name(let name, _): .name(name)
      case .hostnameFile(let path): .hostnameFile(path)
      }
    self.init(
      identity: identity, peers: options.peers, hostsFile: options.hostsFile, socks: options.socks,
      listen: options.listen, servicePort: options.servicePort,
      interface: try InterfaceSettings(
        name: options.interface, namespace: options.namespace, mtu: options.mtu, prefix: OverlayNetwork.tor.prefix,
        offload: options.offload),
      idle: .seconds(options.idle), circuitsPerPeer: options.circuits)
  }
}
