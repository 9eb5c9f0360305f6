/// What stands between a node and the world, as the daemon's shell does it: it does all that the node wants done, and
/// plays a Tor that may be hostile.
final class FuzzShell {
  /// What Tor makes of a dial.
  enum Tor: UInt8 {
    case grants, isSilent, refuses, isNotThere, connectsLater, hasNoFiles
  }

  /// A socket of a circuit.
  struct Socket {
    let isDialled: Bool
    var isConnected = false
    var isAnswered = false
    var wantsToWrite = false
    /// What is still to come of what the other side sent.
    var coming: [UInt8] = []
    var stream = FuzzStream()
  }

  let settings: NodeSettings
  var node: Node
  var turn: Turn<FuzzDevice>
  var now = Instant(nanoseconds: 1_000_000_000_000) { didSet { turn.now = now } }
  var tor = Tor.grants
  /// What Tor answers to the question why it refuses a circuit.
  var reason: UInt8 = 0
  static let reasons: [UInt8] = [0, 1, 4, 5, 6, 0xf0, 0xf2, 0xf4, 0xf5, 0xff]
  /// How many bytes a socket takes at a time, without being asked again.
  var room = Int.max
  private var sockets: [CircuitIdentifier: Socket] = [:]
  // In the order in which they came, so that a number of the input means one of them.
  private var order: [CircuitIdentifier] = []

  // What a queue holds, and what the write batch holds: so many packets, each in room of its size.
  private static let mostQueued =
    FlowQueue.memoryLimit + 2 * Circuit.batchSizes.upperBound + WriteRuns.batchPackets * PacketStore.smallSize
    + PacketStore.largeSize

  init(_ input: inout FuzzInput) {
    settings = FuzzWorld.settings(&input)
    node = Node(settings, random: FuzzGenerator(seed: 7))
    turn = Turn(FuzzDevice(settings: settings), at: now)
    node.start(turn: &turn)
    replaceHosts(0x03)
    finish()
  }

  // What happens

  func accept() {
    guard let circuit = node.accepted(turn: &turn) else { return }
    check(sockets[circuit] == nil, "an identifier was used twice")
    sockets[circuit] = Socket(isDialled: false, isConnected: true, isAnswered: true)
    order.append(circuit)
  }

  /// The other side of a circuit sends `bytes`: at once, or so that the rest comes later.
  func hear(_ bytes: [UInt8], on number: UInt8, inPieces pieces: UInt8) {
    guard let circuit = circuit(number), let socket = sockets[circuit], socket.isAnswered else { return }
    guard pieces & 1 != 0 || !socket.coming.isEmpty else { return receive(bytes, on: circuit) }
    sockets[circuit]?.coming += bytes.prefix(max(0, 200_000 - socket.coming.count))
    hearMore(on: number, Int(pieces) * 9)
  }

  /// More of it comes.
  func hearMore(on number: UInt8, _ count: Int) {
    guard let circuit = circuit(number), let coming = sockets[circuit]?.coming, !coming.isEmpty else { return }
    sockets[circuit]?.coming.removeFirst(min(count, coming.count))
    receive(Array(coming.prefix(count)), on: circuit)
  }

  /// Tor says something on a circuit that was dialled.
  func answer(_ bytes: [UInt8], on number: UInt8) {
    guard let circuit = circuit(number), let socket = sockets[circuit], socket.isDialled else { return }
    if !socket.isConnected {
      connect(circuit)
    } else {
      sockets[circuit]?.isAnswered = true
      receive(bytes, on: circuit)
    }
  }

  func send(_ packet: [UInt8], _ offload: OffloadHeader) {
    // A device that does nothing of it says nothing of it.
    let offload = settings.isOffloading ? offload : .none
    withCopy(of: packet) { node.receive(fromDevice: $0, offload, turn: &turn) }
  }

  /// A socket takes up to `room` bytes.
  func transmit(_ number: UInt8, room: Int) {
    guard let circuit = circuit(number), sockets[circuit]?.wantsToWrite == true else { return }
    flush(circuit, room: room)
  }

  func cut(_ number: UInt8, isFailure: Bool) {
    guard let circuit = circuit(number) else { return }
    drop(circuit, isFailure ? .failure("cut") : .closed)
  }

  func replaceHosts(_ mask: UInt8) {
    let names = FuzzWorld.names.dropFirst(2).enumerated().filter { mask >> UInt8($0.offset & 7) & 1 != 0 }
    node.replaceHosts(with: HostNames(names.map(\.element)), turn: &turn)
  }

  /// The time passes: whatever is due is done, but as a busy machine would, not always at its time.
  func pass(milliseconds: UInt64) {
    let end = now + .milliseconds(Int64(clamping: min(milliseconds, 1 << 31)))
    var turns = 0
    while turns < 20, node.nextDeadline <= end {
      turns += 1
      now = max(now, node.nextDeadline)
      advance()
    }
    now = end
    advance()
  }

