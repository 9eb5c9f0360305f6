import OverlayCore

/// The onion services by which Tor's directory finds this host's identities by their addresses, where Tor has a control
/// port. Their keys follow from the addresses: nobody has to be asked for one.
final class LookupPublisher {
  private let names: [OnionName]
  private let port: TorControlPort
  private var settings: DaemonSettings
  // Where the onion services of an identity lead to.
  private var targets: [Int: SocketAddress] = [:]
  // The numbers of the onion services that Tor was told.
  private var told: Set<Int> = []
  // The greatest index that is served of each identity.
  private var greatest: [Int: UInt8] = [:]

  /// Has Tor serve those of the identities with these names that the settings say.
  init(of names: [OnionName], at port: TorControlPort, _ settings: DaemonSettings) {
    (self.names, self.port, self.settings) = (names, port, settings)
    apply(settings)
  }

  /// Has Tor serve what these settings say, and nothing else.
  func apply(_ settings: DaemonSettings) {
    self.settings = settings
    for number in names.indices {
      let target = settings.servedLookup(of: number)
      if targets[number] != target { end(number) }
      targets[number] = target
      if target == nil { greatest[number] = nil }
    }
    tellTor()
  }

  /// Serves the identity with this number by all indices up to this one.
  func serve(upTo index: UInt8, of number: Int) {
    greatest[number] = max(index, greatest[number, default: 0])
    tellTor()
  }

  /// The lookup name with this index of the identity with this number; `nil` if there is no such identity.
  func lookupName(_ index: UInt8, of number: Int) -> OnionName? {
    names.indices.contains(number) ? LookupKey(of: names[number].address, index: index)?.name : nil
  }

  private func end(_ number: Int) {
    for index in LookupKey.indices {
      let service = LookupPublisher.number(of: number, index)
      if told.remove(service) != nil { port.remove(service) }
    }
  }

  private func tellTor() {
    for (number, target) in targets.sorted(by: { $0.key < $1.key }) {
      for index in 0...greatest[number, default: 0] {
        let service = LookupPublisher.number(of: number, index)
        guard !told.contains(service), let key = LookupKey(of: names[number].address, index: index),
          let made = TorService(
            number: service, port: settings.servicePort, target: target.fromThisHost.description, key: key.key,
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
