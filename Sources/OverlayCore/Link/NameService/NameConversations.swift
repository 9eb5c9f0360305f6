/// The conversations of DNS over TCP with hosts of a LAN (RFC 7766): as much of TCP (RFC 9293) as answers questions
/// that come in order, and no more.
///
/// What a client has sent once and got no answer to, it sends again, and is then answered again: nothing here waits for
/// a clock, and what comes before its turn waits for that, too, the first segment's included. A handshake is remembered
/// in its sequence number alone (RFC 4987 section 3.6), so that a flood of them takes no memory. There are at most 64
/// conversations, 8 of them with one station; the one that was silent for longest makes room. One that was silent for
/// ten seconds is over.
struct NameConversations {
  /// Who is at the other end.
  struct Client: Equatable {
    let address: IPv6Address
    let port: UInt16
    let station: MACAddress
  }

  private struct Entry {
    let client: Client
    var heard: Instant
    var conversation: NameConversation
  }

  static let limit = 64
  static let limitOfStation = 8
  static let patience = Duration.seconds(10)

  private var entries: [Entry] = []
  private let secret: [UInt8]

  init(using random: inout some RandomNumberGenerator) {
    secret = (0..<32).map { _ in random.next() }
  }

  /// The number of conversations, of which some may be over.
  var count: Int { entries.count }

  /// Takes a segment with the right checksum and returns what is sent back; `nil` for nothing. `answer` answers a
  /// question; `nil` ends the conversation.
  mutating func receive(
    _ segment: TCPSegment, from client: Client, at now: Instant, answer: (UnsafeRawBufferPointer) -> [UInt8]?
  ) -> TCPAnswer? {
    typealias Flag = TCPHeader.Flag
    entries.removeAll { $0.heard + NameConversations.patience <= now }
    let found = entries.firstIndex { $0.client == client }
    let flags = segment.flags
    guard flags & Flag.reset == 0 else {
      if let found, entries[found].conversation.expected == segment.sequence { entries.remove(at: found) }
      return nil
    }
    guard flags & Flag.synchronise == 0 else {
      guard flags & Flag.acknowledgement == 0 else { return nil }
      // Who really begins anew refuses this (RFC 5961 section 4).
      if let found { return entries[found].conversation.answer }
      return TCPAnswer(
        sequence: cookie(of: client, segment.sequence), acknowledgement: segment.sequence &+ 1,
        flags: Flag.synchronise | Flag.acknowledgement)
    }
    guard flags & Flag.acknowledgement != 0 else { return nil }
    let refusal = TCPAnswer(sequence: segment.acknowledgement, acknowledgement: 0, flags: Flag.reset)
    let index: Int
    if let found {
      index = found
    } else {
      let first = segment.acknowledgement &- 1
      guard cookie(of: client, segment.sequence &- 1) == first else {
        // A segment that has acknowledged our first number and nothing else belongs to a handshake whose first data
        // was lost or overtaken.
        return NameConversations.low(first) == NameConversations.low(cookie(of: client, 0)) ? nil : refusal
      }
      guard !segment.payload.isEmpty || flags & Flag.fin != 0 else { return nil }
      makeRoom(for: client.station)
      index = entries.count
      let conversation = NameConversation(expected: segment.sequence, next: segment.acknowledgement)
      entries.append(Entry(client: client, heard: now, conversation: conversation))
    }
    entries[index].heard = now
    switch entries[index].conversation.receive(segment, answer: answer) {
    case .goesOn(let answer): return answer
    case .isOver:
      entries.remove(at: index)
      return nil
    case .isRefused:
      entries.remove(at: index)
      return refusal
    }
  }

  private mutating func makeRoom(for station: MACAddress) {
    let own = entries.indices.filter { entries[$0].client.station == station }
    let crowd = own.count >= NameConversations.limitOfStation ? own : Array(entries.indices)
    guard own.count >= NameConversations.limitOfStation || entries.count >= NameConversations.limit,
      let oldest = crowd.min(by: { entries[$0].heard < entries[$1].heard })
    else { return }
    entries.remove(at: oldest)
  }

  /// Our first sequence number for a client that begins with this one: nobody else can know it (RFC 6528). Its low half
  /// is the same for all that a client begins with, so that its handshakes are known by any of their segments.
  private func cookie(of client: Client, _ sequence: UInt32) -> UInt32 {
    var bytes = secret + client.address.bytes + client.station.bytes
    bytes.append(bigEndian: client.port)
    let low = NameConversations.low(hash(bytes))
    bytes.append(bigEndian: sequence)
    return hash(bytes) & ~NameConversations.lowHalf | low
  }

  private static let lowHalf: UInt32 = 0xffff

  private static func low(_ number: UInt32) -> UInt32 { number & lowHalf }

  private func hash(_ bytes: [UInt8]) -> UInt32 { SHA3.sha256(bytes).prefix(4).reduce(0) { $0 << 8 | UInt32($1) } }
}