  func look(_ number: UInt8) {
    _ = node.status(at: now)
    _ = node.isLive(FuzzWorld.address(number))
    if let circuit = circuit(number) { _ = node.coalescesReads(of: circuit) }
  }

  // What the node wants done

  /// Does it, and looks whether all is as it should be.
  func finish() {
    performAll()
    checkAll()
  }

  /// All comes to its end: what can be sent is, then every circuit is cut, and nothing may be left.
  func end() {
    room = .max
    tor = .isNotThere
    for _ in 0..<4 {
      pass(milliseconds: 1_100)
      finish()
      for circuit in order {
        // A write takes a part of the queue alone.
        var writes = 0
        while sockets[circuit]?.wantsToWrite == true {
          writes += 1
          // A slow circuit gets a packet at a time.
          check(writes < 10_000, "a circuit is never sent empty")
          flush(circuit, room: .max)
        }
      }
      finish()
    }
    for circuit in node.streams.circuits.identifiers where node.streams[circuit].isOpen {
      check(!node.streams.hasPackets(for: circuit), "what waits on an open circuit is stuck")
    }
    dropAll()
    // What waits for a name waits as long as a search may take.
    pass(milliseconds: 31_000)
    finish()
    dropAll()
    check(
      node.streams.store.lentBytes == 0, "\(node.streams.store.lentBytes) bytes are lent when all circuits are gone")
    check(!node.streams.hasBackpressure, "a circuit that is gone is remembered")
  }

  private func dropAll() {
    var turns = 0
    while let circuit = order.last {
      turns += 1
      check(turns < 10_000, "circuits come back for ever")
      drop(circuit, .closed)
      finish()
    }
  }

  private func performAll() {
    var count = 0
    while let action = node.nextAction() {
      count += 1
      check(count < 20_000, "the node wants things done without end")
      perform(action)
    }
  }

  private func perform(_ action: NodeAction) {
    switch action {
    case .dial(let circuit): dial(circuit)
    case .flush(let circuit): flush(circuit, room: room)
    case .close(let circuit): forget(circuit)
    case .probeTor: node.torProbed(isReachable: tor != .isNotThere, turn: &turn)
    case .torReachable, .read, .limitUnsent, .refreshLookup, .serveLookup, .trimMemory, .tell: break
    }
  }

  private func dial(_ circuit: CircuitIdentifier) {
    switch tor {
    case .isNotThere: node.ended(circuit, .torUnreachable, turn: &turn)
    case .hasNoFiles: node.ended(circuit, .failure("no files"), turn: &turn)
    case .grants, .isSilent, .refuses, .connectsLater:
      check(sockets[circuit] == nil, "a circuit was dialled twice")
      guard node.streams.contains(circuit) else { return }
      sockets[circuit] = Socket(isDialled: true)
      order.append(circuit)
      if tor != .connectsLater { connect(circuit) }
    }
  }

  private func connect(_ circuit: CircuitIdentifier) {
    sockets[circuit]?.isConnected = true
    node.connected(circuit)
  }

  private func flush(_ circuit: CircuitIdentifier, room: Int) {
    guard let socket = sockets[circuit] else { return }
    check(socket.isDialled && socket.isConnected, "something is to be sent where nothing can be")
    var stream = socket.stream
    let isWithIPv4 = settings.carriesIPv4
    let more = node.transmit(circuit, turn: turn) { runs in
      check(runs.count <= WriteRuns.limit && !runs.isEmpty, "\(runs.count) runs in a write")
      var taken = 0
      for run in runs where taken < room {
        let part = UnsafeRawBufferPointer(rebasing: run.prefix(room - taken))
        stream.take(part, isWithIPv4: isWithIPv4)
        taken += part.count
      }
      return taken
    }
    sockets[circuit]?.stream = stream
    sockets[circuit]?.wantsToWrite = more
    if stream.questionMessages > socket.stream.questionMessages {
      return answerQuestion(stream.questionMessages, on: circuit)
    }
    guard stream.isRequestWhole, !socket.stream.isRequestWhole else { return }
    switch tor {
    case .grants:
      sockets[circuit]?.isAnswered = true
      receive([0, 0x5a, 0, 0, 0, 0, 0, 0], on: circuit)
    case .refuses: receive([0, 0x5b, 0, 0, 0, 0, 0, 0], on: circuit)
    case .isSilent, .isNotThere, .connectsLater, .hasNoFiles: break
    }
  }

  private func answerQuestion(_ messages: Int, on circuit: CircuitIdentifier) {
    guard tor == .grants || tor == .refuses else { return }
    switch messages {
    case 1: receive([5, 2], on: circuit)
    case 2: receive([1, 0], on: circuit)
    default:
      receive([5, tor == .grants ? 0 : reason], on: circuit)
      // A question to a lookup service goes on: every other name is told.
      guard sockets[circuit] != nil, tor == .grants, case .lookUp(let address, _) = node.peers.use(of: circuit) else {
        return
      }
      let name = FuzzWorld.names.first { $0.address == address } ?? FuzzWorld.own
      receive([0, 1, 0, 0, 0, 0, 0, 0] + LookupAnswer.line(of: name), on: circuit)
    }
  }

