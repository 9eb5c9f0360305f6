/// A rate gate keeps what passes in one direction below the ceilings of the node and of each peer. Nothing is dropped
/// for it: a circuit that may not go on waits, and what it would bring, or take, waits in its socket or its queue.
///
/// Peers share the node's ceiling fairly, and so do the circuits of a peer the peer's: whoever has had least goes on
/// first (start-time fair queueing, P. Goyal, H. Vin, H. Cheng, 1996). So a circuit of few packets, such as that of a
/// ping, waits for one turn of another at most. A turn is what passes in 10 ms. The peer's circuits have one account,
/// which the owner of the gate numbers; those of unproven callers share accounts. The owner says what has passed with
/// `pass`. A circuit whose account changes, because its caller is proven now, begins in the new one like any other.
///
/// It holds an entry for each circuit that ever waited and is there, and an account for each peer of them. The counters
/// `readingLimited` and `sendingLimited` show how often a circuit had to wait.
struct RateGate {
  /// The time that a turn takes at the ceiling.
  private static let turnTime = 0.01
  /// The range of a turn in bytes.
  private static let turns = 2_048...65_536
  /// The usual length of a packet in bytes. Where packets have a ceiling, a turn is as many bytes as its packets of
  /// this length have: packets are counted only after they were read, and a turn may bring many short ones.
  private static let usualPacket = 1_500
  /// The shortest time between two looks at those who wait.
  private static let step = Duration.milliseconds(1)

  private struct Turn {
    var bytes: Int
    var packets: Int
  }

  private struct Entry {
    var account: Int
    var tag: Double
    var isWaiting = false
    var turn: Turn?
  }

  private struct Account {
    var budget: RateBudget
    var tag: Double
    /// The virtual time among its circuits.
    var time: Double
    /// Its circuits that wait, each with its tag then: the last has had least, or waits for longest.
    var waiting: [(circuit: CircuitIdentifier, tag: Double)] = []

    mutating func add(_ circuit: CircuitIdentifier, _ tag: Double) {
      var (low, high) = (0, waiting.count)
      while low < high {
        let middle = (low + high) / 2
        if waiting[middle].tag > tag { low = middle + 1 } else { high = middle }
      }
      waiting.insert((circuit, tag), at: low)
    }
  }

  private var limits = RateLimits()
  private var total = RateBudget(nil, at: Instant(nanoseconds: 0))
  private var accounts: [Int: Account] = [:]
  private var entries: [CircuitIdentifier: Entry] = [:]
  // The accounts with circuits that wait.
  private var waiting: [Int] = []
  // No account of them may go on before.
  private var earliest = Instant.distantFuture
  private var time = 0.0
  private var turn = Turn(bytes: 0, packets: 0)
  private var nextLook = Instant(nanoseconds: 0)

  /// The number of times that a circuit had to wait.
  private(set) var waits: UInt64 = 0
  /// Whether anything is limited, or waits still because it was.
  private(set) var isActive = false

  /// Makes a gate that is open.
  init() {}

  /// Changes the ceilings. Who waits goes on as soon as these permit it.
  mutating func change(to limits: RateLimits, at now: Instant) {
    guard limits != self.limits else { return }
    self.limits = limits
    total = RateBudget(limits.total, at: now)
    for account in accounts.keys { accounts[account]?.budget = RateBudget(limits.peer, at: now) }
    let all = [limits.total, limits.peer].compactMap(\.self)
    let bytes = all.compactMap(\.bytes).min().map { Int(Double($0) * RateGate.turnTime) } ?? .max
    let packets = all.compactMap(\.packets).min().map { max(1, Int(Double($0) * RateGate.turnTime)) }
    let ofPackets = packets.map { $0 * RateGate.usualPacket } ?? .max
    turn = Turn(
      bytes: max(RateGate.turns.lowerBound, min(bytes, ofPackets, RateGate.turns.upperBound)),
      packets: packets ?? .max)
    (nextLook, earliest) = (now, now)
    isActive = limits.isActive || !waiting.isEmpty
    if !isActive { close() }
  }

  /// Returns how many bytes and packets may pass now on a circuit, whose peer has the account of this number. If none
  /// may, the circuit waits until `next` returns it.
  mutating func allowance(of circuit: CircuitIdentifier, _ account: Int, at now: Instant) -> (bytes: Int, packets: Int)
  {
    if let turn = entries[circuit]?.turn { return (turn.bytes, turn.packets) }
    guard entries[circuit]?.isWaiting != true else { return (0, 0) }
    open(account, at: now)
    total.fill(at: now)
    guard let own = accounts.index(forKey: account) else { return (0, 0) }
    accounts.values[own].budget.fill(at: now)
    let isFirst = accounts.values[own].waiting.isEmpty
    // Who waits for a ceiling of its own alone is in nobody's way.
    let isTurnOfOthers = limits.total != nil && !waiting.isEmpty && earliest <= now
    if isFirst, !isTurnOfOthers, total.isOpen, accounts.values[own].budget.isOpen { return (turn.bytes, turn.packets) }
    let ownTime = accounts.values[own].time
    var entry = entries[circuit] ?? Entry(account: account, tag: ownTime)
    entry.tag = entry.account == account ? max(entry.tag, ownTime) : ownTime
    entry.account = account
    entry.isWaiting = true
    entries[circuit] = entry
    waits += 1
    if isFirst {
      let opening = accounts.values[own].budget.opening
      accounts.values[own].tag = max(accounts.values[own].tag, time)
      earliest = waiting.isEmpty ? opening : min(earliest, opening)
      waiting.append(account)
    }
    accounts.values[own].add(circuit, entry.tag)
    return (0, 0)
  }

