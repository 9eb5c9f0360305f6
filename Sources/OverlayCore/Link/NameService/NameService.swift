/// Answers hosts of a LAN about names of the overlay by DNS, at port 53 of `dead:beef`, over UDP and TCP (RFC 1035
/// section 4.2). What is answered is `LocalNameServer`'s to say. An answer goes to the station that asked, whatever
/// source its packet names: nobody beyond the link is ever answered.
///
/// So many packets are looked at as `StationBuckets` has it; those above are dropped and counted as `lanNameLimited`.
public struct NameService {
  /// What comes of a packet.
  struct Outcome {
    /// The packet that is sent back.
    var packet: [UInt8]?
    /// The onion names whose addresses were asked for.
    var wanted: [OnionName] = []
    /// How many questions were answered.
    var answered = 0
    /// What the packet is counted as if it was dropped.
    var drop: Counter?
  }

  static let port: UInt16 = 53

  private let server: LocalNameServer
  private let address = OverlayNetwork.tor.localResponder
  private var conversations: NameConversations
  private var limits = StationBuckets()

  /// A service that answers what `server` does.
  public init(_ server: LocalNameServer, random: any RandomNumberGenerator = SystemRandomNumberGenerator()) {
    var random = random
    self.server = server
    conversations = NameConversations(using: &random)
  }

  /// What comes of a whole IPv6 packet to the service's port, whose checksum is complete. `names` has what the station
  /// may know; `nil` is for one that may know nothing, and whose questions are refused, so that it asks elsewhere.
  mutating func receive<Names: LocalNames>(
    _ packet: PacketView, from station: MACAddress, at now: Instant, names: Names?
  ) -> Outcome {
    var outcome = Outcome()
    guard limits.take(for: names == nil ? nil : station, at: now) else {
      outcome.drop = .lanNameLimited
      return outcome
    }
    let server = server
    let answer = { (question: UnsafeRawBufferPointer, greatest: Int?) -> [UInt8]? in
      let answer =
        names.map { server.answer(to: question, greatest: greatest, from: $0) }
        ?? server.refusal(of: question, greatest: greatest)
      if let name = answer.name { outcome.wanted.append(name) }
      if answer.message != nil { outcome.answered += 1 }
      return answer.message
    }
    if let datagram = UDPDatagram.read(packet) {
      let message = answer(datagram.payload, nil)
      outcome.packet = message.map {
        UDPDatagram.packet(
          from: (address, NameService.port), to: (packet.source, datagram.sourcePort), payload: $0, hopLimit: 64)
      }
    } else if let segment = TCPSegment(packet), segment.isIntact {
      let client = NameConversations.Client(
        address: packet.source, port: UDPDatagram.ports(at: IPv6Header.size, in: packet.bytes).source, station: station)
      let reply = conversations.receive(segment, from: client, at: now) { answer($0, DNSQuery.smallestAnswer) }
      outcome.packet = reply?.packet(from: (address, NameService.port), to: (client.address, client.port))
      return outcome
    }
    if outcome.packet == nil { outcome.drop = .lanNameMalformed }
    return outcome
  }
}
