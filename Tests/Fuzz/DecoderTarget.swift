/// Everything that reads bytes of strangers or files: none may crash, and what was read is the same when it is written
/// and read again.
enum DecoderTarget {
  static func run(_ input: consuming FuzzInput) {
    Fuzz.events += 1
    switch input.byte() % 15 {
    case 0: headers(&input)
    case 1: keepalive(&input)
    case 2: neighbours(&input)
    case 3: addressRequest(&input)
    case 4: hostsFile(&input)
    case 5: leaseFile(&input)
    case 6: names(&input)
    case 7: addresses(&input)
    case 8: reply(&input)
    case 9: stream(&input)
    case 10: errors(&input)
    case 11: NameDecoders.serve(&input)
    case 12: NameDecoders.ask(&input)
    case 13: NameDecoders.lookUp(&input)
    default: TorCircuitDecoder.run(&input)
    }
  }

  private static func headers(_ input: inout FuzzInput) {
    var packet: [UInt8]
    switch input.choice(3) {
    case 0: packet = input.all()
    case 1:
      packet =
        FuzzPacket.version6(&input, from: FuzzWorld.own.address, to: FuzzWorld.served6, atMost: 2_000).bytes
      FuzzPacket.spoil(&packet, &input)
    default:
      packet = FuzzPacket.version4(&input, from: FuzzWorld.served4, to: FuzzWorld.routed4).bytes
      FuzzPacket.spoil(&packet, &input)
    }
    withCopy(of: packet) { memory in
      let bytes = UnsafeRawBufferPointer(memory)
      if let header = IPv6Header(bytes) {
        check(bytes.count == 40 + Int(header.payloadLength), "a header of another length was taken")
      }
      if let header = IPv4Header(bytes) {
        check((20...bytes.count).contains(header.headerSize), "an IPv4 header beyond its packet")
      }
      if let length = try? PacketLength.read(bytes) { check((20...65_575).contains(length), "a length of \(length)") }
      let view = PacketView(memory)
      check((view != nil) == (IPv6Header(bytes) != nil || IPv4Header(bytes) != nil), "a view of what is no packet")
      if let view {
        look(at: view)
        scrub(view)
      }
      if bytes.count >= 40, bytes[0] >> 4 == 6 || IPv4Header(bytes) != nil {
        let isRight = IPv4Header(bytes) != nil
        _ = CongestionMark.set(in: memory)
        if isRight { check(IPv4Header(bytes) != nil, "a mark made the header's checksum wrong") }
      }
    }
  }

  /// All that a packet tells lies within it.
  private static func look(at packet: PacketView) {
    _ = (packet.flow, packet.hopLimit, packet.isKeepalive, packet.mayNotBeFragmented)
    if let upper = packet.upper.layer {
      check(((packet.isIPv4 ? 20 : 40)...packet.count).contains(upper.offset), "an upper layer beyond its packet")
      _ = upper.isDiscovery(in: packet.bytes)
    }
    if packet.isIPv4 { check(packet.source.mappedAddress != nil, "an IPv4 address is none") }
    _ = (SequenceSpan(packet)?.clock(of: packet), packet.canBeSpread)
    if let segment = TCPSegment(packet) {
      check(segment.headersSize <= packet.count, "a TCP header beyond its packet")
      _ = (segment.isIntact, segment.mayBeCut, segment.mayBeJoined, segment.payload.count)
    }
    _ = UDPDatagram.read(packet)
    _ = EchoProbe.reply(packet)
  }

  /// Without its kernel's habits it is the packet that it was, and a receiver takes it.
  private static func scrub(_ packet: PacketView) {
    _ = FuzzWorld.scrubber.scrub(packet)
    guard let clean = PacketView(packet.memory) else { fatalError("a scrubbed packet is none") }
    let isSame =
      clean.source == packet.source && clean.destination == packet.destination && clean.upper == packet.upper
      && clean.nextHeader == packet.nextHeader
    check(isSame, "a scrubbed packet is another")
  }

  private static func keepalive(_ input: inout FuzzInput) {
    let name = FuzzWorld.name(input.byte())
    var packet = Keepalive(name: name).packet(to: FuzzWorld.own.address, flowLabel: 1)
    if input.flag() { packet += input.bytes(atMost: 600) } else { FuzzPacket.spoil(&packet, &input) }
    if packet.count >= 40 {
      let length = packet.count - 40
      (packet[4], packet[5]) = (UInt8(length >> 8), UInt8(length & 0xff))
    }
    withCopy(of: packet) { memory in
      let bytes = UnsafeRawBufferPointer(memory)
      guard let header = IPv6Header(bytes), let view = PacketView(memory), let keepalive = try? Keepalive(view) else {
        return
      }
      _ = keepalive.capabilities
      let again = keepalive.packet(to: header.destination, flowLabel: header.flowLabel)
      again.withUnsafeBytes { bytes in
        guard let view = PacketView(reading: bytes), let other = try? Keepalive(view) else {
          fatalError("a keepalive cannot be read again")
        }
        check(other == keepalive, "a keepalive is another when it is read again")
      }
    }
  }