  /// Returns whether a circuit waits until it may go on, or has just become the one that may, for a turn.
  func holds(_ circuit: CircuitIdentifier) -> Bool {
    entries[circuit].map { $0.isWaiting || $0.turn != nil } ?? false
  }

  /// Notes that so much has passed on a circuit, whose turn ends with that.
  mutating func pass(_ circuit: CircuitIdentifier, _ account: Int, bytes: Int, packets: Int, at now: Instant) {
    if let entry = entries[circuit], let turn = entry.turn {
      entries[circuit]?.turn = nil
      charge(circuit, entry.account, bytes: bytes - turn.bytes, packets: packets - turn.packets, isNew: false)
      return
    }
    guard bytes > 0 || packets > 0 else { return }
    open(account, at: now)
    charge(circuit, account, bytes: bytes, packets: packets, isNew: true)
  }

  /// Forgets a circuit that is gone.
  mutating func forget(_ circuit: CircuitIdentifier) {
    guard let entry = entries[circuit] else { return }
    if let turn = entry.turn {
      charge(circuit, entry.account, bytes: -turn.bytes, packets: -turn.packets, isNew: false)
    }
    entries[circuit] = nil
    guard entry.isWaiting else { return }
    accounts[entry.account]?.waiting.removeAll { $0.circuit == circuit }
    if accounts[entry.account]?.waiting.isEmpty == true { waiting.removeAll { $0 == entry.account } }
  }

  /// The time at which `next` may return a circuit; the distant future if none waits.
  var nextDeadline: Instant {
    waiting.isEmpty ? .distantFuture : max(nextLook, total.opening, earliest)
  }

  /// Returns a circuit that may go on, for a turn; `nil` if none may now.
  mutating func next(at now: Instant) -> CircuitIdentifier? {
    guard isActive, nextLook <= now else { return nil }
    total.fill(at: now)
    guard total.isOpen, earliest <= now, let account = nextAccount(at: now),
      let circuit = accounts[account]?.waiting.popLast()?.circuit
    else {
      nextLook = now + RateGate.step
      if !limits.isActive, waiting.isEmpty { close() }
      return nil
    }
    if accounts[account]?.waiting.isEmpty == true { waiting.removeAll { $0 == account } }
    entries[circuit]?.isWaiting = false
    entries[circuit]?.turn = turn
    charge(circuit, account, bytes: turn.bytes, packets: limits.hasPackets ? turn.packets : 0, isNew: true)
    return circuit
  }

  /// Returns the account of those that wait and may go on that has had least.
  private mutating func nextAccount(at now: Instant) -> Int? {
    var (next, least) = (Int?.none, Double.infinity)
    earliest = .distantFuture
    for number in waiting {
      guard let index = accounts.index(forKey: number) else { continue }
      accounts.values[index].budget.fill(at: now)
      earliest = min(earliest, accounts.values[index].budget.opening)
      guard accounts.values[index].budget.isOpen, accounts.values[index].tag < least else { continue }
      (next, least) = (number, accounts.values[index].tag)
    }
    return next
  }

  private mutating func charge(
    _ circuit: CircuitIdentifier, _ number: Int, bytes: Int, packets: Int, isNew: Bool
  ) {
    total.take(bytes: bytes, packets: packets)
    guard var account = accounts[number] else { return }
    account.budget.take(bytes: bytes, packets: packets)
    // What comes back may open it sooner.
    if bytes < 0 || packets < 0, !account.waiting.isEmpty { earliest = min(earliest, account.budget.opening) }
    let cost = limits.cost(bytes: bytes, packets: packets)
    if isNew {
      account.tag = max(account.tag, time)
      time = account.tag
    }
    account.tag += cost
    if var entry = entries[circuit] {
      if entry.account != number, !entry.isWaiting { (entry.account, entry.tag) = (number, account.time) }
      if isNew {
        entry.tag = max(entry.tag, account.time)
        account.time = entry.tag
      }
      entry.tag += cost
      entries[circuit] = entry
    }
    accounts[number] = account
  }

  private mutating func open(_ account: Int, at now: Instant) {
    guard accounts[account] == nil else { return }
    if accounts.count > entries.count + 64 {
      for key in accounts.keys { accounts[key]?.budget.fill(at: now) }
      accounts = accounts.filter { !$0.value.waiting.isEmpty || !$0.value.budget.isFull || $0.value.tag > time }
    }
    // Its circuits may have been in it before it was forgotten, but none with a tag beyond this time.
    accounts[account] = Account(budget: RateBudget(limits.peer, at: now), tag: time, time: time)
  }

  /// Forgets everybody, because nothing is limited any more.
  private mutating func close() {
    (accounts, entries, isActive, earliest) = ([:], [:], false, .distantFuture)
  }
}

extension RateLimits {
  /// Whether packets are counted.
  fileprivate var hasPackets: Bool { total?.packets != nil || peer?.packets != nil }

  /// What a share of the ceilings costs: in bytes, or in packets where bytes have no ceiling; the greater counts where
  /// both have.
  fileprivate func cost(bytes: Int, packets: Int) -> Double {
    let limits = [total, peer].compactMap(\.self)
    guard let packetRate = limits.compactMap(\.packets).min() else { return Double(bytes) }
    guard let byteRate = limits.compactMap(\.bytes).min() else { return Double(packets) }
    let inBytes = Double(packets) * Double(byteRate) / Double(packetRate)
    return abs(inBytes) > abs(Double(bytes)) ? inBytes : Double(bytes)
  }
}
