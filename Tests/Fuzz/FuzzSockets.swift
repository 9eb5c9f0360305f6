/// The sockets of an identity's circuits, as `IdentitySockets` has them: they bring what the other side sends, and do
/// what the identity's node wants done.
final class FuzzSockets {
  /// A socket of a circuit.
  struct Socket {
    let isDialled: Bool
    var isConnected = false
    var isAnswered = false
    var wantsToWrite = false
    /// Whether it is not read, because of a ceiling, before the node says so.
    var isPaused = false
    /// What is still to come of what the other side sent.
    var coming: [UInt8] = []
    var stream = FuzzStream()
  }

  let identity: Host.Identity
  let settings: NodeSettings
  unowned let shell: FuzzShell
  var sockets: [CircuitIdentifier: Socket] = [:]
  /// In the order in which they came, so that a number of the input means one of them.
  var order: [CircuitIdentifier] = []
  var isUnderBackpressure = false

  init(_ identity: Host.Identity, _ settings: NodeSettings, of shell: FuzzShell) {
    (self.identity, self.settings, self.shell) = (identity, settings, shell)
  }

  /// Lets something happen to the node.
  @discardableResult
  func change<Result>(_ body: (inout Node, inout Turn<FuzzShell.Device>) -> Result) -> Result? {
    shell.host.with(identity) { node in body(&node, &shell.turn) }
  }

  /// The identity is removed: its sockets are closed.
  func leave() {
    (sockets, order) = ([:], [])
    note(hasBackpressure: false)
  }

  // MARK: - What happens

  /// Somebody calls, and brings these bytes, now or later.
  func accept(bringing start: [UInt8] = [], isAtOnce: Bool = true) {
    guard let circuit = change({ node, turn in node.accepted(turn: &turn) }) ?? nil else { return }
    check(sockets[circuit] == nil, "an identifier was used twice")
    sockets[circuit] = Socket(isDialled: false, isConnected: true, isAnswered: true, coming: start)
    order.append(circuit)
    if !start.isEmpty, isAtOnce { read(circuit) }
  }

  /// The other side of a circuit sends `bytes`: at once, or so that the rest comes later.
  func hear(_ bytes: [UInt8], on number: UInt8, inPieces pieces: UInt8) {
    guard let circuit = circuit(number), let socket = sockets[circuit], socket.isAnswered else { return }
    let isInPieces = pieces & 1 != 0 || !socket.coming.isEmpty
    sockets[circuit]?.coming += bytes.prefix(max(0, 200_000 - socket.coming.count))
    read(circuit, atMost: isInPieces ? Int(pieces) * 9 : .max)
  }

  /// More of it comes.
  func hearMore(on number: UInt8, _ count: Int) {
    guard let circuit = circuit(number), sockets[circuit]?.coming.isEmpty == false else { return }
    read(circuit, atMost: count)
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

  /// What proves on a circuit that it is of the peer of this address, if the peer was asked for it.
  func proof(of address: IPv6Address, byEcho isByEcho: Bool) -> [UInt8]? {
    for circuit in order.reversed() {
      guard let stream = sockets[circuit]?.stream else { continue }
      let proof = isByEcho ? stream.echoReply(from: address) : stream.response(from: address)
      if let proof { return proof }
    }
    return nil
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

  /// Drops the newest circuit, and returns whether there was one.
  func dropLast() -> Bool {
    guard let circuit = order.last else { return false }
    drop(circuit, .closed)
    return true
  }

  func flushAll() {
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
  }

  func look(_ number: UInt8) {
    _ = shell.host.readiness(of: identity)
    if let circuit = circuit(number) { _ = shell.host.coalescesReads(of: circuit, identity) }
    change { node, turn in
      _ = node.isLive(FuzzWorld.address(number))
      _ = node.status(of: FuzzWorld.address(number), at: turn.now)
    }
  }

  private func circuit(_ number: UInt8) -> CircuitIdentifier? {
    order.isEmpty ? nil : order[Int(number) % order.count]
  }

  // MARK: - Single circuits

  /// Reads what has come on a circuit, as much as ceilings permit.
  func read(_ circuit: CircuitIdentifier, atMost count: Int = .max) {
    guard let socket = sockets[circuit], !socket.isPaused else { return }
    let isLimited = shell.host.limitsReading(of: identity)
    var most = count
    if isLimited {
      let allowance = change { node, turn in node.readAllowance(of: circuit, turn: turn) } ?? 0
      guard allowance > 0 else {
        sockets[circuit]?.isPaused = true
        return
      }
      most = min(count, allowance)
    }
    let taken = Array(socket.coming.prefix(most))
    sockets[circuit]?.coming.removeFirst(taken.count)
    if !taken.isEmpty || isLimited { receive(taken, on: circuit) }
  }

  func receive(_ bytes: [UInt8], on circuit: CircuitIdentifier) {
    withCopy(of: bytes) { memory in
      change { node, turn in
        let before = deliveredIfUnproven(circuit, node)
        node.receive(memory, on: circuit, turn: &turn)
        let after = deliveredIfUnproven(circuit, node)
        check(before == nil || after == nil || before == after, "what nobody has proven came to the device")
        check(
          node.streams.cutPackets.memory <= settings.bounds.reassemblyBytes,
          "cut packets hold \(node.streams.cutPackets.memory) bytes")
      }
    }
  }

  func drop(_ circuit: CircuitIdentifier, _ end: CircuitEnd) {
    forget(circuit)
    self.end(circuit, end)
  }

  func end(_ circuit: CircuitIdentifier, _ end: CircuitEnd) {
    change { node, turn in node.ended(circuit, end, turn: &turn) }
  }

  func forget(_ circuit: CircuitIdentifier) {
    guard sockets.removeValue(forKey: circuit) != nil else { return }
    order.removeAll { $0 == circuit }
  }
}
