/// The scrubber takes out of packets what tells one kernel from another: habits by which a peer could recognise a host
/// that Tor hides. It changes a packet in place, takes no memory, and leaves right checksums right and wrong ones
/// wrong.
///
///     field                                          what becomes of it
///     flow label of IPv6                             0: it is a hash with a secret of the kernel's
///     DSCP                                           0; the two bits of ECN stay
///     hop limit, time to live                        64, which most hosts begin with, if it is greater
///     identification of IPv4                         0, or a number that shows no count (`PacketIdentifications`)
///     options of IPv4 that record times and routes   no operation
///     options of TCP in SYN and SYN-ACK              no operation in place of timestamps and Multipath TCP
///     messages of ICMP for IPv4 that tell the time   not sent
///
/// The clock is the worst of them: its skew is one machine's alone. TCP's timestamps tell it (RFC 7323) once both sides
/// have asked for them. So neither question nor answer passes, in either direction: what a peer pretends to have heard
/// would be believed. Multipath TCP, which tells a host's other addresses (RFC 8684 section 3.4.1), is agreed upon in
/// the same way.
///
/// A hop limit is never raised, so that what goes in circles ends and traceroute finds its way. The identifications of
/// IPv6's fragments stay: kernels draw them at random (RFC 7739).
struct Scrubber {
  /// The greatest hop limit, and time to live, that leaves.
  static let hopLimit: UInt8 = 64

  private let identifications: PacketIdentifications

  /// Makes a scrubber, which draws what it needs from `random` at once.
  init(random: inout some RandomNumberGenerator) { identifications = PacketIdentifications(random: &random) }

  /// Takes the habits out of a packet that leaves for a peer. `offload` says what the kernel left to be done to it. It
  /// returns false if the packet must not leave: what it tells of the clock cannot be taken out.
  func scrub(_ packet: PacketView, _ offload: OffloadHeader = .none) -> Bool {
    let memory = packet.memory
    if packet.isIPv4 {
      if case .whole(let upper) = packet.upper, upper.nextHeader == ICMPv4Error.protocolNumber,
        upper.offset < packet.count, ICMPv4Clock.types.contains(memory[upper.offset])
      {
        return false
      }
      scrubVersion4(packet)
    } else {
      let word = UInt32(bigEndian: memory.loadUnaligned(as: UInt32.self)) & IPv6Header.Field.versionAndCongestion
      memory.storeBytes(of: word.bigEndian, as: UInt32.self)
      memory[IPv6Header.Field.hopLimit] = min(memory[IPv6Header.Field.hopLimit], Scrubber.hopLimit)
    }
    return Scrubber.scrubHandshake(packet, offload)
  }

  private func scrubVersion4(_ packet: PacketView) {
    let header = UnsafeMutableRawBufferPointer(rebasing: packet.memory[..<(Int(packet.memory[0] & 0xf) * 4)])
    header[IPv4Header.Field.typeOfService] &= IPv4Header.Field.congestion
    header[IPv4Header.Field.timeToLive] = min(header[IPv4Header.Field.timeToLive], Scrubber.hopLimit)
    header.store(identifications.identification(of: packet), at: IPv4Header.Field.identification)
    HeaderOptions.overwrite(
      HeaderOptions.Version4.recordRoute, HeaderOptions.Version4.timestamp,
      in: UnsafeMutableRawBufferPointer(rebasing: header[IPv4Header.size...]))
    IPv4Header.complete(header)
  }

  /// Takes the options out of a packet that may be a part of TCP's handshake, whoever sends it. It returns false for
  /// one that could hide them: the first fragment of a segment whose header is not whole.
  static func scrubHandshake(_ packet: PacketView, _ offload: OffloadHeader = .none) -> Bool {
    guard case .whole(let upper) = packet.upper, upper.nextHeader == NextHeader.tcp else { return true }
    let segment = UnsafeMutableRawBufferPointer(rebasing: packet.memory[upper.offset...])
    // What is cut off and no fragment is a segment for nobody.
    guard segment.count >= TCPHeader.size else { return !upper.isFragment }
    guard segment[TCPHeader.flags] & TCPHeader.Flag.synchronise != 0 else { return true }
    let size = Int(segment[TCPHeader.dataOffset] >> 4) * 4
    guard size <= segment.count else { return !upper.isFragment }
    guard size > TCPHeader.size else { return true }
    let options = UnsafeMutableRawBufferPointer(rebasing: segment[TCPHeader.size..<size])
    var before = InternetChecksum()
    before.add(UnsafeRawBufferPointer(options))
    HeaderOptions.overwrite(HeaderOptions.TCP.timestamps, HeaderOptions.TCP.multipath, in: options)
    // A checksum that is left to the device has the pseudo-header's sum in its field, which tells nothing of options.
    guard offload.checksum == nil else { return true }
    // RFC 1624 section 3. The options begin at a whole word.
    var sum = InternetChecksum()
    sum.add(~UnsafeRawBufferPointer(segment).number(at: TCPHeader.checksum))
    sum.subtract(before)
    sum.add(UnsafeRawBufferPointer(options))
    segment.storeBytes(of: sum.field, toByteOffset: TCPHeader.checksum, as: UInt16.self)
    return true
  }
}

/// The messages of ICMP for IPv4 that tell the sender's clock, in milliseconds since midnight (RFC 792).
private enum ICMPv4Clock {
  /// The types of the question and of its answer.
  static let types: ClosedRange<UInt8> = 13...14
}
