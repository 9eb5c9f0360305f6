/// A whole node, driven by a script: each event is decoded from a few bytes of the input, and after each one holds what
/// `FuzzShell.checkAll` says.
enum NodeTarget {
  /// How many events an input tells of at the most.
  private static let mostEvents = 400

  static func run(_ input: consuming FuzzInput) {
    let shell = FuzzShell(&input)
    var count = 0
    while !input.isEmpty, count < mostEvents {
      count += 1
      Fuzz.events += 1
      step(&input, shell)
      shell.finish()
    }
    shell.end()
  }

  private static func step(_ input: inout FuzzInput, _ shell: FuzzShell) {
    switch input.byte() % 32 {
    case 0, 1: shell.accept()
    case 2, 3: shell.hear(keepalive(&input), on: input.byte(), inPieces: input.byte())
    case 4...7: shell.hear(incoming(&input, shell), on: input.byte(), inPieces: input.byte())
    case 8: shell.hear(input.bytes(atMost: Int(input.byte() & 31)), on: input.byte(), inPieces: 0)
    case 9: shell.hearMore(on: input.byte(), input.length(atMost: 65_575))
    case 10...13: send(&input, shell, count: 1)
    case 14: send(&input, shell, count: 1 + Int(input.byte()))
    case 15: sendHostile(&input, shell)
    case 16, 17: shell.transmit(input.byte(), room: input.length(atMost: 1 << 20))
    case 18: shell.pass(milliseconds: UInt64(input.byte()))
    case 19: shell.pass(milliseconds: UInt64(input.number()) * 10)
    case 20: shell.pass(milliseconds: UInt64(input.number()) << UInt64(input.byte() & 31))
    case 21: shell.replaceHosts(input.byte())
    case 22: shell.node.mtuChanged(to: input.length(atMost: 65_535))
    case 23: shell.node.want(FuzzWorld.address(input.byte()), turn: &shell.turn)
    case 24: refuse(&input, shell)
    case 25:
      let number = input.byte()
      shell.tor = FuzzShell.Tor(rawValue: number % 6) ?? .grants
      shell.reason = FuzzShell.reasons[Int(number / 6) % FuzzShell.reasons.count]
    case 26: shell.cut(input.byte(), isFailure: input.flag())
    case 27: shell.answer(input.bytes(atMost: 8), on: input.byte())
    case 28: shell.answer([0, 0x5a, 0, 0, 0, 0, 0, 0], on: input.byte())
    case 29: shell.room = [0, 1, 100, 1_500, 65_536, .max][input.choice(6)]
    case 30: shell.turn.device.isUp.toggle()
    default:
      let number = input.byte()
      if number & 0x80 == 0 { shell.look(number) } else { apply(&input, shell) }
    }
  }

  /// What the other side of a circuit says of itself.
  private static func keepalive(_ input: inout FuzzInput) -> [UInt8] {
    let name = FuzzWorld.name(input.byte())
    var extensions: [Keepalive.Extension] = []
    for _ in 0..<input.choice(4) {
      let type = input.byte() & 0x0f
      extensions.append(.init(type: type, value: input.bytes(atMost: Int(input.byte() & 31))))
    }
    var packet = Keepalive(name: name, extensions: extensions).packet(
      to: FuzzWorld.own.address, flowLabel: UInt32(input.byte()))
    if input.byte() > 0xc0 { FuzzPacket.spoil(&packet, &input) }
    return packet
  }

  /// A packet of a peer, or of a host behind one.
  private static func incoming(_ input: inout FuzzInput, _ shell: FuzzShell) -> [UInt8] {
    let hosts = input.byte()
    var made: FuzzPacket.Made
    if hosts & 0xc0 == 0xc0 {
      made = FuzzPacket.version4(&input, from: FuzzWorld.routed4, to: FuzzWorld.served4)
    } else {
      let source = hosts & 0x40 != 0 ? FuzzWorld.routed6 : FuzzWorld.address(hosts & 15)
      let destination = hosts & 0x20 != 0 ? FuzzWorld.served6 : FuzzWorld.own.address
      made = FuzzPacket.version6(&input, from: source, to: destination)
    }
    if input.byte() > 0xd0 { FuzzPacket.spoil(&made.bytes, &input) }
    return made.bytes
  }

  /// A packet of this host, or of one behind it, and what a kernel says of it.
  private static func send(_ input: inout FuzzInput, _ shell: FuzzShell, count: Int) {
    let hosts = input.byte()
    let isPartial = shell.settings.isOffloading && input.flag()
    let made: FuzzPacket.Made
    if hosts & 0xc0 == 0xc0 {
      made = FuzzPacket.version4(&input, from: FuzzWorld.served4, to: FuzzWorld.routed4, isPartial: isPartial)
    } else {
      let source = hosts & 0x40 != 0 ? FuzzWorld.served6 : FuzzWorld.own.address
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
      shell.send(packet.bytes, offload)
    }
  }

  /// A packet with whatever a guest's driver may say of it.
  private static func sendHostile(_ input: inout FuzzInput, _ shell: FuzzShell) {
    let destination = FuzzWorld.address(input.byte())
    var made = FuzzPacket.version6(&input, from: FuzzWorld.own.address, to: destination, isPartial: true)
    FuzzPacket.spoil(&made.bytes, &input)
    let isAlmostRight = input.flag()
    var offload = FuzzPacket.offload(of: made, size: input.number(), isCut: true)
    if !isAlmostRight { offload = FuzzPacket.hostileOffload(&input) }
    _ = input.flag()
    shell.send(made.bytes, offload)
  }