  private static func neighbours(_ input: inout FuzzInput) {
    if input.flag() {
      let bytes = input.all()
      withCopy(of: bytes) { memory in
        guard let packet = ARPPacket(UnsafeRawBufferPointer(memory)) else { return }
        var stored = [UInt8](repeating: 0, count: ARPPacket.size)
        stored.withUnsafeMutableBytes { packet.store(into: $0) }
        check(stored == Array(bytes.prefix(ARPPacket.size)), "an ARP packet is another when it is written")
      }
      return
    }
    var message: [UInt8] = [133 + input.byte() % 5, 0, 0, 0] + input.all()
    let (source, destination) = (FuzzWorld.own.address, FuzzWorld.own.address.solicitedNode)
    var sum = InternetChecksum(source: source, destination: destination, length: message.count, nextHeader: 58)
    message.withUnsafeMutableBytes { bytes in
      sum.add(UnsafeRawBufferPointer(bytes))
      bytes.storeBytes(of: sum.field, toByteOffset: 2, as: UInt16.self)
    }
    let header = IPv6Header(
      payloadLength: UInt16(clamping: message.count), nextHeader: 58, hopLimit: 255, source: source,
      destination: destination)
    withCopy(of: header.bytes + message) { memory in
      guard let packet = PacketView(memory) else { return }
      let isFirst = message.first == DiscoveryType.routerSolicitation
      check(!RouterSolicitation.isValid(packet) || isFirst, "another message is a router solicitation")
      guard let message = NeighbourMessage(packet), let address = message.linkLayerAddress else { return }
      var stored = [UInt8](repeating: 0, count: NeighbourMessage.packetSize)
      stored.withUnsafeMutableBytes { message.store(into: $0) }
      let again = stored.withUnsafeBytes { PacketView(reading: $0).flatMap { NeighbourMessage($0) } }
      let isSame = again?.target == message.target && again?.linkLayerAddress == address
      check(isSame, "a message is another when it is read again")
    }
  }

  private static func addressRequest(_ input: inout FuzzInput) {
    withCopy(of: input.all()) { memory in
      guard let message = try? DHCPv6Message(UnsafeRawBufferPointer(memory)) else { return }
      let again = message.bytes.withUnsafeBytes { try? DHCPv6Message($0) }
      check(again == message, "a DHCPv6 message is another when it is read again")
    }
  }

  private static func hostsFile(_ input: inout FuzzInput) {
    let isCandid = input.flag()
    var text = input.all()
    if isCandid {
      let name = FuzzWorld.names[0]
      text = Array("\(name.address) ".utf8) + text + Array(" \(name)\n".utf8) + text
    }
    let file = HostsFile(parsing: text)
    check(file.names.count <= HostsFile.mostNames && file.problems.told.count <= LineProblems.mostTold + 1, "too much")
    _ = file.problems.report(of: "file")
    let again = HostsFile(parsing: Array(file.names.map { "\($0.address) \($0)\n" }.joined().utf8))
    check(again.names == file.names && again.problems.isEmpty, "a hosts file is another when it is read again")
  }

  private static func leaseFile(_ input: inout FuzzInput) {
    let file = LeaseFile(parsing: input.all())
    _ = file.problems.report(of: "file")
    let again = LeaseFile(parsing: Array(LeaseFile.text(of: file.leases).utf8))
    check(again.leases == file.leases && again.problems.isEmpty, "a lease file is another when it is read again")
  }

  private static func names(_ input: inout FuzzInput) {
    let isCandid = input.flag()
    var bytes = input.all()
    if isCandid { bytes = Array("http://\(FuzzWorld.names[0])".utf8) + bytes }
    let text = String(decoding: bytes, as: UTF8.self)
    if let name = try? OnionName(text) {
      check((try? OnionName("\(name)")) == name, "a name is another when it is read again")
    }
    if let name = try? OnionName(pasted: text) {
      check((try? OnionName("\(name)")) == name, "a pasted name is another when it is read again")
    }
    if let petname = Petname(text) { check(Petname(petname.description) == petname, "a petname is another") }
    if let decoded = Base32.decode(bytes), bytes.count % 8 == 0 {
      check(Base32.encode(decoded) == text.lowercasedASCII, "base32 is another when it is written again")
    }
  }

  private static func addresses(_ input: inout FuzzInput) {
    let text = String(decoding: input.all(), as: UTF8.self)
    if let address = IPv6Address(text) { check(IPv6Address("\(address)") == address, "\(address) is read as another") }
    if let address = IPv4Address(text) { check("\(address)" == text, "\(address) is read as another") }
    if let address = MACAddress(text) { check(MACAddress("\(address)") == address, "\(address) is read as another") }
    if let identifier = DUID(text) { check(DUID("\(identifier)") == identifier, "a DUID is read as another") }
    if let prefix = IPPrefix(text) {
      check(IPPrefix("\(prefix)") == prefix && prefix.contains(prefix), "\(prefix) is read as another")
      let route = Route(prefix: prefix, via: FuzzWorld.names[0])
      if let table = try? RouteTable(routes: [route], served: []), case .ipv6(let prefix) = prefix {
        _ = table.match(prefix.address, isIPv4: false)
      }
    }
    if let prefix = IPPrefix(masking: text) { check(IPPrefix("\(prefix)") == prefix, "\(prefix) is read as another") }
  }

