/// The link with the hosts of a LAN and the services that give them addresses and names, driven by a script of frames,
/// deliveries and time.
enum LinkTarget {
  static let mac = MACAddress(value: 0x0211_2233_4455)
  private static let addresses = FuzzWorld.names.prefix(4).map(\.address)
  private static let mostEvents = 400

  static func run(_ input: consuming FuzzInput) {
    var world = LinkWorld(&input)
    var count = 0
    while !input.isEmpty, count < mostEvents {
      count += 1
      Fuzz.events += 1
      world.wire.frames = 0
      switch input.byte() % 12 {
      case 0...6: receive(&input, &world)
      case 7, 8: deliver(&input, &world)
      case 9: world.pass(milliseconds: UInt64(input.number()))
      case 10: world.pass(milliseconds: UInt64(input.number()) << UInt64(input.byte() & 31))
      default:
        if input.flag() { world.wire.isUp.toggle() } else { world.mtuChanged(to: input.length(atMost: 65_535)) }
      }
      world.checkAll()
    }
    world.pass(milliseconds: 4_000)
  }

  private static func receive(_ input: inout FuzzInput, _ world: inout LinkWorld) {
    let station = host(input.byte())
    var destination = LinkTarget.mac
    var type: UInt16 = 0x86dd
    var packet: [UInt8]
    var offload = OffloadHeader.none
    switch input.choice(10) {
    case 0, 1: (packet, destination) = discovery(&input)
    case 2:
      let (sender, target) = (address4(input.byte()), address4(input.byte()))
      let arp = ARPPacket(
        input.flag() ? .request : .reply, from: (station, sender), to: (host(input.byte()), target))
      packet = [UInt8](repeating: 0, count: 28)
      packet.withUnsafeMutableBytes { arp.store(into: $0) }
      type = 0x0806
    case 3, 4:
      let source = IPv6Address(high: 0xfe80 << 48, low: UInt64(input.byte()))
      let target = input.flag() ? IPv6Address.allServersAndRelays : mac.linkLocalAddress
      packet = UDPDatagram.packet(from: (source, 546), to: (target, 547), payload: request(&input))
      destination = input.flag() ? MACAddress(group: target) : mac
    case 5:
      let made = FuzzPacket.version4(
        &input, from: address4(input.byte()), to: address4(input.byte()), isPartial: true)
      packet = made.bytes
      offload = FuzzPacket.offload(of: made, size: input.number(), isCut: input.flag())
      type = 0x0800
    case 6:
      packet = input.bytes(atMost: Int(input.byte()))
      type = input.number()
    case 7, 8: packet = question(&input, &world)
    default:
      let made = FuzzPacket.version6(&input, from: address6(input.byte()), to: address6(input.byte()), isPartial: true)
      packet = made.bytes
      offload = FuzzPacket.offload(of: made, size: input.number(), isCut: input.flag())
    }
    if input.byte() > 0xd0 { FuzzPacket.spoil(&packet, &input) }
    if offload.checksum == nil, input.byte() > 0xe0 { offload = FuzzPacket.hostileOffload(&input) }
    if let moved = offload.moved(by: EthernetHeader.size) { offload = moved }
    var frame = [UInt8](repeating: 0, count: EthernetHeader.size)
    frame.withUnsafeMutableBytes {
      EthernetHeader(destination: destination, source: station, type: type).store(into: $0)
    }
    frame += packet
    if input.byte() > 0xf0 { frame.removeLast(min(frame.count, Int(input.byte()))) }
    world.receive(frame, offload, isLive: input.flag())
  }

