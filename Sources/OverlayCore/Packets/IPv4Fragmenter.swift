/// An IPv4 fragmenter cuts an IPv4 packet into fragments for a link with a smaller MTU (RFC 791 section 3.2). Each
/// payload but the last is a multiple of eight bytes. The first fragment keeps all options; the others keep those that
/// are marked to be copied.
struct IPv4Fragmenter {
  private let packet: UnsafeRawBufferPointer
  private let header: IPv4Header
  private let mtu: Int
  // The length of the header of every fragment but the first, in bytes.
  private let laterHeaderSize: Int
  private var offset = 0

  /// Makes the fragmenter of `packet`, whose memory must stay until the last fragment was made. Fragments have at most
  /// `mtu` bytes, and `mtu` is at least 68. It is `nil` for a packet that may not be fragmented, as no IPv6 packet may,
  /// and for a fragment that ends behind the longest packet that IPv4 permits.
  init?(_ packet: PacketView, mtu: Int) {
    guard let header = IPv4Header(packet), !header.mayNotBeFragmented, mtu >= IPv4Header.smallestMTU,
      header.fragmentOffset + packet.count <= Int(UInt16.max)
    else { return nil }
    self.packet = packet.bytes
    self.header = header
    self.mtu = mtu
    var size = IPv4Header.size
    IPv4Fragmenter.forEachCopiedOption(of: packet.bytes, header) { size += $0.count }
    laterHeaderSize = (size + 3) & ~3
  }

  /// The length of the next fragment in bytes; `nil` when there are no more.
  var nextLength: Int? {
    let left = packet.count - header.headerSize - offset
    guard left > 0 || offset == 0 else { return nil }
    let room = mtu - headerSize
    return headerSize + (left <= room ? left : room & ~7)
  }

  /// Writes the next fragment to the start of `buffer` and returns its length; 0 if there is none left, or if it does
  /// not fit.
  mutating func next(into buffer: UnsafeMutableRawBufferPointer) -> Int {
    guard let length = nextLength, length <= buffer.count else { return 0 }
    let headerSize = headerSize
    let payload = packet[(header.headerSize + offset)...].prefix(length - headerSize)
    storeHeader(into: buffer)
    UnsafeMutableRawBufferPointer(rebasing: buffer[headerSize..<length]).copyBytes(from: payload)
    let isLast = header.headerSize + offset + payload.count == packet.count
    var fragment = UInt16(truncatingIfNeeded: (header.fragmentOffset + offset) / 8) & IPv4Header.Field.fragmentOffset
    if !isLast || header.hasMoreFragments { fragment |= IPv4Header.Field.hasMoreFragments }
    buffer[0] = 4 << 4 | UInt8(truncatingIfNeeded: headerSize / 4)
    buffer.store(UInt16(truncatingIfNeeded: length), at: IPv4Header.Field.totalLength)
    buffer.store(fragment, at: IPv4Header.Field.fragment)
    IPv4Header.complete(UnsafeMutableRawBufferPointer(rebasing: buffer[..<headerSize]))
    offset += max(payload.count, 1)
    return length
  }

  private var headerSize: Int { offset == 0 ? header.headerSize : laterHeaderSize }

  private func storeHeader(into buffer: UnsafeMutableRawBufferPointer) {
    guard offset > 0 else { return buffer.copyMemory(from: UnsafeRawBufferPointer(rebasing: packet[..<headerSize])) }
    buffer.copyMemory(from: UnsafeRawBufferPointer(rebasing: packet[..<IPv4Header.size]))
    var end = IPv4Header.size
    IPv4Fragmenter.forEachCopiedOption(of: packet, header) { option in
      UnsafeMutableRawBufferPointer(rebasing: buffer[end...]).copyMemory(from: option)
      end += option.count
    }
    for padding in end..<laterHeaderSize { buffer[padding] = Option.end }
  }

  private enum Option {
    static let end: UInt8 = 0
    static let noOperation: UInt8 = 1
    /// The bit of an option's type that says that every fragment has the option.
    static let copied: UInt8 = 0x80
  }

  /// Calls `body` with each option that every fragment has. It ends at an option that is cut off.
  private static func forEachCopiedOption(
    of packet: UnsafeRawBufferPointer, _ header: IPv4Header, _ body: (UnsafeRawBufferPointer) -> Void
  ) {
    var offset = IPv4Header.size
    while offset < header.headerSize, packet[offset] != Option.end {
      guard packet[offset] != Option.noOperation else {
        offset += 1
        continue
      }
      guard offset + 1 < header.headerSize else { return }
      let end = offset + Int(packet[offset + 1])
      guard end >= offset + 2, end <= header.headerSize else { return }
      if packet[offset] & Option.copied != 0 { body(UnsafeRawBufferPointer(rebasing: packet[offset..<end])) }
      offset = end
    }
  }
}
