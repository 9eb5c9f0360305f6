/// Packets that are cut, joined, completed and fragmented: what comes out is compared with what went in.
enum SegmentTarget {
  private static let source = IPv6Address(high: 0xfd87_d87e_eb43_0000, low: 2)
  private static let destination = IPv6Address(high: 0xfd87_d87e_eb43_0000, low: 1)

  static func run(_ input: consuming FuzzInput) {
    Fuzz.events += 1
    switch input.byte() % 6 {
    case 0, 1: splitAndJoin(&input)
    case 2: completeHostile(&input)
    case 3: joinAny(&input)
    case 4: fragment(&input)
    default: storeHeader(&input)
    }
  }

  /// A super-packet of a kernel: its segments are right, and joined again they are what they were.
  private static func splitAndJoin(_ input: inout FuzzInput) {
    let isVersion4 = input.flag()
    let made =
      isVersion4
      ? FuzzPacket.version4(
        &input, from: FuzzWorld.served4, to: FuzzWorld.routed4, isPartial: true)
      : FuzzPacket.version6(&input, from: source, to: destination, isPartial: true)
    let size = UInt16(input.length(atMost: 65_535))
    let offload = FuzzPacket.offload(of: made, size: size, isCut: true)
    let isScrubbed = input.flag()
    withCopy(of: made.bytes) { packet in
      guard let view = PacketView(packet), let left = ChecksumCompletion.prepare(view, offload) else { return }
      if isScrubbed, !FuzzWorld.scrubber.scrub(view, left) { return }
      guard left.segmentation != .none else {
        if made.checksumOffset != nil { checkSum(Array(packet), made) }
        return
      }
      var segments: [[UInt8]] = []
      guard var splitter = SegmentSplitter(view, header: left) else { return }
      let announced = splitter.countLeft
      while let length = splitter.nextLength {
        check(splitter.countLeft == announced - segments.count, "the count of segments is wrong")
        check(length <= made.start + made.headerSize + Int(size), "a segment of \(length) bytes")
        segments.append(
          [UInt8](unsafeUninitializedCapacity: length) { memory, count in
            count = splitter.next(into: UnsafeMutableRawBufferPointer(memory))
          })
        check(segments[segments.count - 1].count == length, "a segment is shorter than was said")
        check(segments.count <= announced, "more segments than were announced")
      }
      check(segments.count == announced, "\(segments.count) segments of \(announced)")
      let headers = made.start + made.headerSize
      check(
        segments.flatMap { $0.dropFirst(headers) } == Array(made.bytes.dropFirst(headers)), "the payload is another")
      for segment in segments { checkSum(segment, made) }
      if !isVersion4 { joinAgain(segments) }
    }
  }

  private static func checkSum(_ segment: [UInt8], _ made: FuzzPacket.Made) {
    segment.withUnsafeBytes { bytes in
      let upper = UnsafeRawBufferPointer(rebasing: bytes[made.start...])
      if bytes[0] >> 4 == 4 {
        check(IPv4Header(bytes) != nil, "the IPv4 header of a segment is wrong")
        var sum = InternetChecksum()
        sum.add(UnsafeRawBufferPointer(rebasing: bytes[12..<20]))
        sum.add(UInt16(made.protocolNumber))
        sum.add(UInt16(upper.count))
        sum.add(upper)
        check(sum.field == 0, "the checksum of a segment is wrong")
      } else {
        check(Int(bytes.number(at: 4)) == bytes.count - 40, "the length of a segment is wrong")
        var sum = InternetChecksum(
          source: source, destination: destination, length: upper.count, nextHeader: made.protocolNumber)
        sum.add(upper)
        check(sum.field == 0, "the checksum of a segment is wrong")
      }
    }
  }

  /// Segments that come one after the other leave the joiner in their order and as they were.
  private static func joinAgain(_ segments: [[UInt8]]) {
    guard segments.count < 2_000 else { return }
    var sink = CollectingDevice()
    join(segments, egressMTU: 65_575, into: &sink)
    check(sink.packets == segments, "joined and cut again, segments are others")
  }

