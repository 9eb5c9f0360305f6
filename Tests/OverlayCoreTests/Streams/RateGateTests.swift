import Testing

@testable import OverlayCore

@Suite("Ceilings of what passes")
struct RateGateTests {
  private let start = Instant(nanoseconds: 1_000_000_000_000)
  private let circuits: [CircuitIdentifier]

  init() {
    var table = CircuitTable()
    let now = start
    circuits = (0..<64).map { _ in table.insert(Circuit(.open, timeout: .zero, at: now)) }
  }

  /// Somebody who always has more: what it does with a turn.
  private struct Sender {
    let circuit: CircuitIdentifier
    let account: Int
    /// The size of its packets in bytes.
    var size = 1_000
    /// The bytes that it has a second at most.
    var rate = Double.infinity
    var bytes = 0
    var packets = 0
    /// The longest time that it waited.
    var longest = Duration.zero
    var since: Instant?
  }

  /// Lets senders pass what the gate permits, for some seconds.
  private func run(
    _ gate: inout RateGate, _ senders: inout [Sender], seconds: Int, after delay: Duration = .zero
  ) {
    let start = start + delay
    var now = start
    let end = start + .seconds(seconds)
    while now < end {
      var resumed: Set<CircuitIdentifier> = []
      while let circuit = gate.next(at: now) { resumed.insert(circuit) }
      for index in senders.indices {
        let sender = senders[index]
        let isDue = Double(sender.bytes) <= sender.rate * (now - start).seconds
        guard isDue || resumed.contains(sender.circuit) else { continue }
        var share = gate.allowance(of: sender.circuit, sender.account, at: now)
        guard share.bytes > 0 else {
          senders[index].since = sender.since ?? now
          continue
        }
        if let since = sender.since { senders[index].longest = max(sender.longest, now - since) }
        senders[index].since = nil
        // One who has a rate of its own sends a packet at a time.
        if sender.rate < .infinity { share = (sender.size, 1) }
        let packets = max(1, min(share.packets, share.bytes / sender.size))
        gate.pass(sender.circuit, sender.account, bytes: packets * sender.size, packets: packets, at: now)
        senders[index].bytes += packets * sender.size
        senders[index].packets += packets
      }
      now = min(max(gate.nextDeadline, now + .nanoseconds(500_000)), now + .milliseconds(5))
    }
  }

  /// Jain's index of what the accounts had: 1 if all had the same.
  private func fairness(_ senders: [Sender]) -> Double {
    let shares = Dictionary(grouping: senders, by: \.account).values.map { Double($0.reduce(0) { $0 + $1.bytes }) }
    let sum = shares.reduce(0, +)
    return sum * sum / (Double(shares.count) * shares.reduce(0) { $0 + $1 * $1 })
  }

  @Test("eight peers share a ceiling, whatever their packets and however many circuits each has")
  func fair() {
    var gate = RateGate()
    gate.change(to: RateLimits(total: RateLimit(bytes: 1_000_000)), at: start)
    var senders: [Sender] = []
    for peer in 1...8 {
      for _ in 0..<peer {
        senders.append(Sender(circuit: circuits[senders.count], account: peer, size: [100, 1_500, 500][peer % 3]))
      }
    }
    run(&gate, &senders, seconds: 20)
    let index = fairness(senders)
    #expect(index >= 0.99, "\(index)")
    let total = Double(senders.reduce(0) { $0 + $1.bytes }) / 20
    #expect((950_000...1_060_000).contains(total), "\(total)")
    #expect(gate.waits > 100)
  }

