/// The questions to acquaintances for the names of addresses, as datagrams: which are open, and whose answer is taken.
///
/// An answer is taken only from the peer that was asked, from port 53 to the port from which it was asked, with the
/// identifier of the question; both numbers are random. Nothing of what comes from there to that port reaches the
/// device, also after the answer, until `patience` is over.
struct Acquaintances {
  /// The port at which acquaintances are asked: that of DNS.
  static let port: UInt16 = 53
  /// The time for which an answer is taken: longer than a search lasts, as a late answer tells the name, too.
  static let patience = Duration.seconds(60)
  /// The greatest number of questions that are remembered: two rounds of as many searches as there may be at once. The
  /// oldest makes room.
  static let limit = NameSearches.limit * NameSearches.acquaintances * NameSearches.rounds

  private struct Asked {
    let question: AcquaintanceQuestion
    let peer: IPv6Address
    let port: UInt16
    let time: Instant
    var isAnswered = false
    // Whether it was asked for a search that is over.
    var isLate = false
  }

  /// What an acquaintance made of a question.
  enum Reply: Equatable {
    /// It told this name, from its own side or not; it was asked so many times for the search that goes on.
    case name(AcquaintanceQuestion.Answer, questions: Int)
    /// It does not know the name of this address, or what it said is not believed; it was asked as many times.
    case nothing(about: IPv6Address, questions: Int, isFalse: Bool)
    /// It guessed, or has said so already.
    case ignored(isFalse: Bool)
  }

  private var asked: [Asked] = []

  /// The number of questions that are remembered.
  var count: Int { asked.count }

  /// Notes that a search for the name of an address begins. Answers to what was asked before it tell the name, too, but
  /// nobody waits for them.
  mutating func beginSearch(about address: IPv6Address) {
    for place in asked.indices where asked[place].question.address == address { asked[place].isLate = true }
  }

  /// Returns the packet from `own` that asks a peer for the name of an address, and notes the question.
  mutating func ask(
    _ peer: IPv6Address, about address: IPv6Address, from own: IPv6Address,
    using random: inout some RandomNumberGenerator, at now: Instant
  ) -> [UInt8] {
    asked.removeAll { now - $0.time >= Acquaintances.patience }
    asked = asked.suffix(Acquaintances.limit - 1)
    let question = AcquaintanceQuestion(about: address, using: &random)
    let port = UInt16.random(in: 49_152 ... .max, using: &random)
    asked.append(Asked(question: question, peer: peer, port: port, time: now))
    return UDPDatagram.packet(
      from: (own, port), to: (peer, Acquaintances.port), payload: question.message, hopLimit: 64)
  }

  /// Returns whether a peer has answered a question about this address, and is not asked again for now.
  func hasAnswered(_ peer: IPv6Address, about address: IPv6Address, at now: Instant) -> Bool {
    asked.contains {
      $0.isAnswered && $0.peer == peer && $0.question.address == address && now - $0.time < Acquaintances.patience
    }
  }

  /// Takes a packet that may be an answer; `nil` if it is for somebody else.
  mutating func take(_ packet: PacketView, at now: Instant) -> Reply? {
    guard !asked.isEmpty, let ports = UDPDatagram.ports(packet), ports.source == Acquaintances.port else { return nil }
    let places = asked.indices.filter { isAwaited(asked[$0], of: packet.source, at: ports.destination, now) }
    guard !places.isEmpty else { return nil }
    guard let message = UDPDatagram.read(packet)?.payload else { return .ignored(isFalse: true) }
    for place in places {
      let question = asked[place].question
      do throws(AcquaintanceFailure) {
        let answer = try question.answer(message)
        guard !asked[place].isAnswered else { return .ignored(isFalse: false) }
        return .name(answer, questions: close(question.address, of: packet.source))
      } catch {
        // Another question can have had the same port.
        if error == .otherQuestion || error == .notAnswer { continue }
        guard !asked[place].isAnswered else { return .ignored(isFalse: false) }
        let isFalse =
          switch error {
          case .unknown, .refused: false
          case .notAnswer, .otherQuestion, .malformed, .notName, .otherAddress: true
          }
        return .nothing(
          about: question.address, questions: close(question.address, of: packet.source), isFalse: isFalse)
      }
    }
    return .ignored(isFalse: true)
  }

  /// Takes a packet that may say that nobody answers such questions where one was asked (RFC 4443 section 3.1); `nil`
  /// if it is for somebody else.
  mutating func takeRefusal(_ packet: PacketView, at now: Instant) -> Reply? {
    let quote = IPv6Header.size + ICMPv6Error.quoteOffset
    guard !asked.isEmpty, !packet.isIPv4, packet.nextHeader == NextHeader.icmp,
      packet.count >= quote + IPv6Header.size + UDPHeader.size,
      packet.bytes[IPv6Header.size] == ICMPv6Unreachable.type
    else { return nil }
    let quoted = UnsafeRawBufferPointer(rebasing: packet.bytes[quote...])
    guard quoted[IPv6Header.Field.nextHeader] == NextHeader.udp, IPv6Header.destination(in: quoted) == packet.source
    else { return nil }
    let ports = UDPDatagram.ports(at: IPv6Header.size, in: quoted)
    guard ports.destination == Acquaintances.port,
      let place = asked.firstIndex(where: { isAwaited($0, of: packet.source, at: ports.source, now) })
    else { return nil }
    guard !asked[place].isAnswered else { return .ignored(isFalse: false) }
    let address = asked[place].question.address
    return .nothing(about: address, questions: close(address, of: packet.source), isFalse: false)
  }

  private func isAwaited(_ asked: Asked, of peer: IPv6Address, at port: UInt16, _ now: Instant) -> Bool {
    asked.peer == peer && asked.port == port && now - asked.time < Acquaintances.patience
  }

  /// Closes the questions to a peer about an address, and returns how many of them the search that goes on waits for.
  private mutating func close(_ address: IPv6Address, of peer: IPv6Address) -> Int {
    var count = 0
    for place in asked.indices
    where !asked[place].isAnswered && asked[place].peer == peer && asked[place].question.address == address {
      asked[place].isAnswered = true
      if !asked[place].isLate { count += 1 }
    }
    return count
  }
}
