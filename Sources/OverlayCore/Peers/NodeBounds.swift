/// How much a node takes at the most of what peers, strangers and hosts behind it can make it take.
///
/// What a daemon is to take altogether is shared out evenly between its identities, each of which has a node. They do not
/// draw on one supply: who used it up at one identity would see at another that both are one host. A share has a floor with
/// which an identity among very many still works; what that adds up to for 128 of them stands with each bound.
///
/// What depends on time alone, such as ten ICMP errors a second, is bounded for each node as it is: it keeps nothing. What
/// belongs to a circuit, such as its queue, is bounded by how many there are.
public struct NodeBounds: Equatable, Sendable {
  /// How many circuits may be open. Three quarters of it are for those that we dial, an eighth of them for configured peers;
  /// at the limit an accepted one of somebody else makes room for a configured peer's, and nobody else is dialled. Three
  /// quarters are for accepted ones beside those that we dialled, a quarter at the least; past that one of them makes room
  /// for the next (`AcceptedCircuits`). At least 4,
  /// so that peers and we can dial: where files are so few that it is too much, the system refuses the last ones.
  public var circuits: Int
  /// How much memory the packets in all queues and cut packets take, in bytes: 64 MiB, past which packets are dropped. At
  /// least one circuit's queue, which is 1 MiB, beside all cut packets: 168 MiB for 128 identities.
  public var packetBytes: Int
  /// How much of that cut packets of all circuits take together, in bytes: 16 MiB, of which a quarter is for peers that the
  /// operator named; past either the circuit is closed that has held most for longest (`CutPackets`). At least four of the
  /// longest packets, so that two peers may send such on two circuits each, and lose none: 32 MiB for 128 identities. Queues
  /// leave it free.
  public var reassemblyBytes: Int
  /// How many names from keepalives are kept that no circuit was ever built to: 2,000, and 32 at least. Past that those
  /// make room first whose circuits are closed.
  public var unreachedNames: Int
  /// How many names from keepalives are kept that a circuit was built to: 8,000, and 128 at least.
  public var reachedNames: Int
  /// How many circuits are dialled at the same time: 64, and 8 at least. Half of them are for configured peers.
  public var dials: Int
  /// How many dials are begun a second, and at once: 64, and 8 at least. Half of them are for configured peers.
  public var dialsPerSecond: Int
  /// How many dials a minute, and at once, strangers can cause, by a name that nobody was ever reached at: 10, and 2 at
  /// least. Past that lots are drawn among accepted circuits that are open and have brought a packet (`StrangerDials`); a
  /// packet for whoever waits for one is refused. It also bounds the packets that wait for such dials, 128 KiB each.
  public var strangerDials: Int
  /// How many lines of the log strangers can cause in five minutes, and at once: 5, and 1 at least.
  public var strangerLines: Int
  /// How many peers beside the permanent ones a report names: 50, and 1 at least.
  public var reportedPeers: Int

  /// The bounds of each of so many identities, of which all have `circuits` together.
  public init(identities: Int = 1, circuits: Int = 1_000) {
    func share(_ whole: Int, atLeast floor: Int) -> Int { max(whole / max(identities, 1), floor) }
    self.circuits = share(circuits, atLeast: 4)
    reassemblyBytes = share(Streams.reassemblyLimit, atLeast: 4 * PacketStore.largeSize)
    packetBytes = share(
      PacketStore.byteLimit, atLeast: FlowQueue.memoryLimit + reassemblyBytes + Streams.reassemblySlack)
    unreachedNames = share(NameTable.unreachedLimit, atLeast: 32)
    reachedNames = share(NameTable.reachedLimit, atLeast: 128)
    dials = share(64, atLeast: 8)
    dialsPerSecond = share(64, atLeast: 8)
    strangerDials = share(10, atLeast: 2)
    strangerLines = share(5, atLeast: 1)
    reportedPeers = share(50, atLeast: 1)
  }
}
