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
    while let option = next(in: UnsafeRawBufferPointer(options), from: offset) {
      if options[option.lowerBound] == kind || options[option.lowerBound] == otherKind {
        for index in option.lowerBound..<min(option.upperBound, options.count) { options[index] = noOperation }
      }
      offset = option.upperBound
    }
  }

  /// Returns the first option of a kind, with the bytes for kind and length; `nil` if a kernel finds none.
  static func first(_ kind: UInt8, in options: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer? {
    var offset = 0
    while let option = next(in: options, from: offset), option.upperBound <= options.count {
      if options[option.lowerBound] == kind { return UnsafeRawBufferPointer(rebasing: options[option]) }
      offset = option.upperBound
    }
    return nil
  }

  /// Returns where the next option stands that has a length, as far as that tells: it may reach beyond the rest. It is
  /// `nil` at the end of the list, and at an option that is shorter than its own two bytes.
  private static func next(in options: UnsafeRawBufferPointer, from start: Int) -> Range<Int>? {
    var offset = start
    while offset < options.count, options[offset] == noOperation { offset += 1 }
    guard offset < options.count, options[offset] != end, options.count - offset >= 2, options[offset + 1] >= 2 else {
      return nil
    }
    return offset..<offset + Int(options[offset + 1])
  }
}