  @Test("what passes is below the ceiling of packets, too, and peers share it by packets")
  func packets() {
    var gate = RateGate()
    gate.change(to: RateLimits(total: RateLimit(packets: 1_000)), at: start)
    var senders = (1...4).map { Sender(circuit: circuits[$0], account: $0, size: $0 * 300) }
    run(&gate, &senders, seconds: 10)
    let total = senders.reduce(0) { $0 + $1.packets }
    #expect((9_500...10_600).contains(total), "\(total)")
    for sender in senders { #expect((2_200...2_800).contains(sender.packets), "\(sender.packets)") }
  }

  @Test("each peer has its own ceiling, and who stays below is not touched")
  func perPeer() {
    var gate = RateGate()
    gate.change(to: RateLimits(peer: RateLimit(bytes: 100_000)), at: start)
    var senders = (0..<6).map { Sender(circuit: circuits[$0], account: $0 / 2) }
    senders.append(Sender(circuit: circuits[6], account: 9, rate: 50_000))
    run(&gate, &senders, seconds: 10)
    for account in 0..<3 {
      let bytes = senders.filter { $0.account == account }.reduce(0) { $0 + $1.bytes }
      #expect((950_000...1_060_000).contains(bytes), "\(bytes)")
    }
    #expect(senders[6].bytes >= 490_000)
    #expect(senders[6].longest == .zero)
  }

  @Test(
    "a ping beside downloads waits for a few turns and no more: on another peer's circuit, and on the same peer's",
    arguments: [100_000, 4_000_000])
  func sparse(_ rate: Int) {
    var gate = RateGate()
    let limit = RateLimit(bytes: rate)
    gate.change(to: RateLimits(total: limit, peer: limit), at: start)
    var senders = (0..<4).map { Sender(circuit: circuits[$0], account: $0, size: 1_000) }
    senders.append(Sender(circuit: circuits[8], account: 0, size: 100, rate: 1_000))
    senders.append(Sender(circuit: circuits[9], account: 9, size: 100, rate: 1_000))
    run(&gate, &senders, seconds: 10)
    for sender in senders.suffix(2) {
      #expect(sender.packets >= 90, "\(sender.packets)")
      #expect(sender.longest <= .milliseconds(150), "\(sender.longest)")
    }
  }

  @Test("a circuit whose account changes, because its caller is proven now, begins there like any other")
  func moved() {
    var gate = RateGate()
    gate.change(to: RateLimits(total: RateLimit(bytes: 100_000)), at: start)
    var strangers = (1...3).map { Sender(circuit: circuits[$0], account: 0) }
    run(&gate, &strangers, seconds: 20)
    var senders = [
      Sender(circuit: circuits[8], account: 1), Sender(circuit: circuits[1], account: 1, size: 100, rate: 1_000),
      Sender(circuit: circuits[2], account: 0), Sender(circuit: circuits[3], account: 0),
    ]
    run(&gate, &senders, seconds: 10, after: .seconds(20))
    #expect(senders[1].packets >= 90, "\(senders[1].packets)")
    #expect(senders[1].longest <= .milliseconds(150), "\(senders[1].longest)")
  }

  @Test("so does one whose account was forgotten, because nothing passed in it for long")
  func forgotten() {
    var gate = RateGate()
    gate.change(to: RateLimits(total: RateLimit(bytes: 100_000)), at: start)
    var before = (1...2).map { Sender(circuit: circuits[$0], account: $0) }
    run(&gate, &before, seconds: 20)
    while gate.next(at: start + .seconds(21)) != nil {}
    for circuit in circuits[1...2] { gate.pass(circuit, 1, bytes: 0, packets: 0, at: start + .seconds(21)) }
    for _ in 0..<3 { gate.pass(circuits[3], 3, bytes: 2_000_000, packets: 1, at: start + .seconds(22)) }
    for account in 100..<200 { gate.pass(circuits[4], account, bytes: 1, packets: 1, at: start + .seconds(50)) }
    var senders = [
      Sender(circuit: circuits[8], account: 1), Sender(circuit: circuits[1], account: 1, size: 100, rate: 1_000),
    ]
    run(&gate, &senders, seconds: 10, after: .seconds(120))
    #expect(senders[1].packets >= 90, "\(senders[1].packets)")
    #expect(senders[1].longest <= .milliseconds(150), "\(senders[1].longest)")
  }

  @Test(
    "who waits for his own ceiling alone is in nobody's way",
    arguments: [nil, RateLimit(bytes: 1_000_000)] as [RateLimit?])
  func apart(_ total: RateLimit?) {
    var gate = RateGate()
    gate.change(to: RateLimits(total: total, peer: RateLimit(bytes: 100_000)), at: start)
    gate.pass(circuits[0], 1, bytes: 20_000, packets: 20, at: start)
    #expect(gate.allowance(of: circuits[1], 1, at: start).bytes == 0)
    #expect(gate.allowance(of: circuits[2], 2, at: start).bytes > 0)
    #expect(gate.allowance(of: circuits[3], 1, at: start).bytes == 0)
    #expect(gate.waits == 2)
  }

  @Test(
    "a turn below a ceiling of packets alone has no more bytes than they usually have, however short they are",
    arguments: [(100, 2_048), (1_000, 15_000), (5_000, 65_536)])
  func shortPackets(_ packets: Int, _ bytes: Int) {
    var gate = RateGate()
    gate.change(to: RateLimits(total: RateLimit(bytes: 100_000_000, packets: packets)), at: start)
    #expect(gate.allowance(of: circuits[0], 1, at: start).bytes == bytes)
    gate.change(to: RateLimits(peer: RateLimit(packets: packets)), at: start)
    #expect(gate.allowance(of: circuits[0], 1, at: start).bytes == bytes)
  }

  @Test("a turn that is not used goes to others")
  func unused() {
    var gate = RateGate()
    gate.change(to: RateLimits(total: RateLimit(bytes: 100_000)), at: start)
    // The first has its turn, and everybody waits then.
    gate.pass(circuits[0], 1, bytes: 100_000, packets: 1, at: start)
    #expect(gate.allowance(of: circuits[1], 1, at: start).bytes == 0)
    #expect(gate.allowance(of: circuits[2], 2, at: start).bytes == 0)
    #expect(gate.next(at: start + .milliseconds(10)) == nil)
    let later = max(gate.nextDeadline, start + .milliseconds(11))
    #expect(later < start + .seconds(1))
    let first = gate.next(at: later)
    #expect(first == circuits[1] || first == circuits[2])
    guard let first else { return }
    #expect(gate.allowance(of: first, first == circuits[1] ? 1 : 2, at: later).bytes == 2_048)
    gate.pass(first, first == circuits[1] ? 1 : 2, bytes: 0, packets: 0, at: later)
    #expect(gate.next(at: later + .milliseconds(2)) != nil)
  }

  @Test("without ceilings nobody waits any more, and whoever waited goes on")
  func off() {
    var gate = RateGate()
    #expect(!gate.isActive)
    gate.change(to: RateLimits(total: RateLimit(bytes: 100_000)), at: start)
    gate.pass(circuits[0], 1, bytes: 1_000_000, packets: 1, at: start)
    #expect(gate.allowance(of: circuits[1], 1, at: start).bytes == 0)
    gate.change(to: RateLimits(), at: start)
    #expect(gate.isActive)
    #expect(gate.nextDeadline <= start)
    #expect(gate.next(at: start) == circuits[1])
    #expect(gate.next(at: start) == nil)
    #expect(!gate.isActive)
    #expect(gate.nextDeadline == .distantFuture)
  }

  @Test("a circuit that is gone waits no more, and its turn comes back")
  func gone() {
    var gate = RateGate()
    gate.change(to: RateLimits(total: RateLimit(bytes: 100_000)), at: start)
    gate.pass(circuits[0], 1, bytes: 10_000, packets: 1, at: start)
    #expect(gate.allowance(of: circuits[1], 1, at: start).bytes == 0)
    gate.forget(circuits[1])
    #expect(gate.nextDeadline == .distantFuture)
    #expect(gate.next(at: start + .seconds(1)) == nil)
  }

  @Test("a share of a ceiling is its part, and never nothing")
  func shares() {
    let limit = RateLimit(bytes: 1_000_000, packets: 5)
    #expect(limit?.share(of: 4) == RateLimit(bytes: 250_000, packets: 1))
    #expect(limit?.share(of: 64) == RateLimit(bytes: 15_625, packets: 1))
    #expect(RateLimit() == nil && RateLimit(bytes: 0) == nil)
  }
}
