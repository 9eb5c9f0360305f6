import OverlayCore

/// The identities whose onion services Tor makes for us over its control port (`publish = tor`), the host's own first.
/// Their keys are kept in the state directory, a file each, unless they are ephemeral; then the names are known at
/// once, whether Tor is there or not.
final class PublishedIdentities {
  private let stores: [IdentityStore?]
  private let log: Log
  private let found: ([OnionName]) -> Void
  private let failed: (_ reason: String) -> Void
  private var port: TorControlPort?
  // The keys of this host itself, which finds its own private service, too.
  private let ownSecret: [UInt8]?
  private var names: [OnionName?]
  /// What Tor is to have.
  let services: [TorService]

  /// Makes the identities, which do nothing before `start`. `found` gets their names, once and all together; `failed`
  /// is told why there will be none.
  init(
    _ settings: DaemonSettings, log: Log, found: @escaping ([OnionName]) -> Void,
    failed: @escaping (_ reason: String) -> Void
  ) throws(IdentityFiles.Failure) {
    (self.log, self.found, self.failed) = (log, found, failed)
    let secret = settings.isPrivate ? PublishedIdentities.makeSecret() : nil
    ownSecret = secret
    var stores: [IdentityStore?] = []
    var services: [TorService] = []
    for (number, identity) in settings.identities.enumerated() {
      guard case .madeByTor(let label) = identity.name, let listen = identity.listen.first else { continue }
      if let control = settings.torControl, !control.isLoopback, listen.isLoopback {
        log.warning(
          "the Tor at \(control) connects to \(listen) of its own machine: --listen an address of this host that it "
            + "reaches")
      }
      let store = settings.isEphemeral ? nil : settings.stateDirectory.map { IdentityStore(in: $0, label) }
      let kept = try store?.read()
      let service = TorService(
        number: number, port: settings.servicePort, target: listen.fromThisHost.description, key: kept?.key,
        name: kept?.name, clients: PublishedIdentities.clients(settings, secret))
      guard let service else { continue }
      stores.append(store)
      services.append(service)
    }
    (self.stores, self.services) = (stores, services)
    names = services.map(\.name)
  }

  /// Lets those of the settings find the host's own service.
  func use(_ settings: DaemonSettings) {
    if settings.isPrivate { port?.close(0, toAllBut: PublishedIdentities.clients(settings, ownSecret)) }
  }

  private static func clients(_ settings: DaemonSettings, _ ownSecret: [UInt8]?) -> [TorClientPublicKey] {
    let own = ownSecret.flatMap { X25519.publicKey(of: $0) }.flatMap { TorClientPublicKey($0) }
    let invited = settings.invited.sorted { $0.key.description < $1.key.description }.map(\.value)
    return own.map { [$0] + invited } ?? []
  }

  private func authorizeOwn(_ name: OnionName) {
    if let ownSecret, let key = TorClientKey(ownSecret, for: name) { port?.authorize(key) }
  }

  private static func makeSecret() -> [UInt8] {
    var generator = SystemRandomNumberGenerator()
    return X25519.makeSecret(using: &generator)
  }

  /// Tells the names, if all are known, and has Tor publish them at this control port, which was made with `services`.
  func start(at port: TorControlPort) {
    self.port = port
    for name in names.compactMap(\.self) { authorizeOwn(name) }
    if let names = names.whole { found(names) }
    port.start()
  }

  /// Notes that Tor has the service of this number, with the key if Tor has just made it.
  func added(_ number: Int, _ name: OnionName, _ newKey: TorServiceKey?) {
    guard names.indices.contains(number), names[number] == nil else { return }
    if let newKey, let store = stores[number] {
      // A name that somebody was told is not to be lost: it is kept before anybody is.
      do throws(IdentityFiles.Failure) {
        if try store.read() != nil {
          return failed(
            "\(store.path) is the key of another name, which another daemon keeps there since this one was started: a "
              + "--state-dir of each daemon's own is accepted")
        }
        try store.keep(StoredIdentity(name: name, key: newKey))
      } catch {
        return failed(
          "the key of this host's new name cannot be kept, and the name would be lost: \(error); --state-dir and "
            + "--ephemeral are accepted")
      }
      let what = store.label.map { "the onion service of the identity \($0)" } ?? "this host's onion service"
      log.notice("Tor has made \(what); its key is \(store.path): 'oncilla identity backup FILE' keeps a copy")
    }
    names[number] = name
    authorizeOwn(name)
    if let names = names.whole { found(names) }
  }
}

extension [OnionName?] {
  /// All of them; `nil` if one is missing.
  fileprivate var whole: [OnionName]? { contains(nil) ? nil : compactMap(\.self) }
}

extension SocketAddress {
  /// The address at which a program of this host reaches the listener there.
  var fromThisHost: SocketAddress {
    switch self {
    case .ipv4(let address, let port) where address.value == 0: .ipv4(.loopback, port: port)
    case .ipv6(let address, let port) where address == .unspecified: .ipv6(IPv6Address(high: 0, low: 1), port: port)
    default: self
    }
  }
}
