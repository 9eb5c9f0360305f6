/// Makes the checksum that the kernel left to the device.
public enum ChecksumCompletion {
  /// Completes `checksum` in `packet`, whose field holds the pseudo-header's sum. False, and nothing is changed, if the
  /// field does not lie within the packet.
  public static func complete(
    _ checksum: OffloadHeader.Checksum, in packet: UnsafeMutableRawBufferPointer
  ) -> Bool {
    let start = Int(checksum.start)
    let field = start + Int(checksum.offset)
    guard field + 2 <= packet.count else { return false }
    var sum = InternetChecksum()
    sum.add(UnsafeRawBufferPointer(rebasing: packet[start...]))
    // Zero would say that there is none (RFC 8200 section 8.1). The other zero of ones' complement is right for every
    // protocol, and the kernel sends it for every one (skb_checksum_help).
    packet.storeBytes(of: sum.field == 0 ? 0xffff : sum.field, toByteOffset: field, as: UInt16.self)
    return true
  }
}