  private func receive(_ bytes: [UInt8], on circuit: CircuitIdentifier) {
    withCopy(of: bytes) { node.receive($0, on: circuit, turn: &turn) }
    check(
      node.streams.cutPackets.memory <= settings.bounds.reassemblyBytes,
      "cut packets hold \(node.streams.cutPackets.memory) bytes")
  }

  private func drop(_ circuit: CircuitIdentifier, _ end: CircuitEnd) {
    forget(circuit)
    node.ended(circuit, end, turn: &turn)
  }

  private func forget(_ circuit: CircuitIdentifier) {
    guard sockets.removeValue(forKey: circuit) != nil else { return }
    order.removeAll { $0 == circuit }
  }

  private func advance() {
    node.advance(turn: &turn)
    check(node.nextDeadline > now, "a deadline is over and nothing was done")
    performAll()
  }

  private func circuit(_ number: UInt8) -> CircuitIdentifier? {
    order.isEmpty ? nil : order[Int(number) % order.count]
  }

  // What always holds

  private func checkAll() {
    var lent = 0
    var cut = 0
    let there = node.streams.circuits.identifiers
    check(there.count == sockets.count, "\(there.count) circuits have \(sockets.count) sockets")
    for circuit in there {
      check(sockets[circuit] != nil, "a circuit has no socket")
      let queued =
        node.streams[circuit].queue.lentBytes(in: node.streams.store)
        + node.streams[circuit].batch.lentBytes(in: node.streams.store)
      check(queued <= FuzzShell.mostQueued, "\(queued) bytes wait on a circuit")
      lent += queued
      cut += node.streams[circuit].defragmenter.memory
      let isLeft = node.streams[circuit].isOpen && !node.streams[circuit].isEmpty
      let isPreambleLeft = sockets[circuit]?.isConnected == true && !node.streams[circuit].preamble.isEmpty
      if isLeft || isPreambleLeft {
        check(sockets[circuit]?.wantsToWrite == true, "what waits on a circuit is forgotten")
      }
    }
    for bulk in node.streams.queues.bulks.indices {
      let isLeft = !node.streams.queues.bulks[bulk].queue.isEmpty
      let takers = node.streams.queues.bulks[bulk].takers
      let isTaken = takers.isEmpty || takers.contains { sockets[$0]?.wantsToWrite == true }
      check(!isLeft || isTaken, "what waits in a bulk queue is forgotten")
      lent += node.streams.queues.bulks[bulk].queue.lentBytes(in: node.streams.store)
    }
    check(cut == node.streams.cutPackets.memory, "cut packets hold \(cut) bytes, not \(node.streams.cutPackets.memory)")
    for peer in node.peers.peers.indices { lent += node.peers.peers[peer].waiting.memory }
    lent += node.peers.claims.memory + node.streams.order.memory
    check(node.streams.order.memory <= settings.bounds.orderBytes, "too much waits for its turn")
    check(node.peers.claims.memory <= settings.bounds.unprovenBytes, "too much waits for proofs")
    check(node.peers.admitted.isEmpty, "what is proven still waits")
    checkPeers(there)
    let all = node.streams.store.lentBytes
    check(lent + cut == all, "queues hold \(lent + cut) bytes of \(all) that are lent")
    check(node.streams.store.lentBytes <= settings.bounds.packetBytes, "\(node.streams.store.lentBytes) bytes are lent")
    check(there.count <= settings.bounds.circuits, "\(there.count) circuits")
  }

  /// Every circuit belongs to one peer, to one caller, or to nobody yet; and what peers know of are circuits.
  private func checkPeers(_ there: [CircuitIdentifier]) {
    var known: [CircuitIdentifier: Int] = [:]
    for peer in node.peers.peers.indices {
      for circuit in node.peers.peers[peer].dialled { known[circuit, default: 0] += 1 }
      if let question = node.peers.peers[peer].question { known[question, default: 0] += 1 }
      for lookUp in node.peers.peers[peer].lookUps { known[lookUp, default: 0] += 1 }
      for circuit in node.peers.peers[peer].incoming {
        known[circuit, default: 0] += 1
        let caller = node.peers.call(circuit).flatMap { node.peers.caller($0.sender) }
        check(caller == peer, "a circuit is with the wrong peer")
      }
      let isUp = node.peers.peers[peer].state == .up
      check(isUp == (node.peers.peers[peer].sparse.open != nil), "a peer is not as its first circuit is")
    }
    for circuit in there {
      let isNobodys = node.peers.call(circuit).map { node.peers.caller($0.sender) == nil } ?? false
      check(known.removeValue(forKey: circuit) ?? 0 == (isNobodys ? 0 : 1), "a circuit is not of one peer")
    }
    check(known.isEmpty, "a peer knows circuits that are gone")
  }
}
