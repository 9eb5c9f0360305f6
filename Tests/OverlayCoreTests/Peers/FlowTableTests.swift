import Testing

@testable import OverlayCore

@Suite("Flow table")
struct FlowTableTests {
  private static func time(_ milliseconds: Int) -> Instant {
    Instant(nanoseconds: 1_000_000_000_000 + UInt64(milliseconds) * 1_000_000)
  }

  /// What a table says of a flow that sends so many bytes at once.
  private static func note(
    _ table: inout FlowTable, _ bytes: Int, hash: UInt32 = 7, rate: Double? = nil, at milliseconds: Int,
    isWaiting: Bool = false
  ) -> FlowTable.Verdict {
    table.note(hash, bytes: bytes, rate: { rate }, at: time(milliseconds)) { _ in isWaiting }
  }

  @Test("while the rate of the circuit is not known, a flow is sparse until it has sent 32 KiB at once")
  func burst() {
    var table = FlowTable()
    for step in 0..<32 { #expect(Self.note(&table, 1_024, at: 0) == .sparse, "packet \(step)") }
    #expect(Self.note(&table, 1, at: 0) == .newlyBulk)
    #expect(Self.note(&table, 1, at: 0) == .bulk)
  }

  @Test(
    "what is bulk depends on the circuit: half of its rate is sparse for ever, all of it is bulk after two seconds",
    arguments: [5_000.0, 20_000, 100_000], [0.25, 0.45, 0.6, 1.0])
  func rate(_ rate: Double, _ part: Double) {
    var table = FlowTable()
    let first = (0..<3_000).first { step in
      Self.note(&table, Int(rate * part / 50), rate: rate, at: step * 20) != .sparse
    }
    guard part > 0.5 else {
      #expect(first == nil)
      return
    }
    let seconds = min(1, 262_144 / rate) / (part - 0.5)
    #expect(first.map { abs(Double($0) / 50 - seconds) <= seconds / 5 } == true)
  }

  @Test(
    "no flow sends more than 256 KiB before it is bulk, and one may always send two packets", arguments: [1e6, 1e9, 10])
  func bounds(_ rate: Double) {
    var table = FlowTable()
    #expect(Self.note(&table, 3_000, rate: rate, at: 0) == .sparse)
    #expect(Self.note(&table, 300_000, rate: rate, at: 0) == .newlyBulk)
  }

  @Test("flows that share a full circuit are bulk, too: what they send while they wait earns nothing")
  func standing() {
    var table = FlowTable()
    let first = (0..<3_000).first { step in
      Self.note(&table, 100, rate: 10_000, at: step * 50, isWaiting: true) != .sparse
    }
    // 2,000 bytes a second, a fifth of what the circuit carries, which is 10,000 bytes in a second.
    #expect(first == 100)
    var quick = FlowTable()
    for step in 0..<3_000 { #expect(Self.note(&quick, 100, rate: 10_000, at: step * 50) == .sparse) }
  }

  @Test("a bulk flow is bulk until it was silent for a second and nothing of it waits")
  func pause() {
    var table = FlowTable()
    #expect(Self.note(&table, 1_000_000, at: 0) == .newlyBulk)
    #expect(Self.note(&table, 100, at: 1_000) == .bulk)
    #expect(Self.note(&table, 100, at: 2_001, isWaiting: true) == .bulk)
    #expect(Self.note(&table, 100, at: 3_002) == .sparse)
    #expect(Self.note(&table, 32_000, at: 3_002) == .sparse)
    #expect(Self.note(&table, 32_000, at: 3_002) == .newlyBulk)
  }

  @Test("it asks for waiting packets of the kind that the flow is")
  func waiting() {
    var table = FlowTable()
    var asked: [Bool] = []
    for (bytes, milliseconds) in [(1_000, 0), (1_000, 1), (40_000, 2), (1, 2_000)] {
      _ = table.note(7, bytes: bytes, rate: { nil }, at: Self.time(milliseconds)) {
        asked.append($0)
        return true
      }
    }
    #expect(asked == [false, false, true])
  }

  @Test("it is bounded: of flows that share a place the one that was silent for longest is forgotten")
  func bound() {
    var table = FlowTable()
    // Nine flows that differ above the bits by which they are found.
    let flows = (1...9).map { UInt32($0) << 16 | 3 }
    for (index, flow) in flows[..<8].enumerated() {
      #expect(Self.note(&table, 100_000, hash: flow, at: index) == .newlyBulk)
    }
    #expect(Self.note(&table, 1, hash: flows[0], at: 10) == .bulk)
    #expect(Self.note(&table, 1, hash: flows[8], at: 20) == .sparse)
    #expect([0, 2, 3, 7].map { Self.note(&table, 1, hash: flows[$0], at: 30) } == [.bulk, .bulk, .bulk, .bulk])
    #expect(Self.note(&table, 1, hash: flows[1], at: 40) == .sparse)
  }

  @Test("the flow whose hash is zero is one like any other")
  func zero() {
    var table = FlowTable()
    #expect(Self.note(&table, 30_000, hash: 0, at: 0) == .sparse)
    #expect(Self.note(&table, 30_000, hash: 0, at: 0) == .newlyBulk)
    #expect(Self.note(&table, 1, hash: 0, at: 0) == .bulk)
  }

  @Test("memory is given back when every flow is over, and the table works on")
  func release() {
    var table = FlowTable()
    table.releaseIfOver(at: Self.time(0))
    #expect(Self.note(&table, 100_000, at: 0) == .newlyBulk)
    table.releaseIfOver(at: Self.time(10_000))
    #expect(Self.note(&table, 1, at: 900) == .bulk)
    table.releaseIfOver(at: Self.time(10_901))
    #expect(Self.note(&table, 1, at: 10_902) == .sparse)
  }
}
