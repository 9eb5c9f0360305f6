/// A host is everything that one machine is in the overlay: a node for each of its identities and, behind the one
/// device that they share, the link to a LAN with the service that gives addresses there. It sorts packets from the
/// device to the identity that sends them. A packet of no identity, such as one of a host behind this one, goes to the
/// first.
///
/// Identities know nothing of each other. They can be added and removed while the host runs.
public struct Host: ~Copyable {
  /// One of a host's identities. An identifier is never used again.
  public struct Identity: Hashable, Sendable {
    fileprivate let slot: Int
    fileprivate let serial: Int
  }

  /// The result of a packet or frame from the device.
  public enum Intake: Equatable {
    /// This identity has taken a packet.
    case packet(Identity)
    /// Nothing is left: the link answered or dropped a frame, or there is no identity.
    case consumed
    /// This range of the frame is a request of the station to its routers or servers, which `answer` takes.
    case request(Range<Int>, from: MACAddress)
  }

  private var nodes = Slots<Node>()
  private var service: AddressService?
  private var nameService: NameService?
  // In the order in which they were added. The first takes the packets that are of no other.
  private var order: [Identity] = []
  private var identities: [IPv6Address: Identity] = [:]
  private var deadlines = DeadlineQueue()
  private var events: [HostEvent] = []
  // The identities that may have actions now.
  private var touched: [Identity] = []
  // The serial number of the identity in each slot, or zero, which no identity has, for an empty slot.
  private var serials: [Int] = []
  private var lastSerial = 0

  /// Makes a host without identities.
  public init() {}

  // MARK: - Identities

  /// The identities, in the order in which they were added.
  public var all: [Identity] { order }

  /// Returns the identity with this address; `nil` if there is none.
  public func identity(at address: IPv6Address) -> Identity? { identities[address] }

  /// Adds an identity, which does nothing before `start`. No other identity may have its address.
  public mutating func add<Wire: PacketSink & ~Copyable>(
    _ settings: NodeSettings, random: any RandomNumberGenerator = SystemRandomNumberGenerator(),
    turn: inout Turn<LinkDevice<Wire>>
  ) -> Identity? {
    guard let identity = insert(settings, random) else { return nil }
    identitiesChanged(turn: &turn)
    return identity
  }

  /// Adds several identities at once, as above, and returns those that were added. They are told of each other once.
  public mutating func add<Wire: PacketSink & ~Copyable>(
    _ all: [NodeSettings], turn: inout Turn<LinkDevice<Wire>>
  ) -> [Identity] {
    let added = all.compactMap { insert($0, SystemRandomNumberGenerator()) }
    identitiesChanged(turn: &turn)
    return added
  }

  private mutating func insert(_ settings: NodeSettings, _ random: any RandomNumberGenerator) -> Identity? {
    guard identities[settings.name.address] == nil else { return nil }
    lastSerial += 1
    let identity = Identity(slot: nodes.insert(Node(settings, random: random)), serial: lastSerial)
    while serials.count <= identity.slot { serials.append(0) }
    serials[identity.slot] = identity.serial
    order.append(identity)
    identities[settings.name.address] = identity
    return identity
  }

  /// Removes an identity, and returns whether there was one. The caller closes its circuits.
  public mutating func remove<Wire: PacketSink & ~Copyable>(
    _ identity: Identity, turn: inout Turn<LinkDevice<Wire>>
  ) -> Bool {
    guard contains(identity) else { return false }
    order.removeAll { $0 == identity }
    serials[identity.slot] = 0
    deadlines.cancel(identity.slot)
    let gone = nodes.remove(identity.slot)
    identities[gone.settings.name.address] = nil
    identitiesChanged(turn: &turn)
    return true
  }

  /// Lets a service give out the addresses of the identities. It goes on with its leases: those of addresses that no
  /// identity has are forgotten, so the identities are to be added before.
  public mutating func serve(_ service: AddressService) {
    var service = service
    service.identitiesChanged(to: addresses)
    self.service = service
  }

  /// Lets a service answer hosts of the LAN about names.
  public mutating func serve(_ service: NameService) { nameService = service }

  private var addresses: [IPv6Address] { order.map { nodes[$0.slot].settings.name.address } }

  private mutating func identitiesChanged<Wire: PacketSink & ~Copyable>(turn: inout Turn<LinkDevice<Wire>>) {
    let siblings = Set(addresses)
    for identity in order {
      nodes[identity.slot].siblingsChanged(to: siblings, turn: &turn)
      touch(identity)
    }
    let inOrder = addresses
    if turn.device.hasLink { turn.device.link?.identitiesChanged(to: inOrder) }
    service?.identitiesChanged(to: inOrder)
  }

  private func contains(_ identity: Identity) -> Bool {
    identity.slot < serials.count && serials[identity.slot] == identity.serial
  }

  // MARK: - The device

