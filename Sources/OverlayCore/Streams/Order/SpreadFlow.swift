/// A TCP flow, in one direction, that a peer may spread over several circuits.
struct SpreadFlow {
  /// What tells flows apart.
  struct Key: Equatable {
    private let source: IPv6Address
    private let destination: IPv6Address
    private let ports: UInt32
    private let isIPv4: Bool

    /// The flow of `packet`, whose TCP header begins at `tcp`.
    init(_ packet: PacketView, tcp: Int) {
      source = packet.source
      destination = packet.destination
      ports = packet.bytes.loadUnaligned(fromByteOffset: tcp, as: UInt32.self)
      isIPv4 = packet.isIPv4
    }
  }

  /// How far a circuit has brought the flow. Within a circuit nothing overtakes anything.
  struct Mark {
    /// The serial number of the circuit.
    var circuit: UInt64 = 0
    /// The greatest sequence number behind a byte that it brought.
    var end: UInt32 = 0
    /// The time at which it last brought something.
    var lastSeen = Instant(nanoseconds: 0)
    /// The last, in their order, of the packets that wait and that it brought; `.none` if that waits no longer. What it
    /// brings next belongs behind that, and not far.
    var held = PacketStore.Slot.none
  }

  /// What the records of peers that the operator knows are worth at least while their flows go on: more than others.
  static let leastKnownWorth = 4

  /// Which flow it is; `nil` for a record that is not in use.
  var key: Key?
  /// The standing of who sends it.
  var standing = Standing.unproven
  /// The sequence number behind everything that was delivered in order, or given up.
  var next: UInt32 = 0
  /// The time of the last packet.
  var lastSeen = Instant(nanoseconds: 0)
  /// The number of circuits that brought it.
  var markCount = 0
  /// The packets that wait for earlier ones.
  var held = HeldPackets()
  /// How many of them may be looked at yet to find the place of another.
  var steps = 0

  /// Makes a record of no flow.
  init() {}

  /// Begins to follow a flow.
  init(_ key: Key, of standing: Standing, at now: Instant) {
    self.key = key
    self.standing = standing
    lastSeen = now
  }

  /// Returns how much would be lost with the record: packets that wait, the order of a flow that is spread now, little,
  /// or nothing where the flow is silent. What is of a peer that the operator knows counts more than what is not.
  func worth(at now: Instant) -> Int {
    guard !held.isEmpty || now - lastSeen <= SpreadFlows.markLifetime else { return 0 }
    let ofAnybody = held.isEmpty ? (markCount > 1 ? 2 : 1) : 3
    return standing == .known ? SpreadFlow.leastKnownWorth + ofAnybody : ofAnybody
  }
}
