extension Node {
  /// Takes a packet that this host sends, or one behind it; `offload` says what the kernel left to be done to it. Its hop
  /// limit stays as it is: the kernels on either side, which forward it, count.
  public mutating func receive<Device: PacketSink & ~Copyable>(
    fromDevice packet: UnsafeMutableRawBufferPointer, _ offload: OffloadHeader = .none, at now: Instant,
    device: inout Device
  ) {
    let bytes = UnsafeRawBufferPointer(packet)
    guard let offload = ChecksumCompletion.prepare(packet, offload) else {
      counters[.malformed] += 1
      return
    }
    if let header = IPv6Header(bytes) {
      follow(router.route(header), packet, offload, at: now, device: &device)
    } else if !settings.carriesIPv4, bytes.count >= IPv4Header.size, bytes[0] >> 4 == 4 {
      counters[.ipv4] += 1
    } else if settings.carriesIPv4, let header = IPv4Header(bytes) {
      follow(router.route(header), packet, offload, at: now, device: &device)
    } else {
      counters[.malformed] += 1
    }
  }

  private mutating func follow<Device: PacketSink & ~Copyable>(
    _ decision: Router.Decision, _ packet: UnsafeMutableRawBufferPointer, _ offload: OffloadHeader,
    at now: Instant, device: inout Device
  ) {
    let bytes = UnsafeRawBufferPointer(packet)
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
        refuse(bytes, .addressUnreachable, at: now, device: &device)
      }
    case .selfCall:
      if let circuit = circuit(to: OverlayNetwork.tor.circuitResponder) {
        enqueue(packet, offload, on: circuit, at: now)
      } else {
        send(packet, offload, to: settings.name, at: now, device: &device)
      }
    case .reflect:
      reflect(bytes, offload, device: &device)
    case .foreign:
      let source = IPv6Address(loading: bytes, at: 8)
      guard names.name(of: source) == nil, dialled[source] == nil else {
        counters[.returned] += 1
        return
      }
      counters[.foreignSource] += 1
      refuse(bytes, .prohibited, at: now, device: &device)
    case .refuse(let code, let counter):
      counters[counter] += 1
      refuse(bytes, code, at: now, device: &device)
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
    _ packet: UnsafeRawBufferPointer, _ offload: OffloadHeader, device: inout Device
  ) {
    counters[.reflected] += 1
    Reflection.of(packet) { if !device.deliver($0, offload) { counters[.deviceRefused] += 1 } }
  }

  private mutating func send<Device: PacketSink & ~Copyable>(
    _ packet: UnsafeMutableRawBufferPointer, _ offload: OffloadHeader, to name: OnionName, at now: Instant,
    device: inout Device
  ) {
    if let circuit = dial(name, at: now) {
      enqueue(packet, offload, on: circuit, at: now)
    } else {
      hasten(name, at: now)
      refuse(UnsafeRawBufferPointer(packet), .addressUnreachable, at: now, device: &device)
    }
  }
}
