import OverlayCore

/// The lookup services by which Tor's directory finds this host's identities by their addresses: a listener for each,
/// and the onion services that lead there, where Tor has a control port. Elsewhere they are lines of torrc.
final class LookupServices {
  private let names: [OnionName]
  private let loop: EventLoop
  private let log: Log
  private var port: TorControlPort?
  private var servicePort = OverlayNetwork.servicePort
  private var servers: [Int: LookupServer] = [:]
  // The numbers of the onion services that Tor was told.
  private var told: Set<Int> = []
  // The greatest index that is served of each identity.
  private var greatest: [Int: UInt8] = [:]

  /// Makes the services of the identities with these names, which begin with `apply`.
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
    servicePort = settings.servicePort
    for (number, server) in servers where new[number] !== server { end(number) }
    for number in names.indices where new[number] == nil { greatest[number] = nil }
    servers = new
    tellTor()
  }

  /// Has Tor serve them at this control port.
  func use(_ port: TorControlPort?) {
    self.port = port
    tellTor()
  }

  /// Serves the identity with this number by all indices up to this one.
  func serve(upTo index: UInt8, of number: Int) {
    greatest[number] = max(index, greatest[number, default: 0])
    tellTor()
  }

  private func end(_ number: Int) {
    for index in LookupKey.indices {
      let service = LookupServices.number(of: number, index)
      if told.remove(service) != nil { port?.remove(service) }
    }
  }

  private func tellTor() {
    guard let port else { return }
    for (number, server) in servers.sorted(by: { $0.key < $1.key }) {
      for index in 0...greatest[number, default: 0] {
        let service = LookupServices.number(of: number, index)
        guard !told.contains(service), let key = LookupKey(of: names[number].address, index: index),
          let made = TorService(
            number: service, port: servicePort, target: server.address.fromThisHost.description, key: key.key,
            name: key.name, purpose: .lookup(of: names[number].address))
        else { continue }
        told.insert(service)
        port.add(made)
      }
    }
  }

  /// The number of an onion service at the control port, where the services for circuits have those before.
  private static func number(of identity: Int, _ index: UInt8) -> Int {
    DaemonSettings.mostIdentities + identity * LookupKey.indices.count + Int(index)
  }
}
