/// The link with the hosts of a LAN and the services that give them addresses and names, driven by a script of frames,
/// deliveries and time.
enum LinkTarget {
  private static let addresses = FuzzWorld.names.prefix(4).map(\.address)

  static func run(_ input: consuming FuzzInput) {
    var world = LinkWorld(&input)
    input.eachEvent { input in
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
    let (frame, offload) = world.lan.frame(&input)
    world.receive(frame, offload, isLive: input.flag())
  }

  private static func deliver(_ input: inout FuzzInput, _ world: inout LinkWorld) {
    var packet =
      input.flag()
      ? FuzzPacket.version4(&input, from: FuzzWorld.routed4, to: FuzzLAN.address4(input.byte())).bytes
      : FuzzPacket.version6(&input, from: FuzzWorld.names[5].address, to: world.lan.address6(input.byte())).bytes
    if input.byte() > 0xe0 { FuzzPacket.spoil(&packet, &input) }
    let offload = input.byte() > 0xe0 ? FuzzPacket.hostileOffload(&input) : .none
    world.deliver(packet, offload)
  }

  /// The link, its service and the time.
  private struct LinkWorld: ~Copyable {
    var link: EthernetLink
    var service: AddressService
    var names: NameService
    var lan = FuzzLAN(of: addresses)
    var wire = FuzzWire()
    private var now = Instant(nanoseconds: 5_000_000_000)
    private let start = Instant(nanoseconds: 5_000_000_000)

    init(_ input: inout FuzzInput) {
      let shape = input.byte()
      let mtu = shape & 1 == 0 ? 1_500 : 65_535
      var settings = LinkSettings(macAddress: FuzzLAN.mac, ownAddresses: addresses, mtu: mtu)
      settings.carriesIPv4 = shape & 2 == 0
      FuzzLAN.setPrefixes(of: &settings)
      settings.answersNames = shape & 32 == 0
      link = EthernetLink(settings)
      names = NameService(FuzzLAN.nameServer, random: FuzzGenerator(seed: 4))
      service = lan.service(
        isFirstReserved: shape & 16 == 0, hasBinding: shape & 4 != 0, hasLease: shape & 8 != 0, at: now)
    }

    private var wallClock: Int64 { FuzzLAN.wallClock + (now - start).wholeSeconds }

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
        check(lan.hear(packet), "an answer is neither datagram nor segment")
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
      FuzzLAN.judge(service.leases, of: addresses)
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
    check(ethernet.source == FuzzLAN.mac, "a frame of another station")
    var sum: UInt8 = 0
    for run in runs { for byte in run { sum &+= byte } }
    check(runs.count > 1 || first.count > 14, "an empty frame, \(sum)")
    return isUp
  }
}
