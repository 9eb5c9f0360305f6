extension Node {
  /// Takes a packet that this host sends, or one behind it; `offload` says what the kernel left to be done to it. Its hop
  /// limit stays as it is: the kernels on either side, which forward it, count.
  public mutating func receive<Device: PacketSink & ~Copyable>(
    fromDevice packet: UnsafeMutableRawBufferPointer, _ offload: OffloadHeader = .none, at now: Instant,
    device: inout Device
  ) {
    guard let view = PacketView(packet) else {
      let isUncarried =
        !settings.carriesIPv4 && offload == .none && packet.count >= IPv4Header.size && packet[0] >> 4 == 4
      counters[isUncarried ? .ipv4 : .malformed] += 1
      return
    }
    guard let offload = ChecksumCompletion.prepare(view, offload) else {
      counters[.malformed] += 1
      return
    }
    guard !view.isIPv4 || settings.carriesIPv4 else {
      counters[.ipv4] += 1
      return
    }
    follow(router.route(view), view, offload, at: now, device: &device)
  }

  private mutating func follow<Device: PacketSink & ~Copyable>(
    _ decision: Router.Decision, _ packet: PacketView, _ offload: OffloadHeader,
    at now: Instant, device: inout Device
  ) {
    switch decision {
    case .peer(let address):
      if let circuit = circuit(to: address) {
        if circuits[circuit].unansweredSince == nil { awaitAnswer(on: circuit, at: now) }
        enqueue(packet, offload, on: circuit, at: now)
      } else if let name = names.name(of: address) {
        send(packet, offload, to: name, at: now, device: &device)
      } else {
        counters[.unknownName] += 1
        tellUnknown(address, at: now)
        refuse(packet, .addressUnreachable, at: now, device: &device)
      }
    case .selfCall:
      if let circuit = circuit(to: OverlayNetwork.tor.circuitResponder) {
        enqueue(packet, offload, on: circuit, at: now)
      } else {
        send(packet, offload, to: settings.name, at: now, device: &device)
      }
    case .reflect:
      reflect(packet, offload, device: &device)
    case .foreign:
      guard names.name(of: packet.source) == nil, dialled[packet.source] == nil else {
        counters[.returned] += 1
        return
      }
      counters[.foreignSource] += 1
      refuse(packet, .prohibited, at: now, device: &device)
    case .refuse(let code, let counter):
      counters[counter] += 1
      refuse(packet, code, at: now, device: &device)
    case .drop(let counter):
      counters[counter] += 1
    }
  }

  /// Tells that nobody knows the name of an address, once for each: at most `mostUnknownTold` of them, and then anew, at
  /// most one a second in the long run.
  private mutating func tellUnknown(_ address: IPv6Address, at now: Instant) {
    guard !unknownTold.contains(address), unknownLogLimit.take(at: now) else { return }
    if unknownTold.count == Node.mostUnknownTold { unknownTold = [] }
    unknownTold.insert(address)
    tell(.unknownName(address))
  }

  /// How many addresses without a known name are remembered.
  static let mostUnknownTold = 256

  /// The circuit that leads to an address; the last one that was asked for is at hand.
  mutating func circuit(to address: IPv6Address) -> CircuitIdentifier? {
    if let last = lastDialled, last.address == address, circuits.contains(last.circuit) { return last.circuit }
    guard let circuit = dialled[address] else { return nil }
    lastDialled = (address, circuit)
    return circuit
  }

  mutating func reflect<Device: PacketSink & ~Copyable>(
    _ packet: PacketView, _ offload: OffloadHeader, device: inout Device
  ) {
    counters[.reflected] += 1
    Reflection.of(packet) { if !device.deliver($0, offload) { counters[.deviceRefused] += 1 } }
  }

  private mutating func send<Device: PacketSink & ~Copyable>(
    _ packet: PacketView, _ offload: OffloadHeader, to name: OnionName, at now: Instant,
    device: inout Device
  ) {
    if let circuit = dial(name, at: now) {
      enqueue(packet, offload, on: circuit, at: now)
    } else {
      hasten(name, at: now)
      refuse(packet, .addressUnreachable, at: now, device: &device)
    }
  }
}
