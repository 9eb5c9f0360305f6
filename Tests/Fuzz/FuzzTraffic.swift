/// What peers and hosts of a script send.
enum FuzzTraffic {
  /// What Tor says of a circuit that is accepted, if it is to say something: mostly it does. It comes at once, or bit
  /// by bit.
  static func lineOfTor(_ input: inout FuzzInput, _ shell: FuzzShell) -> (bytes: [UInt8], isAtOnce: Bool) {
    guard shell.settings.isToldTorCircuits else { return ([], true) }
    let number = input.byte()
    guard number < 0xf0 else { return (Array("PROXY TCP6 ::1 ::1 1 2\r\n".utf8), true) }
    return (TorCircuitLine(circuit: UInt32(number & 3)).bytes(port: 8_060), number & 8 == 0)
  }

  /// What the other side of a circuit says of itself.
  static func keepalive(_ input: inout FuzzInput, to sockets: FuzzSockets) -> [UInt8] {
    let name = FuzzWorld.name(input.byte())
    var extensions: [Keepalive.Extension] = []
    for _ in 0..<input.choice(4) {
      let type = input.byte() & 0x0f
      extensions.append(.init(type: type, value: input.bytes(atMost: Int(input.byte() & 31))))
    }
    var packet = Keepalive(name: name, extensions: extensions).packet(
      to: sockets.settings.name.address, flowLabel: UInt32(input.byte()))
    if input.byte() > 0xc0 { FuzzPacket.spoil(&packet, &input) }
    return packet
  }

  /// What a call to a listener brings that identities share.
  static func call(_ input: inout FuzzInput, _ shell: FuzzShell) -> [UInt8] {
    let line = lineOfTor(&input, shell).bytes
    let number = input.byte()
    let name = FuzzWorld.name(number)
    let known = FuzzWorld.identities[Int(number >> 4) % FuzzWorld.identities.count]
    let first = Keepalive(name: name).packet(to: known.address, flowLabel: 1)
    let start = line + first
    return number < 0xf0 ? start : Array(start.prefix(Int(input.byte())))
  }

  /// A packet of a peer, or of a host behind one.
  static func incoming(_ input: inout FuzzInput, to sockets: FuzzSockets) -> [UInt8] {
    let hosts = input.byte()
    var made: FuzzPacket.Made
    if hosts & 0xc0 == 0xc0 {
      made = FuzzPacket.version4(&input, from: FuzzWorld.routed4, to: FuzzWorld.served4)
    } else {
      let source = hosts & 0x40 != 0 ? FuzzWorld.routed6 : FuzzWorld.address(hosts & 15)
      let destination = hosts & 0x20 != 0 ? FuzzWorld.served6 : sockets.settings.name.address
      made = FuzzPacket.version6(&input, from: source, to: destination)
    }
    if input.byte() > 0xd0 { FuzzPacket.spoil(&made.bytes, &input) }
    return made.bytes
  }

  /// A packet of this host, or of one behind it, and what a kernel says of it.
  static func send(_ input: inout FuzzInput, _ shell: FuzzShell, from sockets: FuzzSockets, count: Int) {
    let hosts = input.byte()
    let isPartial = shell.settings.isOffloading && input.flag()
    let made: FuzzPacket.Made
    if hosts & 0xc0 == 0xc0 {
      made = FuzzPacket.version4(&input, from: FuzzWorld.served4, to: FuzzWorld.routed4, isPartial: isPartial)
    } else {
      let source = hosts & 0x40 != 0 ? FuzzWorld.served6 : sockets.settings.name.address
      let destination = hosts & 0x20 != 0 ? FuzzWorld.routed6 : FuzzWorld.address(hosts & 15)
      made = FuzzPacket.version6(&input, from: source, to: destination, isPartial: isPartial)
    }
    let size = UInt16(input.length(atMost: 65_535))
    let offload = isPartial ? FuzzPacket.offload(of: made, size: size, isCut: input.flag()) : .none
    // A burst is of many flows, or of one that goes on.
    let isOfMany = input.flag()
    // A choice that is none any more: the inputs that found something keep their meaning.
    if count == 1 { _ = input.flag() }
    for number in 0..<count {
      var packet = made
      if isOfMany, packet.headerSize >= 8, packet.start + 2 <= packet.bytes.count {
        packet.bytes[packet.start] = UInt8(truncatingIfNeeded: number)
      }
      shell.send(packet.bytes, offload, from: hosts >> 6)
    }
  }

  /// A packet with whatever a guest's driver may say of it.
  static func sendHostile(_ input: inout FuzzInput, _ shell: FuzzShell, from sockets: FuzzSockets) {
    let destination = FuzzWorld.address(input.byte())
    var made = FuzzPacket.version6(&input, from: sockets.settings.name.address, to: destination, isPartial: true)
    FuzzPacket.spoil(&made.bytes, &input)
    let isAlmostRight = input.flag()
    var offload = FuzzPacket.offload(of: made, size: input.number(), isCut: true)
    if !isAlmostRight { offload = FuzzPacket.hostileOffload(&input) }
    _ = input.flag()
    shell.send(made.bytes, offload)
  }
}
