import OverlayCore

/// The identity whose onion service Tor makes for us over its control port (`publish = tor`). Its key is kept in the
/// state directory unless it is ephemeral; then its name is known at once, whether Tor is there or not.
final class PublishedIdentity {
  private let store: IdentityStore
  private let isEphemeral: Bool
  private let log: Log
  private let found: (OnionName) -> Void
  private let failed: (_ reason: String) -> Void
  private var port: TorControlPort?
  // The keys of this host itself, which finds its own private service, too.
  private let ownSecret: [UInt8]?
  private var name: OnionName?

  /// What is known of Tor.
  var state: TorState { port?.state ?? TorState() }

  /// Makes the identity, which does nothing before `start`. `found` gets its name, once; `failed` is told why there will
  /// be none; `changed` gets each change of what is known of Tor.
  init(
    _ settings: DaemonSettings, control: SocketAddress, listen: SocketAddress, on loop: EventLoop, log: Log,
    found: @escaping (OnionName) -> Void, failed: @escaping (_ reason: String) -> Void,
    changed: @escaping (TorState) -> Void
  ) throws {
    store = IdentityStore(in: settings.stateDirectory)
    isEphemeral = settings.isEphemeral
    (self.log, self.found, self.failed) = (log, found, failed)
    if !control.isLoopback, listen.isLoopback {
      log.warning(
        "the Tor at \(control) connects to \(listen) of its own machine: --listen an address of this host that it reaches"
      )
    }
    ownSecret = settings.isPrivate ? PublishedIdentity.makeSecret() : nil
    let kept = isEphemeral ? nil : try store.read()
    name = kept?.name
    let service = TorService(
      number: 0, port: settings.servicePort, target: listen.fromThisHost.description, key: kept?.key, name: kept?.name,
      clients: clients(settings))
    guard let service else { return }
    port = try TorControlPort(
      control, services: [service], on: loop, log: log,
      added: { [unowned self] _, name, key in added(name, key) }, changed: changed)
    if let name { authorizeOwn(name) }
    for key in settings.peerKeys { port?.authorize(key) }
  }

  /// Lets those of the settings find the service, and Tor find the services of private peers.
  func use(_ settings: DaemonSettings, inPlaceOf old: DaemonSettings) {
    if settings.isPrivate { port?.close(0, toAllBut: clients(settings)) }
    port?.replaceKeys(old.peerKeys, by: settings.peerKeys)
  }

  private func clients(_ settings: DaemonSettings) -> [TorClientPublicKey] {
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

  /// Tells the name, if it is known, and has Tor publish it.
  func start() {
    if let name { found(name) }
    port?.start()
  }

  private func added(_ name: OnionName, _ newKey: TorServiceKey?) {
    guard self.name == nil else { return }
    if let newKey, !isEphemeral {
      // A name that somebody was told is not to be lost: it is kept before anybody is.
      do throws(IdentityFiles.Failure) {
        try store.keep(StoredIdentity(name: name, key: newKey))
      } catch {
        return failed(
          "the key of this host's new name cannot be kept, and the name would be lost: \(error); --state-dir and "
            + "--ephemeral are accepted")
      }
      log.notice(
        "Tor has made this host's onion service; its key is \(store.path): 'oncilla identity backup FILE' keeps a copy")
    }
    self.name = name
    authorizeOwn(name)
    found(name)
  }
}

extension SocketAddress {
  /// The address at which a program of this host reaches the listener there.
  fileprivate var fromThisHost: SocketAddress {
    switch self {
    case .ipv4(let address, let port) where address.value == 0: .ipv4(.loopback, port: port)
    case .ipv6(let address, let port) where address == .unspecified: .ipv6(IPv6Address(high: 0, low: 1), port: port)
    default: self
    }
  }
}