  private static func discovery(_ input: inout FuzzInput) -> ([UInt8], MACAddress) {
    let (source, target) = (address6(input.byte()), address6(input.byte()))
    let destination = input.flag() ? target.solicitedNode : input.flag() ? mac.linkLocalAddress : .allNodes
    var message: [UInt8] = [133 + input.byte() % 5, 0, 0, 0, input.byte() & 0xe0, 0, 0, 0]
    if message[0] > 134 { message += target.bytes }
    for _ in 0..<input.choice(3) {
      message += [1 + input.byte() % 3, 1 + input.byte() / 0xf0] + host(input.byte()).bytes
    }
    message += input.bytes(atMost: Int(input.byte() / 0xe0) * 8)
    var sum = InternetChecksum(source: source, destination: destination, length: message.count, nextHeader: 58)
    message.withUnsafeMutableBytes { bytes in
      sum.add(UnsafeRawBufferPointer(bytes))
      bytes.storeBytes(of: sum.field, toByteOffset: 2, as: UInt16.self)
    }
    let header = IPv6Header(
      payloadLength: UInt16(message.count), nextHeader: 58, hopLimit: 255, source: source, destination: destination)
    return (header.bytes + message, destination.isMulticast ? MACAddress(group: destination) : mac)
  }

  /// A client's message, mostly as clients send it.
  private static func request(_ input: inout FuzzInput) -> [UInt8] {
    guard input.byte() < 0xe0 else { return input.bytes(atMost: Int(input.byte())) }
    let kinds: [DHCPv6Message.Kind] = [.solicit, .request, .confirm, .renew, .rebind, .release, .decline]
    var message = DHCPv6Message(kinds[input.choice(kinds.count)], transaction: 7)
    if input.byte() < 0xf0 { message.client = DUID(bytes: [0, 3, 0, 1, input.byte() & 15]) }
    if input.flag() { message.server = DUID(mac) }
    message.isRapid = input.flag()
    var bytes = message.bytes
    for _ in 0..<input.choice(4) {
      let isNamed = input.flag()
      let zeros = [UInt8](repeating: 0, count: 8)
      let address = isNamed ? [0, 5, 0, 24] + addresses[input.choice(addresses.count)].bytes + zeros : []
      let association: [UInt8] = [0, 0, 0, input.byte()] + zeros + address
      bytes += [0, 3, 0, UInt8(association.count)] + association
    }
    if input.byte() > 0xe0 { FuzzPacket.spoil(&bytes, &input) }
    return bytes
  }

  /// A question for a name, or a part of a conversation: mostly the next one after what the service last said.
  private static func question(_ input: inout FuzzInput, _ world: inout LinkWorld) -> [UInt8] {
    let client = (address: address6(input.byte()), port: UInt16(input.byte() & 3))
    let server = (address: OverlayNetwork.tor.localResponder, port: UInt16(53))
    var message: [UInt8] = [0, 7, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0]
    message += (input.flag() ? DNSName(of: FuzzWorld.names[0].address) : DNSName.onion).wire + [0, 12, 0, 1]
    if input.byte() > 0xe0 { FuzzPacket.spoil(&message, &input) }
    guard input.byte() > 0x30 else { return UDPDatagram.packet(from: client, to: server, payload: message) }
    var stream = [UInt8(message.count >> 8), UInt8(message.count & 0xff)] + message
    if input.flag() { stream += stream }
    if input.byte() > 0xc0 { stream.removeLast(min(stream.count, Int(input.byte()))) }
    if input.byte() > 0xf0 { stream = input.bytes(atMost: 1_200) }
    let shift = input.byte() > 0xe0 ? UInt32(input.number()) : 0
    let flags: UInt8 = [0x10, 0x18, 0x11, 0x02, input.byte()][input.choice(5)]
    let segment = TCPAnswer(
      sequence: world.next &+ shift, acknowledgement: world.acknowledged, flags: flags,
      payload: flags & 0x02 == 0 ? stream : [])
    return segment.packet(from: client, to: server)
  }

  private static func deliver(_ input: inout FuzzInput, _ world: inout LinkWorld) {
    var packet =
      input.flag()
      ? FuzzPacket.version4(&input, from: FuzzWorld.routed4, to: address4(input.byte())).bytes
      : FuzzPacket.version6(&input, from: FuzzWorld.names[5].address, to: address6(input.byte())).bytes
    if input.byte() > 0xe0 { FuzzPacket.spoil(&packet, &input) }
    let offload = input.byte() > 0xe0 ? FuzzPacket.hostileOffload(&input) : .none
    world.deliver(packet, offload)
  }

  static func host(_ number: UInt8) -> MACAddress {
    switch number & 15 {
    case 13: mac
    case 14: .broadcast
    case 15: MACAddress(value: 0)
    default: MACAddress(value: 0x02aa_0000_0000 | UInt64(number))
    }
  }

