import OverlayCore

/// What goes over the channel between the daemon and its helper: a number that says what it is, and texts, at most
/// `mostBytes` together. Every value goes as its text and is read by the one parser of its type, so that nothing exists
/// on the other side that no configuration could hold.
struct RoomMessage: Equatable {
  /// The largest message in bytes: 512 prefixes, or 256 lines of a hosts file, fit into it.
  static let mostBytes = 1 << 16

  /// What the message is.
  let kind: UInt8
  /// Its values.
  let fields: [String]

  /// A message of these values.
  init(_ kind: UInt8, _ fields: [String] = []) { (self.kind, self.fields) = (kind, fields) }

  /// Reads a message; `nil` for one that is not whole, or whose texts are not UTF-8 or hold a NUL.
  init?(_ bytes: [UInt8]) {
    guard let kind = bytes.first, bytes.count <= RoomMessage.mostBytes else { return nil }
    var fields: [String] = []
    var rest = bytes.dropFirst()
    while !rest.isEmpty {
      guard rest.count >= 2 else { return nil }
      let count = Int(rest[rest.startIndex]) << 8 | Int(rest[rest.startIndex + 1])
      rest = rest.dropFirst(2)
      guard rest.count >= count, let text = String(validating: rest.prefix(count), as: UTF8.self),
        !text.utf8.contains(0)
      else { return nil }
      fields.append(text)
      rest = rest.dropFirst(count)
    }
    (self.kind, self.fields) = (kind, fields)
  }

  /// The message as it is sent; `nil` if it would be too large, or a text holds a NUL.
  var bytes: [UInt8]? {
    var bytes = [kind]
    for field in fields {
      let text = Array(field.utf8)
      guard text.count <= Int(UInt16.max), !text.contains(0) else { return nil }
      bytes += [UInt8(text.count >> 8), UInt8(text.count & 0xff)] + text
    }
    return bytes.count <= RoomMessage.mostBytes ? bytes : nil
  }
}
