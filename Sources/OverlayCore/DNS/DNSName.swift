/// A domain name as it stands in messages (RFC 1035 section 3.1): labels, each after its length, up to the empty one.
/// The case of its letters is kept, and does not count where names are compared.
struct DNSName: Sendable {
  /// The most bytes of a name, its last empty label included.
  static let longest = 255
  /// The most bytes of a label.
  static let longestLabel = 63
  /// The most pointers that are followed in a message for one name: no name has more labels. Without it a long message
  /// of nothing but pointers took time by the square of its length.
  private static let mostPointers = 127

  /// The name's bytes, uncompressed.
  let wire: [UInt8]

  /// The name of no label at all.
  static let root = DNSName(unverified: [0])
  /// The zone of onion names (RFC 7686).
  static let onion = DNSName(unverified: [5] + "onion".utf8 + [0])

  /// Makes the name of these bytes without checking them.
  private init(unverified wire: [UInt8]) {
    self.wire = wire
  }

  /// Makes the name of these labels. It is `nil` if one is empty or too long, or all together are.
  init?(labels: some Sequence<some Collection<UInt8>>) {
    var wire: [UInt8] = []
    for label in labels {
      guard (1...DNSName.longestLabel).contains(label.count) else { return nil }
      wire.append(UInt8(label.count))
      wire.append(contentsOf: label)
      guard wire.count < DNSName.longest else { return nil }
    }
    self.init(unverified: wire + [0])
  }

  /// Makes the name that `text` writes with dots; one at the end does not count, and one alone is the root. It is `nil`
  /// as above, and for no text.
  init?(_ text: some StringProtocol) {
    let parts = text.utf8.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
    guard parts.count > 1, parts.last?.isEmpty == true else {
      self.init(labels: parts)
      return
    }
    self.init(labels: text == "." ? [] : parts.dropLast())
  }

  /// Makes the name of this label below `zone`; `nil` if it is too long.
  init?(_ label: some StringProtocol, below zone: DNSName) {
    let count = label.utf8.count
    guard (1...DNSName.longestLabel).contains(count), 1 + count + zone.wire.count <= DNSName.longest else { return nil }
    self.init(unverified: [UInt8(count)] + label.utf8 + zone.wire)
  }

  /// The labels from the first on, without the empty one.
  var labels: [ArraySlice<UInt8>] {
    var labels: [ArraySlice<UInt8>] = []
    var offset = 0
    while wire[offset] != 0 {
      let end = offset + 1 + Int(wire[offset])
      labels.append(wire[offset + 1..<end])
      offset = end
    }
    return labels
  }

  /// Returns where this name begins with `zone`, as an offset in its bytes: 0 if both are the same; `nil` if it is not
  /// below that.
  func offset(of zone: DNSName) -> Int? {
    var offset = 0
    while wire.count - offset > zone.wire.count { offset += 1 + Int(wire[offset]) }
    let isSame = wire[offset...].elementsEqual(zone.wire) { DNSName.lowercased($0) == DNSName.lowercased($1) }
    return isSame ? offset : nil
  }

  /// The labels of the name before those of `zone`, as text in lower case; `nil` if it is not below that, or a label
  /// has bytes that are not ASCII or a dot.
  func text(below zone: DNSName) -> [String]? {
    guard let end = offset(of: zone) else { return nil }
    var texts: [String] = []
    for label in labels where label.startIndex < end {
      guard label.allSatisfy({ $0 < 0x80 && $0 != UInt8(ascii: ".") }) else { return nil }
      texts.append(String(decoding: label.map(DNSName.lowercased), as: UTF8.self))
    }
    return texts
  }

  // Lengths of labels are less than any letter.
  private static func lowercased(_ byte: UInt8) -> UInt8 { (0x41...0x5a).contains(byte) ? byte | 0x20 : byte }
}

extension DNSName: Equatable {
  /// Returns whether both are the same but for the case of their letters.
  static func == (left: DNSName, right: DNSName) -> Bool { left.offset(of: right) == 0 }
}

extension DNSName {
  /// Reads the name at `offset` of a message, and moves `offset` behind it. Each pointer has to lead before the labels
  /// that it ends (RFC 1035 section 4.1.4 says "a prior occurrence"), so that no message leads in a circle.
  init(_ message: UnsafeRawBufferPointer, at offset: inout Int) throws(DNSMessageError) {
    var wire: [UInt8] = []
    var (place, start) = (offset, offset)
    var pointers = 0
    while true {
      guard place < message.count else { throw .cut }
      let length = message[place]
      switch length {
      case 0:
        if pointers == 0 { offset = place + 1 }
        self.init(unverified: wire + [0])
        return
      case 1...UInt8(DNSName.longestLabel):
        let end = place + 1 + Int(length)
        guard end <= message.count else { throw .cut }
        // The empty label has to have room, too.
        guard wire.count + end - place < DNSName.longest else { throw .name }
        wire.append(contentsOf: message[place..<end])
        place = end
      case 0xc0...:
        guard place + 1 < message.count else { throw .cut }
        let target = Int(length & 0x3f) << 8 | Int(message[place + 1])
        guard target < start, target >= DNSHeader.size, pointers < DNSName.mostPointers else { throw .name }
        if pointers == 0 { offset = place + 2 }
        pointers += 1
        (place, start) = (target, target)
      default: throw .name
      }
    }
  }
}
