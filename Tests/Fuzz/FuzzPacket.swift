/// Packets that are right in all that the input does not say otherwise, so that what it changes is reached.
enum FuzzPacket {
  /// Where fields of a packet's upper layer stand, and what the kernel would say of it.
  struct Made {
    var bytes: [UInt8]
    /// Where the upper layer begins.
    var start: Int
    /// Its number.
    var protocolNumber: UInt8
    /// How many bytes of it are headers.
    var headerSize: Int
    /// Where its checksum stands in it; `nil` if it has none that a device completes.
    var checksumOffset: Int?
    var isFragment = false
  }

  /// A packet of IPv6 between these hosts.
  static func version6(
    _ input: inout FuzzInput, from source: IPv6Address, to destination: IPv6Address, atMost most: Int = 65_535,
    isPartial: Bool = false
  ) -> Made {
    let kind = input.choice(10)
    let shape = input.byte()
    var numbers: [UInt8] = []
    var extensions: [[UInt8]] = []
    var isFragment = false
    if shape & 0x80 != 0 {
      for _ in 0...input.choice(3) {
        let number = [0, 43, 44, 60, 51, 135, 139, 140, 253][input.choice(9)] as UInt8
        let words = number == 44 ? 0 : input.choice(4)
        var header = [UInt8](repeating: 0, count: 8 + 8 * words)
        header[1] = UInt8(words)
        if number == 44 {
          header[2] = input.byte()
          header[3] = input.byte()
          isFragment = true
        }
        numbers.append(number)
        extensions.append(header)
      }
    }
    var upper = self.upper(
      kind, &input, from: source, to: destination, atMost: max(0, most - extensions.reduce(0) { $0 + $1.count } - 100))
    var chain: [UInt8] = []
    for (index, var header) in extensions.enumerated() {
      header[0] = index + 1 < numbers.count ? numbers[index + 1] : upper.protocolNumber
      chain += header
    }
    if let offset = upper.checksumOffset {
      var sum = InternetChecksum(
        source: source, destination: destination, length: upper.bytes.count, nextHeader: upper.protocolNumber)
      upper.bytes.withUnsafeMutableBytes { bytes in
        bytes.storeBytes(of: 0, toByteOffset: offset, as: UInt16.self)
        if !isPartial { sum.add(UnsafeRawBufferPointer(bytes)) }
        let field = isPartial ? sum.folded : sum.field == 0 ? 0xffff : sum.field
        bytes.storeBytes(of: field, toByteOffset: offset, as: UInt16.self)
      }
    }
    var header = [UInt8](repeating: 0, count: IPv6Header.size)
    header.withUnsafeMutableBytes {
      IPv6Header(
        flowLabel: UInt32(shape & 7), payloadLength: UInt16(clamping: chain.count + upper.bytes.count),
        nextHeader: numbers.first ?? upper.protocolNumber, hopLimit: kind == 4 ? 255 : 64, source: source,
        destination: destination
      ).store(into: $0)
    }
    if shape & 0x40 != 0 { header[1] |= 0x20 }
    return Made(
      bytes: header + chain + upper.bytes, start: header.count + chain.count, protocolNumber: upper.protocolNumber,
      headerSize: upper.headerSize, checksumOffset: upper.checksumOffset, isFragment: isFragment)
  }