  private static func address6(_ number: UInt8) -> IPv6Address {
    switch number & 31 {
    case 0...7: addresses[Int(number & 3)]
    case 8...15: FuzzWorld.name(number & 7).address
    case 16: .unspecified
    case 17: .allNodes
    case 18: mac.linkLocalAddress
    case 19: OverlayNetwork.tor.localResponder
    case 20: OverlayNetwork.tor.circuitResponder
    case 21: FuzzWorld.routed6
    case 22...25: IPv6Address(high: FuzzWorld.served6.high, low: UInt64(number))
    default: IPv6Address(high: 0xfe80 << 48, low: UInt64(number))
    }
  }

  private static func address4(_ number: UInt8) -> IPv4Address {
    switch number & 15 {
    case 0: .unspecified
    case 1: IPv4Address(value: 0xffff_ffff)
    case 2: IPv4Address(value: 0xe000_0001)
    case 3...5: IPv4Address(value: FuzzWorld.routed4.value + UInt32(number))
    default: IPv4Address(value: FuzzWorld.served4.value + UInt32(number))
    }
  }

  /// The link, its service and the time.
  private struct LinkWorld: ~Copyable {
    var link: EthernetLink
    var service: AddressService
    var names: NameService
    /// What a client of the service for names sends next, and what it has got.
    var next: UInt32 = 1
    var acknowledged: UInt32 = 0
    var wire = FuzzWire()
    private var now = Instant(nanoseconds: 5_000_000_000)
    private let start = Instant(nanoseconds: 5_000_000_000)

    init(_ input: inout FuzzInput) {
      let shape = input.byte()
      var settings = LinkSettings(macAddress: mac, ownAddresses: addresses, mtu: shape & 1 == 0 ? 1_500 : 65_535)
      settings.carriesIPv4 = shape & 2 == 0
      settings.servedPrefixes = [IPv6Prefix(FuzzWorld.served6, length: 64)].compactMap { $0 }
      settings.routes = [IPv6Prefix(FuzzWorld.routed6, length: 48)].compactMap { $0 }
      settings.servedIPv4 = [IPv4Prefix(IPv4Address(value: 0x0a01_0000), length: 16)].compactMap { $0 }
      settings.ipv4Routes = [IPv4Prefix(IPv4Address(value: 0x0a02_0000), length: 16)].compactMap { $0 }
      settings.answersNames = shape & 32 == 0
      link = EthernetLink(settings)
      guard let server = LocalNameServer() else { fatalError("no server") }
      names = NameService(server, random: FuzzGenerator(seed: 4))
      let bindings = shape & 4 == 0 ? [:] : [host(3): addresses[2]]
      let leases =
        shape & 8 == 0
        ? [] : [Lease(address: addresses[1], macAddress: host(1), client: DUID(host(1)), expiry: 1_800_000_100)]
      service = AddressService(
        AddressServiceSettings(
          macAddress: mac, addresses: addresses, isFirstReserved: shape & 16 == 0, bindings: bindings), leases: leases,
        at: now, wallClock: 1_800_000_000, random: FuzzGenerator(seed: 3))
    }

    private var wallClock: Int64 { 1_800_000_000 + (now - start).wholeSeconds }

    mutating func receive(_ frame: [UInt8], _ offload: OffloadHeader, isLive: Bool) {
      withCopy(of: frame) { memory in
        let before = Array(memory)
        switch link.receive(memory, offload, at: now, wire: &wire, isLive: { _ in isLive }) {
        case .consumed: break
        case .packet(let range, let offload):
          check(range.lowerBound == 14 && range.upperBound <= memory.count, "a packet beyond its frame")
          let changed = memory.indices.filter { memory[$0] != before[$0] }
          if let first = changed.first { check(first >= 14 + 20 && changed.count <= 2, "a header was changed") }
          let start = offload.checksum.map { Int($0.start) } ?? 0
          check(start < range.count, "a checksum beyond its packet")
        case .request(let range, let station):
          check(range.lowerBound == 14 && range.upperBound <= memory.count, "a request beyond its frame")
          let packet = UnsafeRawBufferPointer(rebasing: memory[range])
          if let view = PacketView(reading: packet), view.destination == OverlayNetwork.tor.localResponder {
            return answer(view, from: station)
          }
          guard let answer = service.answer(packet, from: station, at: now, wallClock: wallClock) else { return }
          check(
            answer.packet.withUnsafeBytes { PacketView(reading: $0).flatMap { UDPDatagram.read($0) } != nil },
            "an answer is no datagram")
          answer.packet.withUnsafeBytes { _ = link.send($0, to: answer.to, wire: &wire) }
        }
      }
    }

