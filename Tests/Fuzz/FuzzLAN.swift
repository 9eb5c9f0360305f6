/// The hosts of a LAN behind the link, and what they send.
struct FuzzLAN {
  static let mac = MACAddress(value: 0x0211_2233_4455)
  /// The time in seconds since 1970 at which an input begins.
  static let wallClock: Int64 = 1_800_000_000

  /// The addresses of the identities, which hosts may have.
  let addresses: [IPv6Address]
  /// What a client of the service for names sends next, and what it has got.
  var next: UInt32 = 1
  var acknowledged: UInt32 = 0

  init(of addresses: [IPv6Address]) { self.addresses = addresses }

  /// A frame, and what the kernel says of it.
  func frame(_ input: inout FuzzInput) -> ([UInt8], OffloadHeader) {
    let station = FuzzLAN.host(input.byte())
    var destination = FuzzLAN.mac
    var type: UInt16 = 0x86dd
    var packet: [UInt8]
    var offload = OffloadHeader.none
    switch input.choice(10) {
    case 0, 1: (packet, destination) = discovery(&input)
    case 2:
      let (sender, target) = (FuzzLAN.address4(input.byte()), FuzzLAN.address4(input.byte()))
      let arp = ARPPacket(
        input.flag() ? .request : .reply, from: (station, sender), to: (FuzzLAN.host(input.byte()), target))
      packet = [UInt8](repeating: 0, count: 28)
      packet.withUnsafeMutableBytes { arp.store(into: $0) }
      type = 0x0806
    case 3, 4:
      let source = IPv6Address(high: 0xfe80 << 48, low: UInt64(input.byte()))
      let target = input.flag() ? IPv6Address.allServersAndRelays : FuzzLAN.mac.linkLocalAddress
      packet = UDPDatagram.packet(from: (source, 546), to: (target, 547), payload: request(&input))
      destination = input.flag() ? MACAddress(group: target) : FuzzLAN.mac
    case 5:
      let made = FuzzPacket.version4(
        &input, from: FuzzLAN.address4(input.byte()), to: FuzzLAN.address4(input.byte()), isPartial: true)
      packet = made.bytes
      offload = FuzzPacket.offload(of: made, size: input.number(), isCut: input.flag())
      type = 0x0800
    case 6:
      packet = input.bytes(atMost: Int(input.byte()))
      type = input.number()
    case 7, 8: packet = question(&input)
    default:
      let made = FuzzPacket.version6(&input, from: address6(input.byte()), to: address6(input.byte()), isPartial: true)
      packet = made.bytes
      offload = FuzzPacket.offload(of: made, size: input.number(), isCut: input.flag())
    }
    if input.byte() > 0xd0 { FuzzPacket.spoil(&packet, &input) }
    if offload.checksum == nil, input.byte() > 0xe0 { offload = FuzzPacket.hostileOffload(&input) }
    var (frame, moved) = FuzzLAN.frame(packet, offload, type, from: station, to: destination)
    if input.byte() > 0xf0 { frame.removeLast(min(frame.count, Int(input.byte()))) }
    return (frame, moved)
  }

  /// The frame of a packet, and what is said of it there.
  static func frame(
    _ packet: [UInt8], _ offload: OffloadHeader, _ type: UInt16, from station: MACAddress,
    to destination: MACAddress = FuzzLAN.mac
  ) -> ([UInt8], OffloadHeader) {
    var frame = [UInt8](repeating: 0, count: EthernetHeader.size)
    frame.withUnsafeMutableBytes {
      EthernetHeader(destination: destination, source: station, type: type).store(into: $0)
    }
    return (frame + packet, offload.moved(by: EthernetHeader.size) ?? offload)
  }

  private func discovery(_ input: inout FuzzInput) -> ([UInt8], MACAddress) {
    let (source, target) = (address6(input.byte()), address6(input.byte()))
    let destination = input.flag() ? target.solicitedNode : input.flag() ? FuzzLAN.mac.linkLocalAddress : .allNodes
    var message: [UInt8] = [133 + input.byte() % 5, 0, 0, 0, input.byte() & 0xe0, 0, 0, 0]
    if message[0] > 134 { message += target.bytes }
    for _ in 0..<input.choice(3) {
      message += [1 + input.byte() % 3, 1 + input.byte() / 0xf0] + FuzzLAN.host(input.byte()).bytes
    }
    message += input.bytes(atMost: Int(input.byte() / 0xe0) * 8)
    var sum = InternetChecksum(source: source, destination: destination, length: message.count, nextHeader: 58)
    message.withUnsafeMutableBytes { bytes in
      sum.add(UnsafeRawBufferPointer(bytes))
      bytes.storeBytes(of: sum.field, toByteOffset: 2, as: UInt16.self)
    }
    let header = IPv6Header(
      payloadLength: UInt16(message.count), nextHeader: 58, hopLimit: 255, source: source, destination: destination)
    return (header.bytes + message, destination.isMulticast ? MACAddress(group: destination) : FuzzLAN.mac)
  }

