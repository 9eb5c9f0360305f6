import OverlayCore

/// A watch of Tor's `hostname` file. It waits until the file holds the host's name, and then for another name.
final class HostnameWatch {
  private let path: String
  private let servicePort: UInt16
  private let log: Log
  private let found: (_ name: OnionName) -> Void
  private let failed: (HostnameFileError) -> Void
  private var changes: FileChanges?
  private var name: OnionName?
  private var hasSaidWaiting = false
  private var isOutdated = false

  /// Makes a watch of the file at `path`, which need not exist. `found` gets the name, once. `failed` is told why the
  /// file will never give one.
  init(
    _ path: String, servicePort: UInt16, on loop: EventLoop, log: Log, found: @escaping (_ name: OnionName) -> Void,
    failed: @escaping (HostnameFileError) -> Void
  ) throws(SystemError) {
    self.path = path
    self.servicePort = servicePort
    self.log = log
    self.found = found
    self.failed = failed
    // The watch begins before the file is read, so that it cannot appear unseen.
    changes = try FileChanges(of: path, on: loop, log: log) { [unowned self] in read() }
  }

  /// Reads the file.
  func read() {
    do throws(HostnameFileError) {
      let name = try HostnameFile.read(path, servicePort: servicePort)
      guard let own = self.name else {
        self.name = name
        return found(name)
      }
      compare(name, with: own)
    } catch {
      // Tor, and whoever restores a backup, may take the file away for a moment.
      if case .unreadable(let cause) = error, cause.isShortage { changes?.repeatLater() }
      guard name == nil else { return log.info("\(error): this host keeps the name that it began with") }
      guard error.mayResolve else { return failed(error) }
      if !hasSaidWaiting { log.notice("waiting for Tor to write \(path)\(directoryAdvice)") }
      hasSaidWaiting = true
    }
  }

  private func compare(_ name: OnionName, with own: OnionName) {
    guard (name != own) != isOutdated else { return }
    isOutdated = name != own
    if isOutdated {
      log.warning(
        "\(path) holds another name now, whose address is \(name.address): this host stays \(own.address), which its "
          + "onion service may be no more, until oncilla is started again")
    } else {
      log.notice("\(path) holds this host's name again")
    }
  }

  private var directoryAdvice: String {
    missingDirectory(of: path).map { "; its directory \($0) is not there yet: HiddenServiceDir in torrc makes it" }
      ?? ""
  }
}
