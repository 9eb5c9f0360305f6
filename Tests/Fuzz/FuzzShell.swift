/// What stands between a host and the world, as the daemon's shell does it: the device, the time, and for each identity
/// its `FuzzSockets`. It plays a Tor that may be hostile.
final class FuzzShell {
  /// What Tor makes of a dial.
  enum Tor: UInt8 {
    case grants, isSilent, refuses, isNotThere, connectsLater, hasNoFiles
  }

  typealias Device = LinkDevice<FuzzDevice>

  let settings: FuzzSettings
  var host = Host()
  var turn: Turn<Device>
  var now = Instant(nanoseconds: 1_000_000_000_000) { didSet { turn.now = now } }
  private let start = Instant(nanoseconds: 1_000_000_000_000)
  /// What the operator wants now.
  var policy: FuzzPolicy
  var lan: FuzzLAN
  var tor = Tor.grants
  /// What Tor answers to the question why it refuses a circuit.
  var reason: UInt8 = 0
  static let reasons: [UInt8] = [0, 1, 4, 5, 6, 0xf0, 0xf2, 0xf4, 0xf5, 0xff]
  /// How many bytes a socket takes at a time, without being asked again.
  var room = Int.max
  /// Whether somebody wants to know whether Tor is there.
  var isProbing = false
  /// How many identities have so much to send that the device has to wait.
  var backpressureCount = 0
  /// The identities that are there, in order.
  private(set) var identities: [FuzzSockets] = []

  init(_ input: inout FuzzInput) {
    settings = FuzzSettings(&input)
    policy = settings.policy
    lan = FuzzLAN(of: settings.identities.map(\.address))
    turn = Turn(Device(FuzzDevice(settings), link: settings.link), at: now)
    for number in settings.identities.indices { add(number) }
    if settings.hasLink, settings.hasServices {
      host.serve(lan.service(isFirstReserved: identities.count > 1, hasBinding: true, hasLease: true, at: now))
      host.serve(NameService(FuzzLAN.nameServer, random: FuzzGenerator(seed: 4)))
    }
    for identity in identities { identity.change { node, turn in node.start(turn: &turn) } }
    replaceHosts(0x03)
    finish()
  }

  // MARK: - Identities

  /// One of the identities. If there are several, the input says which.
  func identity(_ input: inout FuzzInput) -> FuzzSockets {
    identities[identities.count > 1 ? input.choice(identities.count) : 0]
  }

  func add(_ number: Int) {
    let settings = settings.node(FuzzWorld.identities[number], number: number)
    let added = host.add(settings, random: FuzzGenerator(seed: 7 + UInt64(number)), turn: &turn)
    guard let added else { return check(host.identity(at: settings.name.address) != nil, "an identity is refused") }
    identities.append(FuzzSockets(added, settings, of: self))
  }

  /// Takes an identity away, unless it is the last, or brings it back.
  func toggle(_ number: Int) {
    let name = FuzzWorld.identities[number]
    guard let index = identities.firstIndex(where: { $0.settings.name == name }) else {
      add(number)
      return identities[identities.count - 1].change { node, turn in node.start(turn: &turn) } ?? ()
    }
    guard identities.count > 1 else { return }
    let gone = identities.remove(at: index)
    gone.leave()
    check(host.remove(gone.identity, turn: &turn), "an identity is not there")
    check(!host.remove(gone.identity, turn: &turn), "an identity is there twice")
  }

  func forEach(_ body: (inout Node, inout Turn<Device>) -> Void) {
    for identity in identities { identity.change(body) }
  }

  /// A call to a listener that identities share: its first bytes tell whom it is for.
  func sort(_ bytes: [UInt8]) {
    let destination = bytes.withUnsafeBytes { CallDestination($0, isAnnounced: settings.isToldTorCircuits) }
    guard case .address(let address) = destination, let identity = host.identity(at: address) else { return }
    let sockets = identities.first { $0.identity == identity }
    check(sockets != nil, "a call is for an identity that is gone")
    sockets?.accept(bringing: bytes)
  }

  // MARK: - The operator

  /// Has the host do what the operator wants now.
  func apply() {
    let policy = policy
    turn.device.changeLink { policy.setPrefixes(of: &$0) }
    for (number, identity) in identities.enumerated() {
      identity.change { node, turn in _ = node.apply(policy.policy(of: number, among: identities.count), turn: &turn) }
    }
  }

  func replaceHosts(_ mask: UInt8) {
    let names = FuzzWorld.names.dropFirst(2).enumerated().filter { mask >> UInt8($0.offset & 7) & 1 != 0 }
    let hosts = HostNames(names.map(\.element))
    forEach { node, turn in node.replaceHosts(with: hosts, turn: &turn) }
  }