  /// Segments of some flows, in any order: each flow leaves the joiner in its order, and as it was.
  private static func joinAny(_ input: inout FuzzInput) {
    var packets: [[UInt8]] = []
    var next: [UInt8: UInt32] = [:]
    var areSpoiled = false
    let mtu = 1_280 + Int(input.number() & 0x1fff)
    while !input.isEmpty, packets.count < 200 {
      let (flow, shape) = (input.byte() % 10, input.byte())
      let payload = FuzzPacket.payload(shape & 3 == 0 ? Int(input.byte()) : 100)
      let sequence = shape & 0x30 == 0x30 ? UInt32(input.byte()) : next[flow, default: 0]
      next[flow] = sequence &+ UInt32(payload.count)
      let flags: UInt8 = shape & 0x40 == 0 ? 0x10 : input.byte()
      var segment: [UInt8] = [0, flow, 0, 80]
      segment += [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: sequence >> UInt32($0)) }
      segment += [0, 0, 0, 1, 0x50, flags, 1, 0, 0, 0, 0, 0] + payload
      var packet = [UInt8](repeating: 0, count: IPv6Header.size) + segment
      packet.withUnsafeMutableBytes { bytes in
        IPv6Header(
          payloadLength: UInt16(segment.count), nextHeader: 6, hopLimit: 64, source: source, destination: destination
        ).store(into: bytes)
        var sum = InternetChecksum(source: source, destination: destination, length: segment.count, nextHeader: 6)
        sum.add(UnsafeRawBufferPointer(rebasing: bytes[40...]))
        bytes.storeBytes(of: sum.field, toByteOffset: 56, as: UInt16.self)
      }
      if shape & 0x80 != 0, input.byte() > 0xf0 {
        FuzzPacket.spoil(&packet, &input)
        areSpoiled = true
      }
      packets.append(packet)
    }
    let whole = packets.filter { $0.withUnsafeBytes { PacketView(reading: $0) != nil } }
    var sink = CollectingDevice()
    join(whole, egressMTU: mtu, into: &sink)
    check(sink.packets.count == whole.count, "\(whole.count) packets became \(sink.packets.count)")
    // What was spoiled may be of another flow than it looks.
    guard !areSpoiled else { return }
    for flow in 0..<UInt8(10) {
      let isOfFlow = { (packet: [UInt8]) in packet.count > 41 && packet[41] == flow }
      check(sink.packets.filter(isOfFlow) == whole.filter(isOfFlow), "a flow is not as it was")
    }
  }

  private static func join(_ packets: [[UInt8]], egressMTU: Int, into sink: inout CollectingDevice) {
    var joiner = SegmentJoiner()
    let memory = packets.map { packet in
      let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: packet.count, alignment: 1)
      copy.copyBytes(from: packet)
      return copy
    }
    for packet in memory {
      guard let view = PacketView(packet) else { fatalError("a segment is no packet") }
      _ = joiner.add(view, egressMTU: egressMTU, to: &sink)
    }
    _ = joiner.flush(to: &sink)
    for packet in memory { packet.deallocate() }
  }

  /// A packet of which anything is said: nothing that was judged may change but one checksum behind all headers.
  private static func completeHostile(_ input: inout FuzzInput) {
    var made =
      input.flag()
      ? FuzzPacket.version4(&input, from: FuzzWorld.served4, to: FuzzWorld.routed4, isPartial: true)
      : FuzzPacket.version6(&input, from: source, to: destination, isPartial: true)
    FuzzPacket.spoil(&made.bytes, &input)
    var offload = FuzzPacket.offload(of: made, size: input.number(), isCut: input.flag())
    if input.flag() { offload = FuzzPacket.hostileOffload(&input) }
    withCopy(of: made.bytes) { packet in
      guard let view = PacketView(packet), let left = ChecksumCompletion.prepare(view, offload) else {
        check(Array(packet) == made.bytes, "a packet that was refused is another")
        return
      }
      let changed = packet.indices.filter { packet[$0] != made.bytes[$0] }
      if let first = changed.first, let last = changed.last {
        check(last - first < 2 && first >= 20, "a checksum was written at \(first)")
        if packet[0] >> 4 == 6 { check(first >= 42, "the header of IPv6 was changed at \(first)") }
      }
      guard left.segmentation != .none else { return }
      guard var splitter = SegmentSplitter(view, header: left) else { return }
      check(splitter.countLeft <= 8_192, "\(splitter.countLeft) segments")
      var count = 0
      let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: packet.count, alignment: 1)
      defer { buffer.deallocate() }
      let announced = splitter.countLeft
      while splitter.next(into: buffer) > 0 {
        count += 1
        check(count <= announced, "more segments than were announced")
      }
    }
  }

  /// The fragments of an IPv4 packet have its payload, each within the MTU.
  private static func fragment(_ input: inout FuzzInput) {
    let made = FuzzPacket.version4(&input, from: FuzzWorld.served4, to: FuzzWorld.routed4)
    let mtu = input.length(atMost: 65_535)
    withCopy(of: made.bytes) { packet in
      let bytes = UnsafeRawBufferPointer(packet)
      guard let header = IPv4Header(bytes), let view = PacketView(packet),
        var fragmenter = IPv4Fragmenter(view, mtu: mtu)
      else { return }
      var payload: [UInt8] = []
      let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: max(mtu, bytes.count), alignment: 1)
      defer { buffer.deallocate() }
      var isLast = false
      while let length = fragmenter.nextLength {
        check(!isLast, "a fragment follows the last")
        check(length <= mtu, "a fragment of \(length) bytes for \(mtu)")
        check(fragmenter.next(into: buffer) == length, "a fragment is shorter than was said")
        let fragment = UnsafeRawBufferPointer(rebasing: buffer[..<length])
        guard let part = IPv4Header(fragment) else { fatalError("a fragment's header is wrong") }
        check(part.fragmentOffset == header.fragmentOffset + payload.count, "a fragment stands elsewhere")
        payload += fragment.dropFirst(part.headerSize)
        isLast = !part.hasMoreFragments || payload.count == bytes.count - header.headerSize
      }
      check(payload == Array(bytes.dropFirst(header.headerSize)), "the fragments' payload is another")
    }
  }

  private static func storeHeader(_ input: inout FuzzInput) {
    let frame = input.all()
    withCopy(of: frame) { bytes in
      guard let header = OffloadHeader(loading: UnsafeRawBufferPointer(bytes)) else { return }
      let packet = UnsafeRawBufferPointer(rebasing: bytes[OffloadHeader.size...])
      check(Int(header.headerLength(of: packet)) <= packet.count, "headers longer than the packet")
      var stored = [UInt8](repeating: 0, count: OffloadHeader.size)
      stored.withUnsafeMutableBytes { header.store(into: $0, headerLength: 0) }
      let again = stored.withUnsafeBytes { OffloadHeader(loading: $0) }
      check(again == header, "an offload header is another when it is read again")
      _ = header.moved(by: 14)
      _ = header.moved(by: -14)
    }
  }
}

/// Keeps what it is given, cut as the kernel would cut it.
struct CollectingDevice: PacketSink {
  var packets: [[UInt8]] = []

  mutating func deliver(_ runs: UnsafeBufferPointer<UnsafeRawBufferPointer>, _ header: OffloadHeader) -> Bool {
    let bytes = runs.flatMap { Array($0) }
    guard header.segmentation != .none else {
      packets.append(bytes)
      return true
    }
    bytes.withUnsafeBytes { packet in
      guard let view = PacketView(reading: packet), var splitter = SegmentSplitter(view, header: header) else {
        fatalError("what was joined cannot be cut")
      }
      while let length = splitter.nextLength {
        packets.append(
          [UInt8](unsafeUninitializedCapacity: length) { memory, count in
            count = splitter.next(into: UnsafeMutableRawBufferPointer(memory))
          })
      }
    }
    return true
  }
}
