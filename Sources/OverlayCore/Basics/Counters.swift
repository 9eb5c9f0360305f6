/// What happened, and how often: what is dropped is never dropped unseen.
enum Counter: Int, CaseIterable, Sendable {
  /// Packets from the device that went to a circuit.
  case sent
  /// Packets from circuits that went to the device.
  case delivered
  /// Packets that the responders `dead:beef` and `feed:beef` turned back.
  case reflected
  /// Circuits that were dialled.
  case dialled
  /// Dialled circuits that were granted.
  case granted
  /// Dials that ended before they were granted.
  case dialFailed
  /// Dials that were not made, or not at once, because too many were being made.
  case dialLimit
  /// Dials to strangers that were not made at once because there were too many.
  case strangerLimit
  /// Circuits that were accepted.
  case accepted
  /// Circuits that were not accepted or dialled because too many were open.
  case circuitLimit
  /// Circuits that were not accepted because too many came in a second.
  case acceptLimit
  /// Accepted circuits closed to make room for others.
  case crowdedOut
  /// Circuits closed because their bytes were no packets.
  case badStream
  /// Accepted circuits closed because they did not begin with the line that Tor was to write about them.
  case badTorLine
  /// Accepted circuits closed because too many came through the same circuit of Tor.
  case torCircuitLimit
  /// Circuits closed because cut packets of all circuits together took too much memory.
  case reassemblyLimit
  /// Circuits closed because a cut packet found no room: all memory that the node lends was in use.
  case noRoom
  /// Accepted circuits closed because in 30 seconds no packet came that tells who called, or that was admitted.
  case halfOpen
  /// Circuits closed because a packet that had begun to come was not whole after 60 seconds.
  case packetTimeout
  /// Circuits closed because nothing came or went.
  case idleClosed
  /// Circuits closed because they took no bytes for too long.
  case stalled
  /// Questions to peers whether they are still there.
  case asked
  /// Answers of peers to these.
  case answered
  /// Questions of peers that were not answered because they came too often.
  case answerLimited
  /// Circuits whose place another took because the peer did not answer.
  case replaced
  /// Packets that made room for newer ones in a queue.
  case queueFull
  /// Packets dropped because their queue stood for too long.
  case queueAged
  /// Packets marked for the same reason (ECN).
  case queueMarked
  /// Times that a circuit was not read for a while, because its peer or all together were at the ceiling.
  case readingLimited
  /// Times that nothing was sent on a circuit for a while, for the same reason.
  case sendingLimited
  /// Packets that were lost with their circuit.
  case lostWithCircuit
  /// Packets that came on one circuit ahead of what another had to bring, and waited for it.
  case orderHeld
  /// Gaps in flows that were not waited for any longer.
  case orderGivenUp
  /// ICMP errors that were sent to the device.
  case unreachable
  /// ICMP errors to the device that were withheld by their rate limit.
  case unreachableLimited
  /// ICMP errors that were sent to peers, about packets of theirs.
  case peerError
  /// ICMP errors to peers that were withheld by their rate limit.
  case peerErrorLimited
  /// Packets for an address whose name is not known, and was not found.
  case unknownName
  /// Searches for the name of an address.
  case searched
  /// Searches that found it.
  case resolved
  /// Searches that found nothing.
  case searchedInVain
  /// Answers of lookup services and acquaintances that were no name of the address.
  case falseAnswer
  /// Questions to acquaintances for the name of an address.
  case nameAsked
  /// Questions of peers for the name of an address that were answered.
  case nameAnswered
  /// Questions of peers for a name that were not answered because they came too often.
  case nameAnswerLimited
  /// Questions of LAN hosts for names and addresses that were answered.
  case lanNameAnswered
  /// Packets of LAN hosts to the service for names that are no question.
  case lanNameMalformed
  /// Packets of LAN hosts to the service for names that were dropped because there were too many.
  case lanNameLimited
  /// Packets to the service for names that a station sent from the address of another LAN host, or of one that the link
  /// does not know yet.
  case lanNameForged
  /// Packets to or from a group or a link-local address, or another that no host beyond the link can have.
  case multicast
  /// Packets from the device for our own address, or for what is behind us.
  case loop
  /// Packets from the device that came from a peer, or from what is behind one: they do not go back.
  case returned
  /// Packets from the device whose source is neither our address nor behind us.
  case foreignSource
  /// Packets from the device for an address that is neither in the overlay nor behind a peer.
  case outsideOverlay
  /// Packets from the device that peers would take for a keepalive of ours.
  case falseKeepalive
  /// Packets that are not well formed.
  case malformed
  /// Packets that the device did not take.
  case deviceRefused
  /// Packets for the device that are longer than it carries.
  case tooLong
  /// IPv4 packets for the device that were cut into fragments.
  case fragmented
  /// Packets from a circuit that are neither for our address nor for what is behind us.
  case foreignDestination
  /// Packets from a circuit that are neither from its peer's address nor from what is behind it.
  case forgedSource
  /// Packets from a circuit whose source no host can have: unspecified, of a group, of a link, or of this host alone.
  case impossibleSource
  /// Packets from a circuit whose source is an address of this host.
  case ownSource
  /// Packets from a circuit whose hop limit is spent.
  case hopLimit
  /// Packets of circuits whose sender was not proven in time, or of which too many waited for that.
  case unproven
  /// Accepted circuits whose sender has proven that it holds the key of its onion name.
  case proven
  /// Accepted circuits whose sender is known by an echo reply.
  case provenByEcho
  /// Accepted circuits whose sender has proven nothing in time, and was believed all the same.
  case believed
  /// Responses to no challenge of this host.
  case falseProof
  /// Keepalives for another host than this one.
  case foreignKeepalive
  /// Packets from circuits whose source is a peer that the operator blocked.
  case blocked
  /// Messages of neighbour discovery from a circuit, which mean nothing beyond their own link.
  case remoteDiscovery
  /// IPv6 packets from a circuit whose extension headers cannot be read up to what they carry, or not in the first
  /// fragment.
  case unreadableHeaders
  /// Packets, from the device or a circuit, out of which the clock of the kernel cannot be taken: beginnings of TCP
  /// connections whose header is cut, and ICMP's questions and answers about the time.
  case unscrubbed
  /// ICMPv6 errors from a circuit that are not about a packet of whom they are for.
  case foreignQuote
  /// Packets from circuits that nobody here asked for and no rule of the door lets in.
  case doorClosed
  /// Fragments from circuits, and packets whose headers cannot be read up to what they carry, which the door refuses.
  case doorUnreadable
  /// ICMP errors from circuits that are about no packet of ours.
  case doorQuote
  /// Flows that this side began, whose answers the door lets in.
  case flowBegun
  /// Flows that the door forgot to make room for others.
  case flowEvicted
  /// IPv4 packets while IPv4 is not carried.
  case ipv4
  /// Keepalives that were read.
  case keepalive
  /// Keepalives without a usable name.
  case badKeepalive
  /// Names that came into a keepalive for an address that another name holds.
  case nameConflict
  /// Keepalives with a name of version 2, which Tor cannot dial: what such a peer sends is taken, its name is not.
  case undiallableName
  /// Keepalives that claim another peer than their circuit did before.
  case changedClaim
  /// Ethernet frames that are cut off, or whose packet is, and frames that a group sent.
  case badFrame
  /// Ethernet frames longer than the link carries.
  case jumboFrame
  /// Ethernet frames for another station, which a bridge floods.
  case foreignFrame
  /// Ethernet frames that we sent ourselves: the link is a loop.
  case frameLoop
  /// Ethernet frames with a VLAN's tag.
  case taggedFrame
  /// Ethernet frames that carry neither IP nor ARP, such as a spanning tree's, and ARP while IPv4 is not
  /// carried.
  case otherFrame
  /// Messages of neighbour discovery and ARP that break a rule, and those that only routers send.
  case badNeighbour
  /// Solicitations and ARP requests of LAN hosts that were answered.
  case neighbourAnswered
  /// Answers, solicitations and requests for the address service that were withheld by their rate limit.
  case neighbourLimited
  /// Solicitations and ARP requests for LAN hosts that were sent.
  case neighbourSolicited
  /// LAN hosts that were forgotten, or not remembered, because the table was full.
  case neighbourTableFull
  /// Solicitations and ARP packets of LAN hosts whose own address lies behind a peer.
  case misplacedNeighbour
  /// Packets dropped because too many, or too long ones, waited for a LAN host's MAC address.
  case neighbourQueueFull
  /// Packets for LAN hosts that did not tell their MAC address in time.
  case neighbourUnreachable
  /// Events of the link that were lost because nobody took those before them.
  case linkEventLimit
  /// Router advertisements that were sent.
  case routerAdvertisement
  /// Router solicitations that were heard.
  case routerSolicitation
  /// DHCPv6 messages of hosts that were answered.
  case addressAnswered
  /// DHCPv6 messages and router solicitations that break the rules of their RFC.
  case addressRequestMalformed
  /// DHCPv6 messages for other servers or of relay agents, and those that ask for nothing that we give.
  case addressRequestForeign
  /// DHCPv6 messages that were not answered because there were too many.
  case addressRequestLimited
  /// DHCPv6 answers that every address is taken.
  case noAddressFree
  /// Addresses that a host declined because another uses them.
  case addressDeclined
}

/// A number for each counter.
public struct Counters: Sendable {
  private var values = [UInt64](repeating: 0, count: Counter.allCases.count)

  /// How often it happened.
  subscript(counter: Counter) -> UInt64 {
    get { values[counter.rawValue] }
    set { values[counter.rawValue] = newValue }
  }

  /// All counters, in the order they are declared, and whether each counts what was dropped or refused.
  public var all: [(name: String, count: UInt64, isDrop: Bool)] {
    Counter.allCases.map { ("\($0)", self[$0], $0.isDrop) }
  }

  /// Packets from the device that went to a circuit.
  public var packetsSent: UInt64 { self[.sent] }
  /// Packets from circuits that went to the device.
  public var packetsDelivered: UInt64 { self[.delivered] }

  /// The counters that are not zero, in the order they are declared.
  public var seen: [(name: String, count: UInt64)] {
    Counter.allCases.compactMap { self[$0] > 0 ? ("\($0)", self[$0]) : nil }
  }

  /// The counters that are not zero, as `name=value`, in the order they are declared.
  public var summary: String {
    let seen = seen
    return seen.isEmpty ? "none" : seen.map { "\($0.name)=\($0.count)" }.joined(separator: " ")
  }
}