  private static func reply(_ input: inout FuzzInput) {
    let cut = input.choice(9)
    let bytes = input.all()
    var (whole, pieces) = (SOCKS4aReply(), SOCKS4aReply())
    bytes.withUnsafeBytes { all in
      var rest = all
      let expected = Result { try whole.consume(&rest) }
      var (first, second) = (
        UnsafeRawBufferPointer(rebasing: all.prefix(cut)), UnsafeRawBufferPointer(rebasing: all.dropFirst(cut))
      )
      let found = Result {
        let isEnough = try pieces.consume(&first)
        return try isEnough ? true : pieces.consume(&second)
      }
      switch (expected, found) {
      case (.success(let expected), .success(let found)):
        check(expected == found, "a reply in pieces is another")
        if found { check(rest.count == first.count + second.count, "what follows a reply is lost") }
      case (.failure, .failure): break
      default: fatalError("a reply in pieces is another")
      }
    }
  }

  /// What a circuit brings at once, and in any pieces, is the same.
  private static func stream(_ input: inout FuzzInput) {
    let pieces = [UInt8](input.bytes(atMost: 1 + input.choice(16)))
    var bytes: [UInt8] = []
    while !input.isEmpty, bytes.count < 150_000 {
      switch input.choice(4) {
      case 0: bytes += input.bytes(atMost: Int(input.byte()))
      case 1: bytes += FuzzPacket.version4(&input, from: FuzzWorld.served4, to: FuzzWorld.routed4).bytes
      case 2: bytes += Keepalive(name: FuzzWorld.names[0]).packet(to: FuzzWorld.own.address, flowLabel: 1)
      default: bytes += FuzzPacket.version6(&input, from: FuzzWorld.own.address, to: FuzzWorld.served6).bytes
      }
    }
    let whole = packets(in: [bytes])
    var parts: [[UInt8]] = []
    var rest = bytes[...]
    var index = 0
    while !rest.isEmpty {
      let piece = pieces.isEmpty ? 1_000 : Int(pieces[index % pieces.count])
      // Long ones take many pieces: some of them are long, too.
      let part = rest.prefix(1 + (piece & 0x80 == 0 ? piece : piece * 50))
      parts.append(Array(part))
      rest = rest.dropFirst(part.count)
      index += 1
    }
    let again = packets(in: parts)
    check(again.packets == whole.packets, "a stream in pieces has other packets")
    check(again.isLost == whole.isLost, "a stream in pieces is judged otherwise")
  }

  private static func packets(in parts: [[UInt8]]) -> (packets: [[UInt8]], isLost: Bool) {
    var store = PacketStore()
    var defragmenter = Defragmenter()
    var packets: [[UInt8]] = []
    var isLost = false
    var begun = 0
    for part in parts where !isLost {
      withCopy(of: part) { memory in
        var input = memory
        do throws(StreamError) {
          while let packet = try defragmenter.next(&input, store: &store) {
            packets.append(Array(packet))
            begun = 0
          }
          begun += part.count
        } catch {
          isLost = true
        }
        defragmenter.finish(store: &store)
      }
      check(defragmenter.memory == store.lentBytes, "a defragmenter holds what it does not tell")
      // The longest size is a little more than twice the one before.
      check(defragmenter.memory <= max(PacketStore.smallSize, 2 * begun + 64), "more is held than twice what came")
    }
    defragmenter.abandon(store: &store)
    check(store.lentBytes == 0 && defragmenter.memory == 0, "something is lent for ever")
    return (packets, isLost)
  }

  /// Errors about any packet.
  private static func errors(_ input: inout FuzzInput) {
    var packet =
      input.flag()
      ? FuzzPacket.version6(&input, from: FuzzWorld.own.address, to: FuzzWorld.served6, atMost: 2_000).bytes
      : FuzzPacket.version4(&input, from: FuzzWorld.served4, to: FuzzWorld.routed4).bytes
    FuzzPacket.spoil(&packet, &input)
    let mtu = input.number()
    withCopy(of: packet) { memory in
      guard let packet = PacketView(memory) else { return }
      ICMPv6TooBig.withError(mtu: UInt32(mtu), about: packet, from: FuzzWorld.own.address) {
        check(IPv6Header($0) != nil && $0.count <= 1_280, "an error is no packet")
      }
      ICMPv6Unreachable.withError(.noRoute, about: packet, from: FuzzWorld.own.address) {
        check(IPv6Header($0) != nil && $0.count <= 1_280, "an error is no packet")
      }
      ICMPv4Error.withError(.fragmentationNeeded(mtu: mtu), about: packet, from: FuzzWorld.served4) {
        check(IPv4Header($0) != nil, "an error is no packet")
      }
    }
  }
}
