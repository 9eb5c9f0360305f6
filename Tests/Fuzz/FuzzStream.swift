/// What a node sends on a circuit: the request to Tor, then whole packets, of which the first is a keepalive; or the
/// messages of a question to Tor, and nothing else.
struct FuzzStream {
  private var header: [UInt8] = []
  private var left = 0
  private var zeros = 0
  private var packets = 0
  // A packet that may ask the peer to prove who it is, as far as it was sent.
  private var asking: [UInt8] = []
  // The last keepalive with a challenge, and the last echo request.
  private var challenge: [UInt8] = []
  private var echoRequest: [UInt8] = []

  /// Whether the request to Tor was sent.
  private(set) var isRequestWhole = false
  /// How many messages of a question were sent: its greeting, a user name, the name of a service.
  private(set) var questionMessages = 0

  mutating func take(_ bytes: UnsafeRawBufferPointer, isWithIPv4: Bool) {
    var rest = bytes[...]
    let isQuestion = questionMessages > 0 || !isRequestWhole && (header.first ?? rest.first) == 5
    if isQuestion { return takeQuestion(rest) }
    while !rest.isEmpty, !isRequestWhole {
      let byte = rest.removeFirst()
      header.append(byte)
      // The user identifier and the name end with a zero each.
      if header.count > 8, byte == 0 { zeros += 1 }
      guard zeros == 2 else { continue }
      check(header[0] == 4 && header[1] == 1, "no request to Tor")
      header = []
      isRequestWhole = true
    }
    while !rest.isEmpty {
      if left > 0 {
        let taken = min(left, rest.count)
        left -= taken
        if !asking.isEmpty { note(rest.prefix(taken)) }
        rest = rest.dropFirst(taken)
        continue
      }
      header.append(rest.removeFirst())
      guard header.count == 7 else { continue }
      let length = header.withUnsafeBytes { try? PacketLength.read($0) } ?? 0
      check(length >= 20, "what was sent on a circuit is no packet")
      check(header[0] >> 4 == 6 || isWithIPv4, "an IPv4 packet was sent")
      if packets == 0 { check(header[0] >> 4 == 6 && header[6] == 59, "the first packet is no keepalive") }
      packets += 1
      left = length - header.count
      asking = length < FuzzStream.mostAsking && (header[6] == 59 || header[6] == 58) ? header : []
      header = []
    }
  }
}

extension FuzzStream {
  private static let mostAsking = 400

  private mutating func note(_ bytes: UnsafeRawBufferPointer.SubSequence) {
    asking += bytes
    guard left == 0 else { return }
    if asking[6] == 58, asking.count == EchoProbe.size, asking[IPv6Header.size] == 128 {
      echoRequest = asking
    } else if asking[6] == 59, FuzzStream.token(in: asking) != nil {
      challenge = asking
    }
    asking = []
  }

  /// The keepalive of the peer with this address that answers the last challenge; `nil` if another was asked, or none.
  func response(from address: IPv6Address) -> [UInt8]? {
    guard let token = FuzzStream.token(in: challenge), FuzzStream.destination(of: challenge) == address,
      let name = FuzzWorld.names.first(where: { $0.address == address })
    else { return nil }
    let capabilities = Keepalive.Extension(type: Keepalive.Extension.capabilities, value: [3])
    let response = Keepalive.Extension(type: Keepalive.Extension.response, value: Array(token))
    let own = challenge.withUnsafeBytes { IPv6Header.source(in: $0) }
    return Keepalive(name: name, extensions: [capabilities, response]).packet(to: own, flowLabel: 5)
  }

  /// The reply of the peer with this address to the last echo request; `nil` if another was asked, or none.
  func echoReply(from address: IPv6Address) -> [UInt8]? {
    guard FuzzStream.destination(of: echoRequest) == address else { return nil }
    var reply = echoRequest
    reply.replaceSubrange(8..<24, with: echoRequest[24..<40])
    reply.replaceSubrange(24..<40, with: echoRequest[8..<24])
    reply[IPv6Header.size] = 129
    // The type is in the upper half of a word of the checksum, which is one less.
    let sum = UInt32(reply[42]) << 8 + UInt32(reply[43]) + 0xfeff
    let field = sum & 0xffff + sum >> 16
    (reply[42], reply[43]) = (UInt8(truncatingIfNeeded: field >> 8), UInt8(truncatingIfNeeded: field))
    return reply
  }

  private static func destination(of packet: [UInt8]) -> IPv6Address? {
    packet.isEmpty ? nil : packet.withUnsafeBytes { IPv6Header.destination(in: $0) }
  }

  private static func token(in keepalive: [UInt8]) -> ArraySlice<UInt8>? {
    guard var place = keepalive.dropFirst(41).firstIndex(of: 0).map({ $0 + 1 }) else { return nil }
    while place + 2 <= keepalive.count {
      let end = place + 2 + Int(keepalive[place + 1])
      guard end <= keepalive.count else { return nil }
      if keepalive[place] == Keepalive.Extension.challenge { return keepalive[(place + 2)..<end] }
      place = end
    }
    return nil
  }

  /// Each message waits for the answer to the one before.
  private mutating func takeQuestion(_ bytes: UnsafeRawBufferPointer.SubSequence) {
    for byte in bytes {
      header.append(byte)
      check(header[0] == (questionMessages == 1 ? 1 : 5), "no message of a question")
      let size: Int? =
        switch questionMessages {
        case 0: 3
        case 1: header.count < 2 ? nil : 3 + Int(header[1])
        case 2: header.count < 5 ? nil : 7 + Int(header[4])
        default: 0
        }
      check(size != 0, "something follows a question")
      guard header.count == size else { continue }
      header = []
      questionMessages += 1
    }
  }
}