    private mutating func answer(_ question: PacketView, from station: MACAddress) {
      let outcome = names.receive(question, from: station, at: now, names: NameDecoders.Names())
      guard var reply = outcome.packet else { return }
      check(reply.count <= 1_280, "an answer of \(reply.count) bytes")
      reply.withUnsafeMutableBytes { bytes in
        guard let packet = PacketView(bytes) else { fatalError("an answer is no packet") }
        check(packet.destination == question.source, "an answer to somebody else")
        if UDPDatagram.read(packet) != nil { return }
        guard let segment = TCPSegment(packet), segment.isIntact else { fatalError("an answer is no segment") }
        next = segment.acknowledgement
        acknowledged = segment.sequence &+ UInt32(segment.payloadSize) &+ (segment.flags & 3 == 0 ? 0 : 1)
      }
      reply.withUnsafeBytes { _ = link.send($0, to: station, wire: &wire) }
    }

    mutating func deliver(_ packet: [UInt8], _ offload: OffloadHeader) {
      withCopy(of: packet) { memory in
        withUnsafePointer(to: UnsafeRawBufferPointer(memory)) {
          _ = link.deliver(UnsafeBufferPointer(start: $0, count: 1), offload, at: now, wire: &wire)
        }
      }
    }

    mutating func mtuChanged(to bytes: Int) {
      link.mtuChanged(to: bytes)
      service.mtuChanged(to: bytes, at: now)
    }

    mutating func pass(milliseconds: UInt64) {
      let end = now + .milliseconds(Int64(clamping: min(milliseconds, 1 << 31)))
      var turns = 0
      while turns < 10, let next = [link.nextDeadline, service.nextDeadline].compactMap({ $0 }).min(), next <= end {
        turns += 1
        now = max(now, next)
        advance()
      }
      now = end
      advance()
    }

    private mutating func advance() {
      link.advance(to: now, wire: &wire)
      if let next = link.nextDeadline { check(next > now, "a link's deadline is over and nothing was done") }
      var count = 0
      while let message = service.advance(to: now) {
        count += 1
        check(count < 10, "router advertisements without end")
        message.packet.withUnsafeBytes { _ = link.send($0, to: message.to, wire: &wire) }
      }
      check(service.nextDeadline > now, "a service's deadline is over and nothing was done")
    }

    mutating func checkAll() {
      check(wire.frames <= 5_000, "\(wire.frames) frames for one event")
      check(link.table.count <= NeighbourTable.limit, "\(link.table.count) neighbours")
      var events = 0
      while link.nextEvent() != nil { events += 1 }
      check(events <= EthernetLink.eventLimit, "\(events) events")
      let leases = service.leases
      check(Set(leases.map(\.address)).count == leases.count, "an address is leased twice")
      check(Set(leases.map(\.macAddress)).count == leases.count, "a host has two leases")
      check(leases.allSatisfy { addresses.contains($0.address) }, "an address is leased that is none")
      _ = service.takeLeasesChanged()
    }
  }
}

/// Where a link sends frames: looks whether they are some.
struct FuzzWire: PacketSink {
  var isUp = true
  var frames = 0

  mutating func deliver(_ runs: UnsafeBufferPointer<UnsafeRawBufferPointer>, _ header: OffloadHeader) -> Bool {
    frames += 1
    guard let first = runs.first, let ethernet = EthernetHeader(first) else { fatalError("a frame without a header") }
    check(ethernet.source == LinkTarget.mac, "a frame of another station")
    var sum: UInt8 = 0
    for run in runs { for byte in run { sum &+= byte } }
    check(runs.count > 1 || first.count > 14, "an empty frame, \(sum)")
    return isUp
  }
}
