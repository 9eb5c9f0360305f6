/// A question to the SOCKS server by SOCKS5 (RFC 1928), which tells why it refuses an onion service, as SOCKS4a does
/// not; or a question to an onion service that answers whoever comes with a line, and reads nothing.
///
/// Each message waits for the answer to the one before, because Tor loses its first answer otherwise.
///
///     us   05 01 02               a user name is offered (RFC 1929)
///     Tor  05 02
///     us   01 length user 00      the user name of the dial, so that Tor treats both alike, and no password
///     Tor  01 00
///     us   05 01 00 03 length name port[2]
///     Tor  05 code 00 type address port[2]; type 01: 4 bytes, 03: a length and so many, 04: 16 bytes
///
/// The reply is read up to the code if that is all that is asked for. Otherwise what follows it is the service's.
struct SOCKS5Question: Equatable {
  /// What is to be done after bytes of the server.
  enum Step: Equatable {
    /// Wait for more bytes.
    case wait
    /// Send these bytes.
    case send([UInt8])
    /// The server has answered with this code; zero grants the circuit.
    case answered(code: UInt8)
    /// The service has sent this: up to the end of a line, or as much as is read at the most.
    case text([UInt8])
  }

  /// The place in a reply that grants a circuit, whose service is to send a line.
  private enum Grant: Equatable {
    case reserved
    case type
    case domainLength
    case rest(Int)
    case text([UInt8])
  }

  /// The onion service that is asked for.
  let name: OnionName
  /// Its port.
  let port: UInt16
  /// The identifier of the dial that was refused.
  let user: UserIdentifier
  /// The greatest number of bytes that are read of what the service sends; zero if nothing is asked of it.
  let textLimit: Int
  private var received = 0
  private var grant: Grant?

  /// Makes a question that nothing of was sent.
  init(name: OnionName, port: UInt16, user: UserIdentifier, textLimit: Int = 0) {
    self.name = name
    self.port = port
    self.user = user
    self.textLimit = textLimit
  }

  /// Whether Tor has granted the circuit, and the service is to say something.
  var isGranted: Bool { grant != nil }

  /// The first bytes to send.
  var greeting: [UInt8] { [5, 1, 2] }

  private var authentication: [UInt8] {
    let text = Array(user.text.utf8)
    return [1, UInt8(truncatingIfNeeded: text.count)] + text + [0]
  }

  private var request: [UInt8] {
    let text = Array("\(name)".utf8)
    return [5, 1, 0, 3, UInt8(truncatingIfNeeded: text.count)] + text + [UInt8(port >> 8), UInt8(port & 0xff)]
  }

  /// Takes bytes of the server, in any pieces. It throws if they are not SOCKS5.
  mutating func consume(_ bytes: UnsafeRawBufferPointer) throws(DialFailure) -> Step {
    var step = Step.wait
    for byte in bytes {
      if let grant {
        if let text = try read(byte, at: grant) { return .text(text) }
        continue
      }
      switch (received, byte) {
      case (0, 5), (2, 1), (4, 5): break
      case (1, 2): step = .send(authentication)
      case (3, 0): step = .send(request)
      case (5, 0) where textLimit > 0: grant = .reserved
      case (5, _): return .answered(code: byte)
      default: throw .notSOCKS(byte: byte)
      }
      received += 1
    }
    return step
  }

  /// Reads a byte after the code that grants a circuit. It returns what the service has sent when that is whole.
  private mutating func read(_ byte: UInt8, at place: Grant) throws(DialFailure) -> [UInt8]? {
    switch place {
    case .reserved: grant = .type
    case .type:
      switch byte {
      case 1: grant = .rest(4 + 2)
      case 3: grant = .domainLength
      case 4: grant = .rest(16 + 2)
      default: throw .notSOCKS(byte: byte)
      }
    case .domainLength: grant = .rest(Int(byte) + 2)
    case .rest(let count): grant = count > 1 ? .rest(count - 1) : .text([])
    case .text(var text):
      text.append(byte)
      if byte == UInt8(ascii: "\n") || text.count == textLimit { return text }
      grant = .text(text)
    }
    return nil
  }
}
