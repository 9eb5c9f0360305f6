/// A UDP datagram in an IPv6 packet without extension headers (RFC 768, RFC 8200 section 8.1).
///
///     +-------------------------------+-------------------------------+
///     |          source port          |       destination port        |
///     +-------------------------------+-------------------------------+
///     |    length, with this header   |           checksum            |
///     +-------------------------------+-------------------------------+
enum UDPDatagram {
  /// A datagram that came in. It is valid as long as the packet.
  struct Received {
    let sourcePort: UInt16
    let destinationPort: UInt16
    let payload: UnsafeRawBufferPointer
  }

  /// Reads the datagram in `packet`. It is `nil` if there is none, or if its length or checksum is wrong.
  static func read(_ packet: PacketView) -> Received? {
    guard !packet.isIPv4, packet.nextHeader == NextHeader.udp else { return nil }
    let datagram = UnsafeRawBufferPointer(rebasing: packet.bytes[IPv6Header.size...])
    guard datagram.count >= UDPHeader.size, Int(datagram.number(at: UDPHeader.length)) == datagram.count else {
      return nil
    }
    var checksum = InternetChecksum(
      source: packet.source, destination: packet.destination, length: datagram.count, nextHeader: NextHeader.udp)
    checksum.add(datagram)
    guard datagram.number(at: UDPHeader.checksum) != 0, checksum.field == 0 else { return nil }
    return Received(
      sourcePort: datagram.number(at: 0), destinationPort: datagram.number(at: 2),
      payload: UnsafeRawBufferPointer(rebasing: datagram[UDPHeader.size...]))
  }

  /// Returns the ports of the datagram that a packet of IPv6 begins with; `nil` for any other packet. Nothing else
  /// of it is looked at.
  static func ports(_ packet: PacketView) -> (source: UInt16, destination: UInt16)? {
    guard !packet.isIPv4, packet.nextHeader == NextHeader.udp, packet.count >= IPv6Header.size + UDPHeader.size else {
      return nil
    }
    return ports(at: IPv6Header.size, in: packet.bytes)
  }

  /// Returns the ports of the header that stands there.
  static func ports(
    at offset: Int, in bytes: UnsafeRawBufferPointer
  ) -> (source: UInt16, destination: UInt16) {
    (bytes.number(at: offset), bytes.number(at: offset + 2))
  }

  /// Returns the whole packet that carries `payload`, which has at most 65,527 bytes; more are left out.
  static func packet(
    from source: (address: IPv6Address, port: UInt16), to destination: (address: IPv6Address, port: UInt16),
    payload: [UInt8], hopLimit: UInt8 = 255
  ) -> [UInt8] {
    let payload = payload.prefix(Int(UInt16.max) - UDPHeader.size)
    var datagram: [UInt8] = []
    datagram.append(bigEndian: source.port)
    datagram.append(bigEndian: destination.port)
    datagram.append(bigEndian: UInt16(UDPHeader.size + payload.count))
    datagram += [0, 0] + payload
    datagram.withUnsafeMutableBytes { bytes in
      var checksum = InternetChecksum(
        source: source.address, destination: destination.address, length: bytes.count, nextHeader: NextHeader.udp)
      checksum.add(UnsafeRawBufferPointer(bytes))
      bytes.storeBytes(of: checksum.field == 0 ? 0xffff : checksum.field, toByteOffset: 6, as: UInt16.self)
    }
    return IPv6Header(
      payloadLength: UInt16(datagram.count), nextHeader: NextHeader.udp, hopLimit: hopLimit, source: source.address,
      destination: destination.address
    ).bytes + datagram
  }
}

extension IPv6Header {
  /// The header as it stands in a packet.
  var bytes: [UInt8] {
    [UInt8](unsafeUninitializedCapacity: IPv6Header.size) { memory, count in
      store(into: UnsafeMutableRawBufferPointer(memory))
      count = IPv6Header.size
    }
  }
}
