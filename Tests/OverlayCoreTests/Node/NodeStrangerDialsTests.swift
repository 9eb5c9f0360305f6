import Testing

@testable import OverlayCore

/// A stranger who is to be answered, beside a crowd that claims 50 false names a second and has each answered, too.
@Suite("Turns of strangers to be dialled")
struct NodeStrangerDialsTests {
  private let host: FakeHost
  private let bob: OnionName
  private let crowd: [OnionName]
  private var now = Instant(nanoseconds: 1_000_000_000_000)
  // Who calls, until when.
  private var calls: [(circuit: CircuitIdentifier, end: Instant)] = []
  private var next = 0

  init() throws {
    host = FakeHost(try .sample(1))
    bob = try .sample(2)
    crowd = try (0..<4_000).map { try .sample(10_000 + $0) }
    host.start(at: now)
    host.torProbed(isReachable: true, at: now)
  }

  private func call(_ name: OnionName, bringing packets: Bool) throws -> CircuitIdentifier {
    let accepted = host.accepted(at: now)
    let circuit = try #require(accepted)
    host.receive(Keepalive(name: name).packet(to: host.address, flowLabel: 1), on: circuit, at: now)
    if packets { ask(name, on: circuit) }
    answer(name)
    return circuit
  }

  private func ask(_ name: OnionName, on circuit: CircuitIdentifier) {
    host.receive(Sample.packet(from: name.address, to: host.address, payload: [1]), on: circuit, at: now)
  }

  private func answer(_ name: OnionName) {
    host.receive(fromDevice: Sample.packet(from: host.address, to: name.address, payload: [2]), at: now)
  }

  /// A moment of the crowd's: one more calls, and those whose time is over hang up. Tor knows none of its names.
  /// Whether Bob was dialled.
  private mutating func crowdMoment(staying: Duration, bringing packets: Bool) throws -> Bool {
    now = now + .milliseconds(20)
    host.advance(to: now)
    calls.append((try call(crowd[next % crowd.count], bringing: packets), now + staying))
    next += 1
    while let first = calls.first, first.end <= now {
      host.ended(first.circuit, .closed, at: now)
      calls.removeFirst()
    }
    var isBobDialled = false
    while let action = host.node.nextAction() {
      guard case .dial(let circuit) = action else { continue }
      if host.node.dialledPeer(of: circuit) == bob { isBobDialled = true }
      host.ended(circuit, .failure("refused"), at: now)
    }
    return isBobDialled
  }

  /// How many seconds it takes until Bob, who asks once a second, is dialled; `nil` if it takes more than two minutes.
  private mutating func secondsUntilBobsTurn(staying: Duration, bringing packets: Bool) throws -> Int? {
    for _ in 0..<500 { _ = try crowdMoment(staying: staying, bringing: packets) }
    let circuit = try call(bob, bringing: true)
    for moment in 0..<6_000 {
      if try crowdMoment(staying: staying, bringing: packets) { return moment / 50 }
      if moment % 50 == 49 {
        ask(bob, on: circuit)
        answer(bob)
      }
    }
    return nil
  }

  @Test("who stays has one within a minute, though the crowd's each bring a packet and go after a second")
  mutating func comingAndGoing() throws {
    let seconds = try secondsUntilBobsTurn(staying: .seconds(1), bringing: true)
    #expect(try #require(seconds) <= 60)
  }

  @Test("who brings a packet has the next one, though hundreds stay who only claim")
  mutating func claimsAlone() throws {
    let seconds = try secondsUntilBobsTurn(staying: .seconds(10), bringing: false)
    #expect(try #require(seconds) <= 7)
  }

  @Test("each circuit has one turn, and turns come ten a minute")
  mutating func pace() throws {
    _ = try secondsUntilBobsTurn(staying: .seconds(10), bringing: true)
    let minutes = (now - Instant(nanoseconds: 1_000_000_000_000)) / .seconds(60)
    #expect(Double(host.count(.dialled)) <= 10 + 10 * minutes)
    let before = host.count(.dialled)
    let circuit = try call(try .sample(3), bringing: true)
    for call in calls { host.ended(call.circuit, .closed, at: now) }
    calls = []
    for _ in 0..<120 {
      now = now + .seconds(1)
      host.advance(to: now)
      ask(try .sample(3), on: circuit)
      while let action = host.node.nextAction() {
        if case .dial(let circuit) = action {
          host.ended(circuit, .failure("refused"), at: now)
        }
      }
    }
    #expect(host.count(.dialled) <= before + 2)
  }

  @Test("a name whose circuit is open stays known through thousands whose circuits are closed")
  mutating func table() throws {
    _ = try call(bob, bringing: true)
    for _ in 0..<3_000 { _ = try crowdMoment(staying: .seconds(1), bringing: false) }
    #expect(host.node.names.name(of: bob.address) == bob)
    #expect(host.node.names.count == NameTable.unreachedLimit)
  }

  @Test("a rival who claims a peer's address again and again is tried, and the peer dialled when it is back")
  mutating func rival() throws {
    let rival = bob.rival
    var isUp = true
    var circuit: CircuitIdentifier? = try call(bob, bringing: true)
    let attack = try call(rival, bringing: true)
    var lastDial: Instant?
    var toBob: CircuitIdentifier?
    for second in 0..<400 {
      now = now + .seconds(1)
      host.advance(to: now)
      host.receive(Keepalive(name: rival).packet(to: host.address, flowLabel: 1), on: attack, at: now)
      ask(rival, on: attack)
      answer(bob)
      switch second {
      case 60:
        isUp = false
        if let circuit { host.ended(circuit, .closed, at: now) }
        circuit = nil
        if let toBob { host.ended(toBob, .closed, at: now) }
      case 80:
        isUp = true
        circuit = try call(bob, bringing: true)
      default:
        guard let circuit else { break }
        ask(bob, on: circuit)
        if second % 60 == 0 {
          host.receive(Keepalive(name: bob).packet(to: host.address, flowLabel: 1), on: circuit, at: now)
        }
      }
      while let action = host.node.nextAction() {
        guard case .dial(let circuit) = action else { continue }
        guard host.node.dialledPeer(of: circuit) == bob, isUp else {
          host.ended(circuit, .failure("refused"), at: now)
          continue
        }
        (lastDial, toBob) = (now, circuit)
        host.node.connected(circuit)
        _ = host.transmit(circuit, at: now) { $0.reduce(0) { $0 + $1.count } }
        host.receive([0, 0x5a, 0, 0, 0, 0, 0, 0], on: circuit, at: now)
      }
    }
    let wait = try #require(lastDial) - Instant(nanoseconds: 1_000_000_000_000)
    #expect(wait > .seconds(80))
  }
}
