import Glibc
import OverlayCore

/// A watch of the operator's hosts file, which is read at start, whenever it changes, and when asked to.
final class HostsWatch {
  private let path: String
  private let servicePort: UInt16
  private let log: Log
  private let changed: (_ names: [OnionName]) -> Void
  private var changes: FileChanges?
  /// Whether the file, as it was last read, has names.
  private(set) var hasNames = false
  // Whether the file is read again soon, which is told once.
  private var isWaiting = false

  /// Makes a watch of the file at `path`, which need not exist. `changed` gets all its names each time it was read.
  init(
    _ path: String, servicePort: UInt16, on loop: EventLoop, log: Log, changed: @escaping (_ names: [OnionName]) -> Void
  ) throws(SystemError) {
    self.path = path
    self.servicePort = servicePort
    self.log = log
    self.changed = changed
    changes = try FileChanges(of: path, on: loop, log: log) { [unowned self] in read() }
    read()
  }

  /// Reads the file. If it cannot be read, its last names stay.
  func read() {
    do throws(SystemError) {
      let hosts = HostsFile(
        parsing: try readFile(path, limit: HostsFile.mostBytes), servicePort: servicePort)
      for line in hosts.problems.report(of: path) { log.warning(line) }
      let dead = hosts.names.count(where: \.isVersion2)
      if dead > 0 {
        log.warning("\(path): \(dead) of \(hosts.names.count) names are of version 2, which today's Tor does not serve")
      }
      log.info("\(path): \(hosts.names.count) names read")
      changed(hosts.names)
      hasNames = !hosts.names.isEmpty
      isWaiting = false
    } catch {
      if error.isShortage {
        if !isWaiting { log.warning("the hosts file cannot be read for now, and is tried again each second: \(error)") }
        isWaiting = true
        changes?.repeatLater()
      } else if hasNames {
        log.warning("the hosts file cannot be read, and the names that it held stay: \(error)")
      } else if error.number == ENOENT {
        let directory = missingDirectory(of: path)
        log.write(
          directory == nil ? .notice : .warning,
          "\(path) is not there yet\(directory.map { ", nor is its directory \($0)" } ?? "")")
      } else {
        log.warning("the hosts file cannot be read: \(error)")
      }
    }
  }
}
