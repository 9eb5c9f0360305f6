import OverlayCore

/// Moves packets between the device and this host's identities.
final class Pump {
  private let port: DevicePort
  private let identities: [Identity]
  private let indices: [IPv6Address: Int]
  private let deviceGone: () -> Void

  /// A pump that stands still until `start`; of its identities, at least one, the first takes what is of no other.
  /// `torChanged` tells when Tor comes into reach or goes out of it, and why; `deviceGone` that no packet will ever come
  /// from the device again.
  init(
    _ settings: [NodeSettings], device: consuming OverlayDevice, socks: SocketAddress, on loop: EventLoop, log: Log,
    torChanged: @escaping (_ isReachable: Bool, _ failure: SystemError?) -> Void, deviceGone: @escaping () -> Void
  ) {
    let port = DevicePort(device, on: loop)
    let tor = TorWatch(socks, on: loop, changed: torChanged)
    let identities = settings.map { Identity($0, at: port, through: tor, on: loop, log: log) }
    indices = Dictionary(
      zip(settings.map(\.name.address), identities.indices), uniquingKeysWith: { first, _ in first })
    self.port = port
    self.identities = identities
    self.deviceGone = deviceGone
    tor.probed = { [unowned self] isReachable in
      for identity in self.identities { identity.torProbed(isReachable: isReachable) }
    }
  }

  /// Begins to move packets.
  func start() {
    port.start(
      DevicePort.Handlers(
        received: { [unowned self] packet, offload, now in
          identity(sending: UnsafeRawBufferPointer(packet)).receive(packet, offload, at: now)
        },
        finished: { [unowned self] now in
          for identity in identities { identity.finish(at: now) }
        },
        requested: { _, _, _ in },
        happened: { [unowned self] event, now in handle(event) },
        isLive: { [unowned self] address in identities.contains { $0.isLive(address) } },
        gone: deviceGone))
    for identity in identities { identity.start() }
  }

  /// Takes a connection that somebody made to the onion service of the identity with this number.
  func accept(_ stream: consuming StreamSocket, for identity: Int) {
    identities[identity].accept(stream)
  }

  /// Takes a connection that somebody made to the onion service of the identity with this address, if there is one.
  func accept(_ stream: consuming StreamSocket, to address: IPv6Address) {
    if let index = indices[address] { identities[index].accept(stream) }
  }

  /// Takes the hosts file's names in place of those that it held before.
  func replaceHosts(with names: [OnionName]) {
    for identity in identities { identity.replaceHosts(with: names) }
  }

  /// The device carries packets of so many bytes from now on.
  func mtuChanged(to bytes: Int) {
    for identity in identities { identity.mtuChanged(to: bytes) }
  }

  /// The peers and counters, a line each.
  func report() -> [String] { identities.flatMap { $0.report() } }

  private func handle(_ event: EthernetLink.Event) {
    switch event {
    case .wanted(let address, let source): identity(source).want(address)
    case .undeliverable(let packet):
      let destination = packet.count >= IPv6Header.size ? packet.withUnsafeBytes { IPv6Address(loading: $0, at: 24) } : nil
      identity(destination ?? .unspecified).refuse(fromOverlay: packet, .unreachable)
    }
  }

  /// The identity with this address; the first one if none has it.
  private func identity(_ address: IPv6Address) -> Identity { identities[indices[address] ?? 0] }

  private func identity(sending packet: UnsafeRawBufferPointer) -> Identity {
    guard identities.count > 1, packet.count >= IPv6Header.size, packet[0] >> 4 == 6 else { return identities[0] }
    return identity(IPv6Address(loading: packet, at: 8))
  }
}
