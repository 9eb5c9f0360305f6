/// A question to the SOCKS server by SOCKS5 (RFC 1928), which tells why it refuses an onion service. SOCKS4a does not.
///
/// Each message waits for the answer to the one before, because Tor loses its first answer otherwise.
///
///     us   05 01 02               a user name is offered (RFC 1929)
///     Tor  05 02
///     us   01 length user 00      the user name of the dial, so that Tor treats both alike, and no password
///     Tor  01 00
///     us   05 01 00 03 length name port[2]
///     Tor  05 code …              what follows the code is not read
struct SOCKS5Question: Equatable {
  /// What is to be done after bytes of the server.
  enum Step: Equatable {
    /// Wait for more bytes.
    case wait
    /// Send these bytes.
    case send([UInt8])
    /// The server has answered with this code; zero grants the circuit.
    case answered(code: UInt8)
  }

  /// The onion service that is asked for.
  let name: OnionName
  /// Its port.
  let port: UInt16
  /// The identifier of the dial that was refused.
  let user: UserIdentifier
  private var received = 0

  /// Makes a question that nothing of was sent.
  init(name: OnionName, port: UInt16, user: UserIdentifier) {
    self.name = name
    self.port = port
    self.user = user
  }

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
      switch (received, byte) {
      case (0, 5), (2, 1), (4, 5): break
      case (1, 2): step = .send(authentication)
      case (3, 0): step = .send(request)
      case (5, _): return .answered(code: byte)
      default: throw .notSOCKS(byte: byte)
      }
      received += 1
    }
    return step
  }
}