  /// A client's message, mostly as clients send it.
  private func request(_ input: inout FuzzInput) -> [UInt8] {
    guard input.byte() < 0xe0 else { return input.bytes(atMost: Int(input.byte())) }
    let kinds: [DHCPv6Message.Kind] = [.solicit, .request, .confirm, .renew, .rebind, .release, .decline]
    var message = DHCPv6Message(kinds[input.choice(kinds.count)], transaction: 7)
    if input.byte() < 0xf0 { message.client = DUID(bytes: [0, 3, 0, 1, input.byte() & 15]) }
    if input.flag() { message.server = DUID(FuzzLAN.mac) }
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
  private func question(_ input: inout FuzzInput) -> [UInt8] {
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
      sequence: next &+ shift, acknowledgement: acknowledged, flags: flags, payload: flags & 0x02 == 0 ? stream : [])
    return segment.packet(from: client, to: server)
  }

  /// Notes what the service for names has answered, and returns whether it is an answer.
  mutating func hear(_ answer: PacketView) -> Bool {
    if UDPDatagram.read(answer) != nil { return true }
    guard let segment = TCPSegment(answer), segment.isIntact else { return false }
    next = segment.acknowledgement
    acknowledged = segment.sequence &+ UInt32(segment.payloadSize) &+ (segment.flags & 3 == 0 ? 0 : 1)
    return true
  }
}

extension FuzzLAN {
  static func host(_ number: UInt8) -> MACAddress {
    switch number & 15 {
    case 13: mac
    case 14: .broadcast
    case 15: MACAddress(value: 0)
    default: MACAddress(value: 0x02aa_0000_0000 | UInt64(number))
    }
  }

  func address6(_ number: UInt8) -> IPv6Address {
    switch number & 31 {
    case 0...7: addresses[Int(number & 3) % addresses.count]
    case 8...15: FuzzWorld.name(number & 7).address
    case 16: .unspecified
    case 17: .allNodes
    case 18: FuzzLAN.mac.linkLocalAddress
    case 19: OverlayNetwork.tor.localResponder
    case 20: OverlayNetwork.tor.circuitResponder
    case 21: FuzzWorld.routed6
    case 22...25: IPv6Address(high: FuzzWorld.served6.high, low: UInt64(number))
    default: IPv6Address(high: 0xfe80 << 48, low: UInt64(number))
    }
  }

  static func address4(_ number: UInt8) -> IPv4Address {
    switch number & 15 {
    case 0: .unspecified
    case 1: IPv4Address(value: 0xffff_ffff)
    case 2: IPv4Address(value: 0xe000_0001)
    case 3...5: IPv4Address(value: FuzzWorld.routed4.value + UInt32(number))
    default: IPv4Address(value: FuzzWorld.served4.value + UInt32(number))
    }
  }

  /// Which prefixes are on which side.
  static func setPrefixes(of settings: inout LinkSettings) {
    settings.servedPrefixes = [IPv6Prefix(FuzzWorld.served6, length: 64)].compactMap { $0 }
    settings.routes = [IPv6Prefix(FuzzWorld.routed6, length: 48)].compactMap { $0 }
    settings.servedIPv4 = [IPv4Prefix(IPv4Address(value: 0x0a01_0000), length: 16)].compactMap { $0 }
    settings.ipv4Routes = [IPv4Prefix(IPv4Address(value: 0x0a02_0000), length: 16)].compactMap { $0 }
  }

  /// The service that gives addresses. One of them may be a certain host's, and one may be leased already.
  func service(isFirstReserved: Bool, hasBinding: Bool, hasLease: Bool, at now: Instant) -> AddressService {
    let (bound, leased) = (addresses[2 % addresses.count], addresses[1 % addresses.count])
    return AddressService(
      AddressServiceSettings(
        macAddress: FuzzLAN.mac, addresses: addresses, isFirstReserved: isFirstReserved,
        bindings: hasBinding ? [FuzzLAN.host(3): bound] : [:]),
      leases: hasLease
        ? [
          Lease(
            address: leased, macAddress: FuzzLAN.host(1), client: DUID(FuzzLAN.host(1)),
            expiry: FuzzLAN.wallClock + 100)
        ] : [],
      at: now, wallClock: FuzzLAN.wallClock, random: FuzzGenerator(seed: 3))
  }

  static let nameServer: LocalNameServer = {
    guard let server = LocalNameServer() else { fatalError("no server") }
    return server
  }()

  /// What always holds of leases.
  static func judge(_ leases: [Lease], of addresses: [IPv6Address]) {
    guard !leases.isEmpty else { return }
    check(Set(leases.map(\.address)).count == leases.count, "an address is leased twice")
    check(Set(leases.map(\.macAddress)).count == leases.count, "a host has two leases")
    check(leases.allSatisfy { addresses.contains($0.address) }, "an address is leased that is none")
  }
}
