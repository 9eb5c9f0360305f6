import OverlayCore

/// Moves packets between the device and this host's identities.
final class Pump {
  private let port: DevicePort
  private let identities: [Identity]
  private let indices: [IPv6Address: Int]
  private let addressServer: AddressServer?
  private let log: Log
  private let deviceGone: () -> Void

  /// A pump that stands still until `start`. The first of its identities, which are those of `names`, takes what is of no
  /// other. `torChanged` tells when Tor comes into reach or goes out of it, and why; `deviceGone` that no packet will ever
  /// come from the device again.
  init(
    _ settings: DaemonSettings, as names: [OnionName], device: consuming TunnelDevice, on loop: EventLoop, log: Log,
    torChanged: @escaping (_ isReachable: Bool, _ failure: SystemError?) -> Void, deviceGone: @escaping () -> Void
  ) throws(SystemError) {
    let addresses = names.map(\.address)
    let isOffloading = device.isOffloading
    let state = StateDirectory(settings.stateDirectory, log: log)
    let station = settings.mode == .tap ? state.macAddress() : nil
    let port = try DevicePort(
      OverlayDevice(device, link: settings.link(for: addresses, station: station)), on: loop)
    let tor = TorWatch(settings.socks, on: loop, changed: torChanged)
    let circuitLimit = DescriptorLimit.raise(for: settings.identities)
    let siblings = Set(addresses)
    let identities = try names.enumerated().map { number, name throws(SystemError) in
      let node = settings.node(
        name, isFirst: number == 0, beside: siblings, isOffloading: isOffloading, circuitLimit: circuitLimit)
      return try Identity(node, at: port, through: tor, on: loop, log: log)
    }
    indices = Dictionary(zip(addresses, identities.indices), uniquingKeysWith: { first, _ in first })
    addressServer = try station.flatMap { settings.addressService(for: addresses, station: $0) }.map {
      service throws(SystemError) in try AddressServer(service, at: port, keepingIn: state, on: loop, log: log)
    }
    self.port = port
    self.log = log
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
        readable: { [unowned self] now in drain(at: now) },
        requested: { [unowned self] packet, station, now in addressServer?.answer(packet, from: station, at: now) },
        happened: { [unowned self] event, _ in handle(event) },
        isLive: { [unowned self] address in identities.contains { $0.isLive(address) } },
        gone: deviceGone))
    for identity in identities { identity.start() }
  }

  /// Takes a connection that somebody made to the onion service of the identity with this number.
  func accept(_ stream: EventSource<StreamSocket>, for identity: Int) {
    identities[identity].accept(stream)
  }

  /// Takes a connection that somebody made to the onion service of the identity with this address, if there is one.
  func accept(_ stream: EventSource<StreamSocket>, to address: IPv6Address) {
    if let index = indices[address] { identities[index].accept(stream) }
  }

  /// Takes the hosts file's names in place of those that it held before.
  func replaceHosts(with names: [OnionName]) {
    let hosts = HostNames(names)
    for identity in identities { identity.replaceHosts(with: hosts) }
  }

  /// The device carries packets of so many bytes from now on.
  func mtuChanged(to bytes: Int) {
    port.device.link?.mtuChanged(to: bytes)
    addressServer?.mtuChanged(to: bytes)
    for identity in identities { identity.mtuChanged(to: bytes) }
  }

  /// The peers and counters, a line each.
  func report() -> [String] {
    var lines = identities.flatMap { $0.report() }
    if let link = port.device.link?.counters { lines.append("link counters: \(link.summary)") }
    if let addressServer { lines.append(addressServer.report) }
    return lines
  }

  /// Gives a batch of the device's packets to the identities that send them, as many as one write takes, so that none is
  /// left for a write of its own. It ends early where an identity wants the device to wait: so many super-packets are more
  /// than a circuit's queue holds.
  private func drain(at now: Instant) {
    let (port, identities) = (port, identities)
    var isAny = false
    reading: for _ in 0..<WriteRuns.batchPackets {
      switch port.next(at: now) {
      case .nothing: break reading
      case .consumed: break
      case .packet(let packet, let offload):
        isAny = true
        let sender = sender(of: packet)
        sender.receive(packet, offload, at: now)
        if sender.wantsDeviceToWait { break reading }
      }
    }
    guard isAny else { return }
    for identity in identities { identity.finish(at: now) }
  }

  private func handle(_ event: EthernetLink.Event) {
    switch event {
    case .wanted(let address, let source):
      // A kernel that makes sure of a neighbour asks from its link-local address, which does not tell for whom: another
      // identity that dialled the same peer in that moment would show that they belong together.
      if identities.count == 1 || indices[source] != nil { identity(source).want(address) }
    case .undeliverable(let packet):
      packet.withUnsafeBytes { identity(in: $0, at: Pump.destinationOffset) }.refuse(fromOverlay: packet, .unreachable)
    case .misplaced(let host):
      log.warning(
        "a host of the LAN has \(host), which a --route leads to a peer: --serve the LAN's own prefix, or what its hosts "
          + "send each other may go there")
    }
  }

  /// The identity with this address; the first one if none has it.
  private func identity(_ address: IPv6Address) -> Identity { identities[indices[address] ?? 0] }

  private func sender(of packet: UnsafeMutableRawBufferPointer) -> Identity {
    identity(in: UnsafeRawBufferPointer(packet), at: Pump.sourceOffset)
  }

  /// The identity whose address stands in the header of an IPv6 packet; the first one for any other packet.
  private func identity(in packet: UnsafeRawBufferPointer, at offset: Int) -> Identity {
    guard identities.count > 1, packet.count >= IPv6Header.size, packet[0] >> 4 == 6 else { return identities[0] }
    return identity(IPv6Address(loading: packet, at: offset))
  }

  private static let sourceOffset = 8
  private static let destinationOffset = 24
}