  /// Takes what was read from the device: a packet, or an Ethernet frame if there is a link. `offload` says what the
  /// kernel left to be done to it.
  public mutating func receive<Wire: PacketSink & ~Copyable>(
    _ frame: UnsafeMutableRawBufferPointer, _ offload: OffloadHeader, turn: inout Turn<LinkDevice<Wire>>
  ) -> Intake {
    switch turn.device.open(frame, offload, at: turn.now, isLive: { isLive($0) }) {
    case .consumed: return .consumed
    case .request(let range, let station): return .request(range, from: station)
    case .packet(let range, let offload):
      let bytes = UnsafeMutableRawBufferPointer(rebasing: frame[range])
      guard let identity = sender(of: UnsafeRawBufferPointer(bytes)) else { return .consumed }
      nodes[identity.slot].receive(fromDevice: bytes, offload, turn: &turn)
      touch(identity)
      return .packet(identity)
    }
  }

  /// Answers a request of a host of the link to its routers and servers. `wallClock` is in seconds since 1970, because
  /// leases are kept over a restart.
  public mutating func answer<Wire: PacketSink & ~Copyable>(
    _ packet: UnsafeRawBufferPointer, from station: MACAddress, wallClock: Int64, turn: inout Turn<LinkDevice<Wire>>
  ) {
    if let packet = PacketView(reading: packet), packet.destination == OverlayNetwork.tor.localResponder {
      answerName(packet, from: station, turn: &turn)
      return
    }
    let answer = service?.answer(packet, from: station, at: turn.now, wallClock: wallClock)
    if service?.takeLeasesChanged() == true { events.append(.leasesChanged) }
    if let answer { turn.device.send(answer.packet, to: answer.to) }
  }

  /// Who asks for a name.
  private enum NameAsker {
    /// A host that has the address of this identity, or one behind it.
    case host(Identity)
    /// A station that writes an address which such a host has, or may have.
    case forger
    /// A station with another address, such as a link-local one: nobody's packets come from there.
    case stranger
  }

  /// Answers a question for a name with what the identity knows that the asking host has, or else the first for a host
  /// behind it.
  private mutating func answerName<Wire: PacketSink & ~Copyable>(
    _ packet: PacketView, from station: MACAddress, turn: inout Turn<LinkDevice<Wire>>
  ) {
    guard nameService != nil else { return }
    let identity: Identity?
    switch asker(packet.source, at: station, turn: &turn) {
    case .host(let found): identity = found
    case .stranger: identity = nil
    case .forger: return turn.device.count(.lanNameForged)
    }
    let names: KnownNames? = if let identity { nodes[identity.slot].knownNames } else { nil }
    let received = nameService?.receive(packet, from: station, at: turn.now, names: names)
    // Two owners of the table would be two tables as soon as a name is learned.
    _ = consume names
    guard let outcome = received else { return }
    if let identity {
      for name in outcome.wanted { nodes[identity.slot].learn(name, turn: &turn) }
      touch(identity)
    }
    turn.device.count(.lanNameAnswered, outcome.answered)
    if let drop = outcome.drop { turn.device.count(drop) }
    if let answer = outcome.packet { turn.device.send(answer, to: station) }
  }

  /// Returns who asks from this address. Who leases the addresses knows best which station has one; otherwise the link
  /// knows by what it has heard.
  private func asker<Wire: PacketSink & ~Copyable>(
    _ source: IPv6Address, at station: MACAddress, turn: inout Turn<LinkDevice<Wire>>
  ) -> NameAsker {
    let behind = turn.device.serves(source) ? order.first : nil
    guard let identity = identities[source] ?? behind else { return .stranger }
    let isThere =
      service?.station(of: source, at: turn.now).map { $0 == station }
      ?? turn.device.has(source, at: station, turn.now)
    return isThere ? .host(identity) : .forger
  }

  /// Sets the MTU of the device in bytes.
  public mutating func mtuChanged<Wire: PacketSink & ~Copyable>(
    to bytes: Int, turn: inout Turn<LinkDevice<Wire>>
  ) {
    if turn.device.hasLink { turn.device.link?.mtuChanged(to: bytes) }
    service?.mtuChanged(to: bytes, at: turn.now)
    for identity in order { nodes[identity.slot].mtuChanged(to: bytes) }
  }

  /// Returns the identity that sends a packet: the one whose address is its source, or else the first.
  private func sender(of packet: UnsafeRawBufferPointer) -> Identity? {
    guard order.count > 1, packet.count >= IPv6Header.size, packet[0] >> 4 == 6 else { return order.first }
    return identities[IPv6Header.source(in: packet)] ?? order.first
  }

  /// Returns whether a peer with this address is there now.
  private func isLive(_ address: IPv6Address) -> Bool { order.contains { nodes[$0.slot].isLive(address) } }

  // MARK: - Time

  /// Returns the time at which `advance` has to be called next.
  public func nextDeadline<Wire: PacketSink & ~Copyable>(turn: borrowing Turn<LinkDevice<Wire>>) -> Instant {
    let shared = min(turn.device.nextDeadline, service?.nextDeadline ?? .distantFuture)
    return min(shared, deadlines.earliest)
  }

