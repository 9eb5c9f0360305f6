extension Node {
  /// Takes a packet that this host sends.
  public mutating func receive<Device: PacketSink & ~Copyable>(
    fromDevice packet: UnsafeRawBufferPointer, at now: Instant, device: inout Device
  ) {
    guard let header = IPv6Header(packet) else {
      counters[.malformed] += 1
      return
    }
    switch router.route(header) {
    case .peer(let address):
      if let circuit = dialled[address] {
        enqueue(packet, on: circuit, at: now)
      } else if let name = names.name(of: address) {
        send(packet, to: name, at: now, device: &device)
      } else {
        counters[.unknownName] += 1
        refuse(packet, .addressUnreachable, at: now, device: &device)
      }
    case .selfCall:
      if let circuit = dialled[header.destination] {
        enqueue(packet, on: circuit, at: now)
      } else {
        send(packet, to: settings.name, at: now, device: &device)
      }
    case .reflect:
      reflect(packet, device: &device)
    case .refuse(let code, let counter):
      counters[counter] += 1
      refuse(packet, code, at: now, device: &device)
    case .drop(let counter):
      counters[counter] += 1
    }
  }

  mutating func reflect<Device: PacketSink & ~Copyable>(_ packet: UnsafeRawBufferPointer, device: inout Device) {
    counters[.reflected] += 1
    Reflection.of(packet) { deliver($0, device: &device) }
  }

  mutating func deliver<Device: PacketSink & ~Copyable>(_ packet: UnsafeRawBufferPointer, device: inout Device) {
    if !device.deliver(packet) { counters[.deviceRefused] += 1 }
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
      deliver(error, device: &device)
    }
  }

  private mutating func send<Device: PacketSink & ~Copyable>(
    _ packet: UnsafeRawBufferPointer, to name: OnionName, at now: Instant, device: inout Device
  ) {
    if let circuit = dial(name, at: now) {
      enqueue(packet, on: circuit, at: now)
    } else {
      refuse(packet, .addressUnreachable, at: now, device: &device)
    }
  }

  private mutating func enqueue(_ packet: UnsafeRawBufferPointer, on circuit: CircuitIdentifier, at now: Instant) {
    counters[.sent] += 1
    append(packet, to: lane(for: packet, of: circuit, at: now), at: now)
  }
}
