/// A conversation with one client that has proven to get what is sent to it: questions, each behind its length in two
/// bytes (RFC 1035 section 4.2.2), and their answers. One segment of ours is on its way at a time.
struct NameConversation {
  /// What a segment leads to.
  enum Outcome {
    /// This is sent, if anything is.
    case goesOn(TCPAnswer?)
    /// Both sides have ended it.
    case isOver
    /// The client does not speak DNS.
    case isRefused
  }

  /// The most bytes that are held before a question is whole: more than one name and the options of EDNS take.
  static let mostInput = 2 + 4_096
  /// The most answers in one segment: programs ask for the addresses of both versions at once.
  private static let mostAnswers = 2
  private static let mostOutput = mostAnswers * (2 + DNSQuery.smallestAnswer)
  /// What a client may send at once: it is told so little that none uses segmentation offload.
  private static let window = 1_220

  /// The sequence number of the client's next byte.
  private(set) var expected: UInt32
  /// The sequence number behind all that was sent.
  private var next: UInt32
  private var input: [UInt8] = []
  /// What was sent and is not acknowledged.
  private var output: [UInt8] = []
  private var hasClientEnded = false
  private var hasEnded = false

  /// A conversation whose handshake ended at these numbers.
  init(expected: UInt32, next: UInt32) {
    (self.expected, self.next) = (expected, next)
  }

  /// What the client has to know: all that it has not acknowledged, and what is expected of it.
  var answer: TCPAnswer {
    typealias Flag = TCPHeader.Flag
    return TCPAnswer(
      sequence: next &- pending, acknowledgement: expected,
      flags: Flag.acknowledgement | (output.isEmpty ? 0 : Flag.push) | (hasEnded ? Flag.fin : 0),
      window: UInt16(min(NameConversation.window, NameConversation.mostInput - input.count)), payload: output)
  }

  private var pending: UInt32 { UInt32(output.count) + (hasEnded ? 1 : 0) }

  /// Takes a segment with ACK and without SYN and RST.
  mutating func receive(_ segment: TCPSegment, answer: (UnsafeRawBufferPointer) -> [UInt8]?) -> Outcome {
    let acknowledged = segment.acknowledgement &- (next &- pending)
    // It is old, or says what cannot be.
    guard acknowledged <= pending else { return .goesOn(self.answer) }
    if hasEnded, acknowledged == pending { return .isOver }
    output.removeFirst(min(Int(acknowledged), output.count))
    var isAnswered = take(segment)
    while !hasEnded, output.count + 2 + DNSQuery.smallestAnswer <= NameConversation.mostOutput, let end = questionEnd {
      guard end <= NameConversation.mostInput else { return .isRefused }
      guard end <= input.count else { break }
      guard let message = input[2..<end].withUnsafeBytes(answer) else { return .isRefused }
      output.append(bigEndian: UInt16(truncatingIfNeeded: message.count))
      output += message
      next &+= UInt32(2 + message.count)
      input.removeFirst(end)
      isAnswered = true
    }
    if hasClientEnded, !hasEnded, (questionEnd ?? .max) > input.count {
      (hasEnded, isAnswered) = (true, true)
      next &+= 1
    }
    return .goesOn(isAnswered ? self.answer : nil)
  }

  /// Takes what a segment brings; whether it is to be answered.
  private mutating func take(_ segment: TCPSegment) -> Bool {
    let payload = segment.payload
    let known = Int(Int32(bitPattern: expected &- segment.sequence))
    guard (0...payload.count).contains(known), !hasClientEnded else { return known != 0 || !payload.isEmpty }
    let fresh = payload.dropFirst(known)
    let taken = fresh.prefix(NameConversation.mostInput - input.count)
    input += taken
    expected &+= UInt32(taken.count)
    guard segment.flags & TCPHeader.Flag.fin != 0, taken.count == fresh.count else { return !payload.isEmpty }
    hasClientEnded = true
    expected &+= 1
    return true
  }

  /// Where the first question in `input` ends, which may not be there yet.
  private var questionEnd: Int? { input.count < 2 ? nil : 2 + (Int(input[0]) << 8 | Int(input[1])) }
}
