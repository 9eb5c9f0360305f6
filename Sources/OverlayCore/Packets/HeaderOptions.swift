/// Options stand behind the fixed header of TCP (RFC 9293 section 3.2) and of IPv4 (RFC 791 section 3.1) alike: a byte
/// for the kind, then one for the length with both; two kinds are a single byte.
enum HeaderOptions {
  private static let end: UInt8 = 0
  private static let noOperation: UInt8 = 1

  /// Options of TCP.
  enum TCP {
    /// The clock of the sender, and what it heard of ours (RFC 7323 section 3.2).
    static let timestamps: UInt8 = 8
    /// Multipath TCP (RFC 8684).
    static let multipath: UInt8 = 30
  }

  /// Options of IPv4.
  enum Version4 {
    /// The addresses on the way, each host's own among them (RFC 791).
    static let recordRoute: UInt8 = 7
    /// The clocks on the way (RFC 791).
    static let timestamp: UInt8 = 68
  }

  /// Overwrites each of two kinds of options with options that do nothing, as far as a kernel reads: it stops at the
  /// end of the list, and at an option that is shorter than its own two bytes or longer than the rest. One of these
  /// kinds that is too long is overwritten all the same.
  static func overwrite(_ kind: UInt8, _ otherKind: UInt8, in options: UnsafeMutableRawBufferPointer) {
    var offset = 0
    while offset < options.count, options[offset] != end {
      guard options[offset] != noOperation else {
        offset += 1
        continue
      }
      guard options.count - offset >= 2, options[offset + 1] >= 2 else { return }
      let next = offset + Int(options[offset + 1])
      if options[offset] == kind || options[offset] == otherKind {
        for index in offset..<min(next, options.count) { options[index] = noOperation }
      }
      offset = next
    }
  }

  /// Returns the first option of a kind, with the bytes for kind and length; `nil` if a kernel finds none.
  static func first(_ kind: UInt8, in options: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer? {
    var offset = 0
    while offset < options.count, options[offset] != end {
      guard options[offset] != noOperation else {
        offset += 1
        continue
      }
      guard options.count - offset >= 2, options[offset + 1] >= 2 else { return nil }
      let next = offset + Int(options[offset + 1])
      guard next <= options.count else { return nil }
      if options[offset] == kind { return UnsafeRawBufferPointer(rebasing: options[offset..<next]) }
      offset = next
    }
    return nil
  }
}
