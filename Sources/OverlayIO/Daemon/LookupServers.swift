import OverlayCore

/// The listeners at which this host tells the names of its identities to those who look them up by their addresses. The
/// onion services that lead there are `LookupPublisher`'s, where Tor has a control port, and elsewhere lines of torrc.
final class LookupServers {
  private let names: [OnionName]
  private let loop: EventLoop
  private let log: Log
  private var servers: [Int: LookupServer] = [:]

  /// Makes the listeners of the identities with these names, which begin with `apply`.
  init(of names: [OnionName], on loop: EventLoop, log: Log) {
    (self.names, self.loop, self.log) = (names, loop, log)
  }

  /// Serves what these settings say, and nothing else. If that is not possible all stays as it was.
  func apply(_ settings: DaemonSettings) throws {
    var new: [Int: LookupServer] = [:]
    for (number, name) in names.enumerated() {
      guard let address = settings.servedLookup(of: number), LookupKey(of: name.address, index: 0) != nil else {
        continue
      }
      let old = servers[number].flatMap { $0.address == address ? $0 : nil }
      new[number] = try old ?? LookupServer(address, telling: name, on: loop, log: log)
    }
    servers = new
  }
}