  /// Does what is due.
  public mutating func advance<Wire: PacketSink & ~Copyable>(turn: inout Turn<LinkDevice<Wire>>) {
    turn.device.advance(to: turn.now)
    while let message = service?.advance(to: turn.now) { turn.device.send(message.packet, to: message.to) }
    while let slot = deadlines.popDue(at: turn.now) {
      guard let identity = order.first(where: { $0.slot == slot }) else { continue }
      nodes[slot].advance(turn: &turn)
      touch(identity)
    }
  }

  /// Tells the hosts of the LAN what ends with this host.
  public mutating func end<Wire: PacketSink & ~Copyable>(turn: inout Turn<LinkDevice<Wire>>) {
    if let message = service?.end() { turn.device.send(message.packet, to: message.to) }
  }

  /// Handles the events of the link, after the device was used.
  public mutating func handleLinkEvents<Wire: PacketSink & ~Copyable>(turn: inout Turn<LinkDevice<Wire>>) {
    while let event = turn.device.nextEvent() {
      switch event {
      case .wanted(let address, let source):
        // A kernel that checks a neighbour asks from its link-local address, which does not tell the identity. If
        // another identity dialled the same peer in that moment, the peer could see that they belong together.
        guard let identity = order.count == 1 ? order.first : identities[source] else { continue }
        nodes[identity.slot].want(address, turn: &turn)
        touch(identity)
      case .undeliverable(let bytes):
        let destination = bytes.withUnsafeBytes { PacketView(reading: $0)?.destination }
        guard let identity = destination.flatMap({ identities[$0] }) ?? order.first else { continue }
        bytes.withUnsafeBytes { nodes[identity.slot].refuse(fromOverlay: $0, .unreachable, turn: &turn) }
        touch(identity)
      case .misplaced(let prefix):
        events.append(.misplaced(prefix))
      }
    }
  }

  // MARK: - What it tells

  /// Removes the next event and returns it; `nil` if there is none.
  public mutating func nextEvent() -> HostEvent? { events.isEmpty ? nil : events.removeFirst() }

  /// The leases of the address service.
  public var leases: [Lease] { service?.leases ?? [] }

  /// Returns the status of the host. It looks at every peer.
  public func status<Wire: PacketSink & ~Copyable>(turn: borrowing Turn<LinkDevice<Wire>>) -> HostStatus {
    HostStatus(
      nodes: order.map { nodes[$0.slot].status(at: turn.now) }, link: turn.device.linkCounters,
      addressService: service.map { ($0.leases.count, $0.counters) })
  }

  /// Returns the hosts of the LAN that were heard of lately; `nil` if there is no link.
  public func neighbours<Wire: PacketSink & ~Copyable>(turn: borrowing Turn<LinkDevice<Wire>>) -> [LinkNeighbour]? {
    turn.device.neighbours(at: turn.now)
  }

  /// Returns whether others can reach an identity; `nil` if it is gone.
  public func readiness(of identity: Identity) -> Readiness? {
    contains(identity) ? nodes[identity.slot].readiness : nil
  }

  /// Calls `body` with the node of an identity, if it is still there, which may have actions then.
  public mutating func with<Result>(
    _ identity: Identity, _ body: (inout Node) -> Result
  ) -> Result? {
    guard contains(identity) else { return nil }
    touch(identity)
    return body(&nodes[identity.slot])
  }

  /// Removes an identity that may have actions and returns it; `nil` if there is none. Once all that waits in its
  /// `nextAction` is done, `finished` has to be called.
  public mutating func nextTouched() -> Identity? {
    while let identity = touched.popLast() {
      if contains(identity) { return identity }
    }
    return nil
  }

  private mutating func touch(_ identity: Identity) {
    if !touched.contains(identity) { touched.append(identity) }
  }

  /// Removes the next action of an identity and returns it; `nil` if there is none.
  public mutating func nextAction(of identity: Identity) -> NodeAction? {
    contains(identity) ? nodes[identity.slot].nextAction() : nil
  }

  /// Returns whether packets should stay in the device for now, as far as this identity is concerned (`Backpressure`).
  public func hasBackpressure(for identity: Identity) -> Bool {
    contains(identity) && nodes[identity.slot].hasBackpressure
  }

  /// Returns whether `Node.readAllowance` has to be asked before each read of an identity's circuits.
  public func limitsReading(of identity: Identity) -> Bool {
    contains(identity) && nodes[identity.slot].limitsReading
  }

  /// Returns whether the socket of an identity's circuit has to be read in pauses (`ReadCoalescing`).
  public func coalescesReads(of circuit: CircuitIdentifier, _ identity: Identity) -> Bool {
    contains(identity) && nodes[identity.slot].coalescesReads(of: circuit)
  }

  /// Notes that all actions of a node are done, and schedules its next deadline.
  public mutating func finished(_ identity: Identity) {
    guard contains(identity) else { return }
    deadlines.schedule(identity.slot, at: nodes[identity.slot].nextDeadline)
  }
}
