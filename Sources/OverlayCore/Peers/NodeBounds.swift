/// The bounds of what peers, strangers and hosts behind peers can make a node take.
///
/// The bounds of a daemon are shared evenly between its identities, each of which has a node. Identities do not draw on
/// one supply: somebody who used it up at one identity would see at another that both are one host. Each share has a
/// floor, with which an identity among very many still works. The comment of each bound tells what the floors of 128
/// identities add up to.
///
/// Bounds that depend on time alone, such as ten ICMP errors a second, hold for each node: they take no memory. What
/// belongs to a circuit, such as its queue, is bounded by the number of circuits.
public struct NodeBounds: Equatable, Sendable {
  /// The greatest number of circuits: at least 4, so that peers and this host can dial. If files are so few that this
  /// is too much, the system refuses the last ones.
  ///
  /// Three quarters of all are for circuits that this host dials, and an eighth of them is reserved for configured
  /// peers. At the limit an accepted circuit of anybody else makes room for a configured peer's, and nobody else is
  /// dialled. Accepted circuits have three quarters of all less the dialled ones, but at least a quarter; past that one
  /// of them makes room for the next (`AcceptedCircuits`).
  public var circuits: Int
  /// The greatest number of accepted circuits, beside the bound that `circuits` gives: at least 4.
  public var accepted: Int
  /// The greatest number of accepted circuits whose callers have not shown who they are: at least 4. Past that one of
  /// them, chosen at random, makes room for the next.
  public var unproven: Int
  /// The greatest number of circuits that are accepted in a second, and at once: at least 8.
  public var acceptsPerSecond: Int
  /// The greatest memory of the packets in all queues and of cut packets, in bytes: 64 MiB, past which packets are
  /// dropped. The floor is one circuit's queue, which is 1 MiB, beside all cut packets: 168 MiB for 128 identities.
  public var packetBytes: Int
  /// The part of it that the cut packets of all circuits take together, in bytes: 16 MiB, of which a quarter is
  /// reserved for peers that the operator named. Past a bound `CutPackets` chooses a circuit, which is closed. Packets
  /// to be sent leave this memory free. The floor is four of the longest packets, so that two peers may send such
  /// packets on two circuits each and lose none: 32 MiB for 128 identities.
  public var reassemblyBytes: Int
  /// The part of it that packets take which came on one circuit ahead of what another still has to bring, in bytes:
  /// 16 MiB, of which a quarter is reserved for peers that the operator named, and at least four of the longest
  /// packets, a quarter of the floor of a queue: 32 MiB for 128 identities (`Resequencer`).
  public var orderBytes: Int
  /// The part of it that packets take which wait until the sender of their circuit is proven, in bytes: 2 MiB, and at
  /// least as much as one circuit's. Past that, and past a bound of each circuit, they are dropped (`Claims`).
  public var unprovenBytes: Int
  /// The greatest number of learned names to which no circuit was ever built: 2,000 of 10,000, and at least 32. Past
  /// that the names whose circuits are closed make room first.
  public var unreachedNames: Int
  /// The greatest number of learned names to which a circuit was built: 8,000 of 10,000, and at least 128.
  public var reachedNames: Int
  /// The greatest number of circuits that are being dialled at the same time: 64, and at least 8. Half of them are
  /// reserved for configured peers.
  public var dials: Int
  /// The greatest number of dials that are begun in a second, and at once: 64, and at least 8. Half of them are
  /// reserved for configured peers.
  public var dialsPerSecond: Int
  /// The greatest number of dials a minute, and at once, to names that nobody was ever reached at and that strangers
  /// therefore can cause: 10, and at least 2. Past that the next stranger is selected at random among those with an
  /// open accepted circuit that has brought a packet (`StrangerDials`), and packets for the others are refused. The
  /// bound also limits the packets that wait for such dials, 128 KiB each.
  public var strangerDials: Int
  /// The greatest number of searches for names, and of questions to the lookup service, at the same time: 20, and at
  /// least 2.
  public var searches: Int
  /// The greatest number of questions to the lookup service a minute: 60, and at least 6.
  public var questionsPerMinute: Int
  /// The greatest number of addresses that were not found and are remembered: 4,096, and at least 64. Each takes some
  /// 100 bytes.
  public var missedNames: Int
  /// The greatest number of log lines that strangers can cause in five minutes, and at once: 5, and at least 1.
  public var strangerLines: Int
  /// The greatest number of flows that this side begins and whose answers the door lets in: 16,384, and at least 256.
  /// Each takes 80 bytes at most. Past that the peer with the most flows loses its oldest (`DoorFlows`).
  public var flows: Int
  /// The greatest number of peers in a report beside the configured ones: 50, and at least 1.
  public var reportedPeers: Int

  /// Makes the bounds of each of `identities` identities, which have `circuits` circuits and `names` learned names
  /// together, and of the circuits at most `accepted` accepted ones, and `unproven` of unproven callers.
  public init(
    identities: Int = 1, circuits: Int = 1_000, names: Int = 10_000, accepted: Int = .max, unproven: Int = .max,
    acceptsPerSecond: Int = .max
  ) {
    func share(_ whole: Int, atLeast floor: Int) -> Int { max(whole / max(identities, 1), floor) }
    self.circuits = share(circuits, atLeast: 4)
    self.accepted = share(accepted, atLeast: 4)
    self.unproven = share(unproven, atLeast: 4)
    self.acceptsPerSecond = share(acceptsPerSecond, atLeast: 8)
    reassemblyBytes = share(CutPackets.memoryLimit, atLeast: 4 * PacketStore.largeSize)
    orderBytes = share(Resequencer.memoryLimit, atLeast: 4 * PacketStore.largeSize)
    packetBytes = share(
      PacketStore.byteLimit, atLeast: FlowQueue.memoryLimit + reassemblyBytes + CutPackets.slack)
    unprovenBytes = share(2 << 20, atLeast: Claims.packetLimit * PacketStore.smallSize)
    unreachedNames = share(NameTable.unreachedLimit(of: names), atLeast: 32)
    reachedNames = share(names - NameTable.unreachedLimit(of: names), atLeast: 128)
    dials = share(64, atLeast: 8)
    dialsPerSecond = share(64, atLeast: 8)
    strangerDials = share(10, atLeast: 2)
    searches = share(NameSearches.limit, atLeast: 2)
    questionsPerMinute = share(NameSearches.questionsPerMinute, atLeast: 6)
    missedNames = share(NameSearches.missLimit, atLeast: 64)
    strangerLines = share(5, atLeast: 1)
    flows = share(16_384, atLeast: 256)
    reportedPeers = share(50, atLeast: 1)
  }
}
