extension Node {
  /// Takes a packet that this host sends; `offload` says what the kernel left to be done to it.
  public mutating func receive<Device: PacketSink & ~Copyable>(
    fromDevice packet: UnsafeMutableRawBufferPointer, _ offload: OffloadHeader = .none, at now: Instant,
    device: inout Device
  ) {
    guard let header = IPv6Header(UnsafeRawBufferPointer(packet)) else {
      counters[.malformed] += 1
      return
    }
    switch router.route(header) {
    case .peer(let address):
      if let circuit = circuit(to: address) {
        enqueue(packet, offload, on: circuit, at: now)
      } else if let name = names.name(of: address) {
        send(packet, offload, to: name, at: now, device: &device)
      } else {
        counters[.unknownName] += 1
        refuse(UnsafeRawBufferPointer(packet), .addressUnreachable, at: now, device: &device)
      }
    case .selfCall:
      if let circuit = circuit(to: header.destination) {
        enqueue(packet, offload, on: circuit, at: now)
      } else {
        send(packet, offload, to: settings.name, at: now, device: &device)
      }
    case .reflect:
      reflect(UnsafeRawBufferPointer(packet), offload, device: &device)
    case .refuse(let code, let counter):
      counters[counter] += 1
      refuse(UnsafeRawBufferPointer(packet), code, at: now, device: &device)
    case .drop(let counter):
      counters[counter] += 1
    }
  }

  /// The circuit that leads to an address; the last one that was asked for is at hand.
  private mutating func circuit(to address: IPv6Address) -> CircuitIdentifier? {
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

  /// Tells the sender of `packet` that it will not arrive. The error comes from `dead:beef`, the local daemon's address.
  mutating func refuse<Device: PacketSink & ~Copyable>(
    _ packet: UnsafeRawBufferPointer, _ code: ICMPv6Unreachable.Code, at now: Instant, device: inout Device
  ) {
    ICMPv6Unreachable.withError(code, about: packet, from: OverlayNetwork.tor.localResponder) { error in
      guard unreachableLimit.take(at: now) else {
        counters[.unreachableLimited] += 1
        return
      }
      counters[.unreachable] += 1
      if !device.deliver(error) { counters[.deviceRefused] += 1 }
    }
  }

  private mutating func send<Device: PacketSink & ~Copyable>(
    _ packet: UnsafeMutableRawBufferPointer, _ offload: OffloadHeader, to name: OnionName, at now: Instant,
    device: inout Device
  ) {
    if let circuit = dial(name, at: now) {
      enqueue(packet, offload, on: circuit, at: now)
    } else {
      refuse(UnsafeRawBufferPointer(packet), .addressUnreachable, at: now, device: &device)
    }
  }
}
