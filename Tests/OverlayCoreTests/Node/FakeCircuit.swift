@testable import OverlayCore

/// What the fake Tor makes of a request.
enum DialOutcome {
  /// It builds the circuit.
  case granted
  /// It refuses with this code.
  case refused(UInt8)
  /// It says nothing.
  case silence
  /// It says these bytes.
  case garbage([UInt8])
}

/// What a lookup service does.
enum LookUpService {
  /// Tor finds no descriptor of it, and says so, as with `ExtendedErrors`.
  case absent
  /// Tor finds it, and nobody behind it.
  case refused(code: UInt8)
  /// It sends this, and closes.
  case says([UInt8])
  /// It sends nothing.
  case isSilent

  /// The code of SOCKS5 that Tor gives.
  var code: UInt8 {
    switch self {
    case .absent: 0xf0
    case .refused(let code): code
    case .says, .isSilent: 0
    }
  }
}

/// A circuit as Tor sees it: the bytes between the two sides, and how far they have come.
final class FakeCircuit {
  /// The request that a dialler makes of the SOCKS server.
  struct Request: Equatable {
    let port: UInt16
    let user: String
    let name: String
  }

  /// Who dialled; `nil` where the test itself plays the other host.
  weak var dialler: FakeHost?
  let diallerIdentifier: CircuitIdentifier?
  /// Who accepted; `nil` before, or where the test itself plays the other host.
  weak var acceptor: FakeHost?
  var acceptorIdentifier: CircuitIdentifier?

  /// What the dialler asked for, once the request is whole.
  var request: Request?
  /// Whether it is a question by SOCKS5 why a name is not reached, and the code of Tor's answer.
  var reason: UInt8?
  /// What the service does that is asked, where it is a question to a lookup service.
  var lookUp: LookUpService?
  /// How many messages of the question were answered.
  var answers = 0
  /// Whether the circuit is granted: bytes go through.
  var isGranted = false
  /// How many more bytes the dialler's socket takes.
  var room = Int.max
  /// Whether the dialler knows that its socket takes no more.
  var isFull = false
  /// How many bytes the kernel was told to hold at most beside those that the other side has room for.
  var unsentLimit: Int?
  /// Whether the dialler has something to send.
  var isFlushRequested = false
  /// Bytes on their way from the dialler.
  var forward: [UInt8] = []
  /// Bytes on their way to the dialler.
  var backward: [UInt8] = []
  /// All that has arrived at the acceptor's side.
  var arrived: [UInt8] = []
  /// Whether bytes vanish on their way, and nobody learns that the other side is gone.
  var isSwallowing = false
  /// Whether the acceptor does not read it for a while.
  var isPaused = false
  /// Whether a side has closed it: the other one learns it when all bytes have arrived.
  var isClosed = false

  init(dialler: FakeHost?, _ identifier: CircuitIdentifier?) {
    self.dialler = dialler
    diallerIdentifier = identifier
  }

  /// The whole packets that have arrived at the acceptor's side, and whether a part of one follows them.
  var packets: (whole: [[UInt8]], isCut: Bool) {
    var rest = arrived[...]
    var whole: [[UInt8]] = []
    while rest.count >= 6 {
      let start = rest.startIndex
      let length = 40 + Int(rest[start + 4]) << 8 + Int(rest[start + 5])
      guard rest[start] >> 4 == 6, length <= rest.count else { break }
      whole.append(Array(rest.prefix(length)))
      rest = rest.dropFirst(length)
    }
    return (whole, !rest.isEmpty)
  }

  /// Answers the next message of a question, if it is whole.
  func answerQuestion() -> Bool {
    switch answers {
    case 0 where forward == [5, 1, 2]: backward += [5, 2]
    case 1 where forward.count > 2 && forward.count == 3 + Int(forward[1]) && forward.last == 0: backward += [1, 0]
    case 2 where forward.count > 5 && forward.count == 7 + Int(forward[4]):
      backward += [5, reason ?? 1, 0, 1, 0, 0, 0, 0, 0, 0]
      if case .says(let text) = lookUp {
        backward += text
        isClosed = true
      }
    default: return false
    }
    answers += 1
    forward = []
    return true
  }

  /// Takes the request off the front of `forward` if it is whole.
  func takeRequest() -> Bool {
    guard forward.count > 8, forward[..<2] == [4, 1], forward[4..<8] == [0, 0, 0, 1] else { return false }
    let texts = forward[8...].split(separator: 0, maxSplits: 2, omittingEmptySubsequences: false)
    guard texts.count == 3 else { return false }
    request = Request(
      port: UInt16(forward[2]) << 8 | UInt16(forward[3]), user: String(decoding: texts[0], as: UTF8.self),
      name: String(decoding: texts[1], as: UTF8.self))
    forward = Array(texts[2])
    return true
  }
}