  func mtuChanged(to bytes: Int) { host.mtuChanged(to: bytes, turn: &turn) }

  func look(_ number: UInt8) {
    let status = host.status(turn: turn)
    check(status.nodes.count == identities.count, "an identity has no status")
    _ = host.neighbours(turn: turn)
    for identity in identities { identity.look(number) }
  }

  // MARK: - The device

  /// The kernel, or a host behind this one, sends a packet.
  func send(_ packet: [UInt8], _ offload: OffloadHeader, from station: UInt8 = 0) {
    guard settings.hasLink else { return read(packet, offload) }
    let type: UInt16 = packet.first.map { $0 >> 4 == 4 } == true ? 0x0800 : 0x86dd
    let (frame, moved) = FuzzLAN.frame(packet, offload, type, from: FuzzLAN.host(station))
    read(frame, moved)
  }

  /// The device is read, and brings this.
  func read(_ frame: [UInt8], _ offload: OffloadHeader) {
    guard backpressureCount == 0 || !settings.heedsBackpressure else { return }
    // A device that does nothing of it says nothing of it.
    let offload = settings.isOffloading ? offload : .none
    let wallClock = FuzzLAN.wallClock + (now - start).wholeSeconds
    withCopy(of: frame) { memory in
      switch host.receive(memory, offload, turn: &turn) {
      case .packet(let identity): check(host.all.contains(identity), "a packet is taken by nobody")
      case .consumed: break
      case .request(let range, let station):
        check(settings.hasLink && range.upperBound <= memory.count, "a request beyond its frame")
        host.answer(
          UnsafeRawBufferPointer(rebasing: memory[range]), from: station, wallClock: wallClock, turn: &turn)
      }
    }
    guard var answer = turn.device.wire.takeNameAnswer() else { return }
    // What the mirror sends back may look like one.
    answer.withUnsafeMutableBytes { bytes in if let packet = PacketView(bytes) { _ = lan.hear(packet) } }
  }

  // MARK: - What follows

  /// The time passes: whatever is due is done, but as a busy machine would, not always at its time.
  func pass(milliseconds: UInt64) {
    let end = now + .milliseconds(Int64(clamping: min(milliseconds, 1 << 31)))
    var turns = 0
    while turns < 20, host.nextDeadline(turn: turn) <= end {
      turns += 1
      now = max(now, host.nextDeadline(turn: turn))
      advance()
    }
    now = end
    advance()
  }

  private func advance() {
    var rounds = 0
    repeat {
      // What is done for one reason may leave something to be done at once: the real host is asked again, too.
      rounds += 1
      check(rounds < 10, "a deadline is over and nothing was done")
      host.advance(turn: &turn)
      performAll()
    } while host.nextDeadline(turn: turn) <= now
  }

  /// Does what follows from an event, and looks whether all is as it should be.
  func finish() {
    performAll()
    checkAll()
  }

  private func performAll() {
    var count = 0
    repeat {
      handleLinkEvents()
      while let identity = host.nextTouched() {
        count += 1
        check(count < 20_000, "an identity wants things done without end")
        identities.first { $0.identity == identity }?.finish()
        handleLinkEvents()
      }
      while let event = host.nextEvent() { check(settings.hasLink, "\(event) without a link") }
      guard isProbing else { return }
      isProbing = false
      let isReachable = tor != .isNotThere
      forEach { node, turn in node.torProbed(isReachable: isReachable, turn: &turn) }
    } while true
  }

  private func handleLinkEvents() {
    if turn.device.hasLink { host.handleLinkEvents(turn: &turn) }
  }

  /// All comes to its end: what can be sent is, then every circuit is cut, and nothing may be left.
  func end() {
    room = .max
    tor = .isNotThere
    if policy.rates.isActive {
      // Whoever waits for a ceiling goes on.
      policy.rates = RateLimits()
      apply()
      finish()
    }
    for _ in 0..<4 {
      pass(milliseconds: 1_100)
      finish()
      for identity in identities { identity.flushAll() }
      finish()
    }
    for identity in identities { identity.checkNothingIsStuck() }
    dropAll()
    // What waits for a name waits as long as a search may take.
    pass(milliseconds: 31_000)
    finish()
    dropAll()
    for identity in identities { identity.checkAllIsGivenBack() }
    host.end(turn: &turn)
  }

  private func dropAll() {
    var turns = 0
    for identity in identities {
      while identity.dropLast() {
        turns += 1
        check(turns < 10_000, "circuits come back for ever")
        finish()
      }
    }
  }
}