  /// The operator changes the policy.
  private static func apply(_ input: inout FuzzInput, _ shell: FuzzShell) {
    let (first, second) = (input.byte(), input.byte())
    var policy = FuzzWorld.policy(
      peers: Int(first & 3), hasRoutes: first & 4 != 0, circuitsPerPeer: 1 + Int(second & 7))
    policy.idle = .seconds(Int64(second >> 3) * 10 + 1)
    _ = shell.node.apply(policy, turn: &shell.turn)
  }

  private static func refuse(_ input: inout FuzzInput, _ shell: FuzzShell) {
    let packet = incoming(&input, shell)
    let error: DeliveryError = input.flag() ? .unreachable : .tooLong(mtu: input.length(atMost: 65_535))
    withCopy(of: packet) { shell.node.refuse(fromOverlay: UnsafeRawBufferPointer($0), error, turn: &shell.turn) }
  }
}

/// Who there is.
enum FuzzWorld {
  static let own = OnionName.sample(1)
  static let sibling = OnionName.sample(2)
  static let scrubber: Scrubber = {
    var random = FuzzGenerator(seed: 1)
    return Scrubber(random: &random)
  }()
  /// Two that are configured, two of the hosts file, some that nobody knows.
  static let names = (10..<20).map { OnionName.sample($0) }
  static let served6 = IPv6Address(high: 0x2001_0db8_0001_0000, low: 0x42)
  static let routed6 = IPv6Address(high: 0x2001_0db8_0002_0000, low: 0x43)
  static let served4 = IPv4Address(value: 0x0a01_0001)
  static let routed4 = IPv4Address(value: 0x0a02_0001)

  static func name(_ number: UInt8) -> OnionName {
    switch number & 15 {
    case 10: own
    case 11: sibling
    case 12...: names[Int(number & 3)].twin
    default: names[Int(number & 15)]
    }
  }

  static func address(_ number: UInt8) -> IPv6Address {
    switch number & 15 {
    case 12: OverlayNetwork.tor.localResponder
    case 13: OverlayNetwork.tor.circuitResponder
    case 14: served6
    case 15: IPv6Address(high: OverlayNetwork.tor.prefix.address.high, low: 0x1234)
    default: name(number).address
    }
  }

  /// A policy: the first names are configured.
  static func policy(
    peers count: Int, hasRoutes: Bool, circuitsPerPeer: Int, door: DoorPolicy = .open
  ) -> NodePolicy {
    var routes: [Route] = []
    var served: [IPPrefix] = []
    if hasRoutes {
      for text in ["2001:db8:2::/48", "10.2.0.0/16"] {
        if let prefix = IPPrefix(text) { routes.append(Route(prefix: prefix, via: names[0])) }
      }
      served = ["2001:db8:1::/48", "10.1.0.0/16"].compactMap { IPPrefix($0) }
    }
    let table = (try? RouteTable(routes: routes, served: served)) ?? RouteTable()
    return NodePolicy(
      peers: names.prefix(count).map { ConfiguredPeer(name: $0) }, table: table, circuitsPerPeer: circuitsPerPeer,
      lookup: .ask, authentication: circuitsPerPeer % 2 == 0 ? .strict : .off, door: door)
  }

  /// A node's settings: small bounds are reached soon.
  static func settings(_ input: inout FuzzInput) -> NodeSettings {
    let (first, second) = (input.byte(), input.byte())
    var bounds = NodeBounds(identities: first & 1 == 0 ? 1 : 128, circuits: first & 2 == 0 ? 1_000 : 8)
    bounds.circuits = max(bounds.circuits, 8)
    if first & 4 != 0 { (bounds.unreachedNames, bounds.reachedNames) = (2, 2) }
    if first & 1 != 0 {
      bounds.packetBytes = FlowQueue.memoryLimit + bounds.reassemblyBytes + CutPackets.slack
    }
    let isWithIPv4 = first & 8 != 0
    return NodeSettings(
      name: own,
      policy: policy(
        peers: 2, hasRoutes: first & 16 != 0, circuitsPerPeer: 1 + Int(second & 7),
        door: first & 64 == 0 ? .open : DoorPolicy(rules: [DoorRule(.ports(.tcp, 22...80), from: [names[0].address])])),
      siblings: [own.address, sibling.address], dialsPeers: first & 32 == 0, isOffloading: second & 8 != 0,
      mtu: second & 16 == 0 ? 1_500 : 9_000, carriesIPv4: isWithIPv4,
      ipv4Address: isWithIPv4 && second & 32 != 0 ? served4 : nil, egress: second & 64 != 0 ? .mtu : .none,
      bounds: bounds)
  }
}

extension OnionName {
  /// A valid name of version 3, another for each number.
  static func sample(_ number: UInt64) -> OnionName {
    var random = FuzzGenerator(seed: number)
    let key = (0..<32).map { _ in UInt8(truncatingIfNeeded: random.next()) }
    let checksum = SHA3.sha256(Array(".onion checksum".utf8) + key + [3]).prefix(2)
    guard let name = try? OnionName(Base32.encode(key + checksum + [3])) else { fatalError("no name \(number)") }
    return name
  }

  /// The name of version 2 of the same address.
  var twin: OnionName { (try? OnionName(String(label.suffix(16)))) ?? self }
}