  /// A packet of IPv4 between these hosts.
  static func version4(
    _ input: inout FuzzInput, from source: IPv4Address, to destination: IPv4Address, isPartial: Bool = false
  ) -> Made {
    let kind = input.choice(3)
    let shape = input.byte()
    let options = shape & 0x80 == 0 ? [] : input.bytes(atMost: 4 * input.choice(11))
    let headerSize = (20 + options.count + 3) / 4 * 4
    var upper = self.upper(kind, &input, from: .unspecified, to: .unspecified, atMost: 65_535 - headerSize - 100)
    if kind == 2 { upper.protocolNumber = 1 }
    if let offset = upper.checksumOffset, kind < 2 {
      var sum = InternetChecksum()
      for address in [source, destination] {
        sum.add(UInt16(truncatingIfNeeded: address.value >> 16))
        sum.add(UInt16(truncatingIfNeeded: address.value))
      }
      sum.add(UInt16(upper.protocolNumber))
      sum.add(UInt16(truncatingIfNeeded: upper.bytes.count))
      upper.bytes.withUnsafeMutableBytes { bytes in
        bytes.storeBytes(of: 0, toByteOffset: offset, as: UInt16.self)
        if !isPartial { sum.add(UnsafeRawBufferPointer(bytes)) }
        let field = isPartial ? sum.folded : sum.field == 0 ? 0xffff : sum.field
        bytes.storeBytes(of: field, toByteOffset: offset, as: UInt16.self)
      }
    }
    let length = headerSize + upper.bytes.count
    let fragment: UInt16 = shape & 0x20 != 0 ? input.number() : shape & 0x10 != 0 ? 0x4000 : 0
    var header: [UInt8] = [
      0x40 | UInt8(headerSize / 4), shape & 3, UInt8(length >> 8), UInt8(length & 0xff), 0xab, shape,
      UInt8(fragment >> 8), UInt8(fragment & 0xff), 64, upper.protocolNumber, 0, 0,
    ]
    for address in [source, destination] {
      header += [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: address.value >> UInt32($0)) }
    }
    header += options
    header += [UInt8](repeating: 0, count: headerSize - header.count)
    header.withUnsafeMutableBytes { IPv4Header.complete($0) }
    return Made(
      bytes: header + upper.bytes, start: headerSize, protocolNumber: upper.protocolNumber,
      headerSize: upper.headerSize, checksumOffset: kind < 2 ? upper.checksumOffset : nil,
      isFragment: fragment & 0x3fff != 0)
  }

  /// Changes some bytes of it, or cuts it off.
  static func spoil(_ bytes: inout [UInt8], _ input: inout FuzzInput) {
    for _ in 0..<input.choice(4) where !bytes.isEmpty {
      let place = input.byte() < 0xe0 ? Int(input.byte()) : Int(input.number())
      bytes[place % bytes.count] = input.byte()
    }
    if input.byte() > 0xf0 { bytes.removeLast(min(bytes.count, Int(input.byte()))) }
  }

  /// What a kernel would say that is left to be done to the packet, whose checksum is partial.
  static func offload(of made: Made, size: UInt16, isCut: Bool) -> OffloadHeader {
    guard let offset = made.checksumOffset else { return .none }
    let checksum = OffloadHeader.Checksum(start: UInt16(clamping: made.start), offset: UInt16(offset))
    switch made.protocolNumber {
    case 6 where isCut:
      let flags = made.start + 13 < made.bytes.count ? made.bytes[made.start + 13] : 0
      return OffloadHeader(segmentation: .tcp(size: size, hasECN: flags & 0x80 != 0), checksum: checksum)
    case 17 where isCut: return OffloadHeader(segmentation: .udp(size: size), checksum: checksum)
    default: return OffloadHeader(segmentation: .none, checksum: checksum)
    }
  }

  /// What nobody should say of a packet.
  static func hostileOffload(_ input: inout FuzzInput) -> OffloadHeader {
    let checksum = OffloadHeader.Checksum(
      start: input.flag() ? UInt16(input.byte()) : input.number(),
      offset: input.flag() ? UInt16(input.byte()) : input.number())
    let size = input.flag() ? UInt16(input.byte()) : input.number()
    switch input.choice(4) {
    case 0: return OffloadHeader(segmentation: .none, checksum: checksum)
    case 1: return OffloadHeader(segmentation: .tcp(size: size, hasECN: size & 1 == 1), checksum: checksum)
    case 2: return OffloadHeader(segmentation: .udp(size: size), checksum: checksum)
    default: return OffloadHeader(segmentation: .tcp(size: size, hasECN: false), checksum: nil)
    }
  }

  private struct Upper {
    var bytes: [UInt8]
    var protocolNumber: UInt8
    var headerSize = 0
    var checksumOffset: Int?
  }

  private static func upper(
    _ kind: Int, _ input: inout FuzzInput, from source: IPv6Address, to destination: IPv6Address, atMost most: Int
  ) -> Upper {
    switch kind {
    case 0: return tcp(&input, atMost: most)
    case 1:
      let payload = payload(input.length(atMost: most))
      let ports: [UInt8] = [0, input.byte() & 7, 2, 0x23]
      let length = 8 + payload.count
      return Upper(
        bytes: ports + [UInt8(length >> 8), UInt8(length & 0xff), 0, 0] + payload, protocolNumber: 17, headerSize: 8,
        checksumOffset: 6)
    case 2:
      let type = 128 + (input.byte() & 1)
      return Upper(
        bytes: [type, 0, 0, 0, 0, input.byte() & 7, 0, 1] + payload(input.length(atMost: most)), protocolNumber: 58,
        headerSize: 8, checksumOffset: 2)
    case 3:
      // An error, which quotes a packet that went the other way.
      var quote = [UInt8](repeating: 0, count: IPv6Header.size)
      quote.withUnsafeMutableBytes {
        IPv6Header(payloadLength: 8, nextHeader: 17, hopLimit: 64, source: destination, destination: source)
          .store(into: $0)
      }
      return Upper(
        bytes: [1 + input.byte() & 3, 0, 0, 0, 0, 0, 5, 0] + quote + [0, 1, 0, 2, 0, 8, 0, 0], protocolNumber: 58,
        headerSize: 8, checksumOffset: 2)
    case 4:
      let message = [133 + input.byte() % 5, 0, 0, 0] + input.bytes(atMost: Int(input.byte() & 63))
      return Upper(bytes: message, protocolNumber: 58, headerSize: 4, checksumOffset: 2)
    case 5: return Upper(bytes: input.bytes(atMost: Int(input.byte())), protocolNumber: 59)
    case 6: return Upper(bytes: payload(input.length(atMost: most)), protocolNumber: input.byte())
    default: return tcp(&input, atMost: most)
    }
  }

  private static func tcp(_ input: inout FuzzInput, atMost most: Int) -> Upper {
    let shape = input.byte()
    let options: [UInt8] = shape & 0x80 == 0 ? [] : [1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2]
    let flags: UInt8 = shape & 0x40 == 0 ? 0x10 : input.byte()
    let sequence = input.number()
    let payload = payload(input.length(atMost: most))
    let words = UInt8(5 + options.count / 4)
    let ports: [UInt8] = [0x40, shape & 7, 0, 80]
    return Upper(
      bytes: ports + [0, 0, UInt8(sequence >> 8), UInt8(sequence & 0xff), 0, 0, 0, shape >> 4 & 3]
        + [words << 4, flags, 1, 0, 0, 0, 0, 0] + options + payload, protocolNumber: 6,
      headerSize: Int(words) * 4, checksumOffset: 16)
  }

  static func payload(_ count: Int) -> [UInt8] {
    [UInt8](unsafeUninitializedCapacity: count) { memory, initialized in
      for index in 0..<count { memory.initializeElement(at: index, to: UInt8(truncatingIfNeeded: index &* 131)) }
      initialized = count
    }
  }
}
