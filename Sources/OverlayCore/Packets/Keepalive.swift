/// The reason why a keepalive tells no name.
enum KeepaliveError: Error, Equatable, Sendable {
  /// The payload is empty, or has another version. An old OnionCat sends it, and only its source address is known.
  case nameless
  /// No NUL ends the name.
  case unterminated
  /// The text is no onion name.
  case name(OnionNameError)
  /// The name maps to another address than the packet came from.
  case address
}

/// A keepalive is the first packet on every circuit: the dialler tells its full name. It is sent again when a circuit
/// must not look idle. It never reaches a device.
///
///     IPv6 header: next header 59 (none), hop limit 1, flow label random per circuit
///     +-------------+----------------------+-----+---------------------------------+
///     | version = 1 | full name, ASCII ... | NUL | type[1] length[1] value[length] | ...
///     +-------------+----------------------+-----+---------------------------------+
///
/// OnionCat reads up to the NUL. The extensions behind it are Oncilla's, and an unknown type is skipped.
struct Keepalive: Equatable, Sendable {
  /// Something that the sender says beside its name.
  struct Extension: Equatable, Sendable {
    /// The type of the extension.
    let type: UInt8
    /// 0 to 255 bytes, whose meaning depends on the type.
    let value: [UInt8]

    /// Makes an extension. `value` has at most 255 bytes.
    init(type: UInt8, value: [UInt8]) {
      self.type = type
      self.value = value
    }

    /// The capabilities of the sender: a set of bits in 1 to 4 bytes, in network byte order.
    static let capabilities: UInt8 = 0x01
    /// "Send these back on the circuits that you dialled to me": 16 random bytes.
    static let challenge: UInt8 = 0x02
    /// The 16 bytes of a challenge.
    static let response: UInt8 = 0x03
    /// "I am your own call": 16 random bytes by which a daemon recognises a circuit that it dialled to itself.
    static let selfCall: UInt8 = 0x06
    /// "Are you there": 16 random bytes, which the answer repeats.
    static let question: UInt8 = 0x08
    /// "I am": the 16 bytes of the question.
    static let answer: UInt8 = 0x09
  }

  /// The sender's full name.
  let name: OnionName
  /// The extensions, in order. Parsing ends at a malformed one.
  let extensions: [Extension]

  /// Makes a keepalive of `name` with these extensions.
  init(name: OnionName, extensions: [Extension] = []) {
    self.name = name
    self.extensions = extensions
  }

  /// Reads the keepalive in a packet whose next header is 59. It throws the reason if the keepalive tells no name.
  init(_ packet: PacketView) throws(KeepaliveError) {
    var rest = packet.bytes.dropFirst(IPv6Header.size)
    guard rest.popFirst() == Keepalive.version else { throw .nameless }
    let longest = rest.prefix(OnionName.longest + 1)
    guard let end = longest.firstIndex(of: 0) else { throw .unterminated }
    do {
      name = try OnionName(String(decoding: rest[..<end], as: UTF8.self))
    } catch {
      throw .name(error)
    }
    guard name.address == packet.source else { throw .address }
    extensions = Keepalive.extensions(in: rest[(end + 1)...])
  }

  /// Returns the whole packet. Its source is the address of `name`.
  func packet(to destination: IPv6Address, flowLabel: UInt32) -> [UInt8] {
    var payload = [Keepalive.version] + Array("\(name)".utf8) + [0]
    for item in extensions { payload += [item.type, UInt8(clamping: item.value.count)] + item.value.prefix(255) }
    let header = IPv6Header(
      flowLabel: flowLabel, payloadLength: UInt16(payload.count), nextHeader: NextHeader.none, hopLimit: 1,
      source: name.address, destination: destination)
    var packet = [UInt8](repeating: 0, count: IPv6Header.size)
    packet.withUnsafeMutableBytes { header.store(into: $0) }
    return packet + payload
  }

  /// The capabilities of the sender; `nil` if the keepalive has no extensions, so that the sender knows none.
  var capabilities: Capabilities? {
    extensions.isEmpty ? nil : value(of: Extension.capabilities).flatMap { Capabilities($0) } ?? []
  }

  /// Returns the value of the first extension of this type; `nil` if there is none.
  func value(of type: UInt8) -> [UInt8]? {
    extensions.first { $0.type == type }?.value
  }

  /// The challenges that the keepalive answers.
  var responses: [ProofToken] {
    extensions.compactMap { $0.type == Extension.response ? ProofToken($0.value) : nil }
  }

  private static let version: UInt8 = 1

  private static func extensions(in bytes: Slice<UnsafeRawBufferPointer>) -> [Extension] {
    var rest = bytes
    var found: [Extension] = []
    while let type = rest.popFirst(), let length = rest.popFirst(), rest.count >= Int(length) {
      found.append(Extension(type: type, value: Array(rest.prefix(Int(length)))))
      rest = rest.dropFirst(Int(length))
    }
    return found
  }
}
