import Testing

@testable import OverlayCore

@Suite("Flow table")
struct FlowTableTests {
  private static func time(_ milliseconds: Int) -> Instant {
    Instant(nanoseconds: 1_000_000_000_000 + UInt64(milliseconds) * 1_000_000)
  }

  @Test("a flow is sparse until it has sent 64 KiB at once")
  func burst() {
    var table = FlowTable()
    for step in 0..<64 {
      let flow = table.note(7, bytes: 1_024, at: Self.time(0))
      #expect(!flow.isBulk, "packet \(step)")
      #expect(flow.lane == Lane.sparse)
    }
    let flow = table.note(7, bytes: 1, at: Self.time(0))
    #expect(flow.isBulk)
    #expect(flow.lane == Lane.sparse)
  }

  @Test(
    "32 KiB a second are sparse for ever; more is bulk once the burst is used up",
    arguments: [(16, nil), (32, nil), (64, 2_000), (320, 220)] as [(Int, Int?)])
  func rate(_ kibibytes: Int, _ milliseconds: Int?) {
    var table = FlowTable()
    let first = (0..<3_000).first { step in
      table.note(7, bytes: kibibytes * 1_024 / 50, at: Self.time(step * 20)).isBulk
    }
    guard let milliseconds else {
      #expect(first == nil)
      return
    }
    #expect(first.map { abs($0 * 20 - milliseconds) <= milliseconds / 10 } == true)
  }

  @Test("a bulk flow that pauses is sparse again, with no more credit than the pause has earned")
  func pause() {
    var table = FlowTable()
    #expect(table.note(7, bytes: 10_000_000, at: Self.time(0)).isBulk)
    #expect(!table.note(7, bytes: 32_000, at: Self.time(1_000)).isBulk)
    #expect(table.note(7, bytes: 1_000, at: Self.time(1_000)).isBulk)
    #expect(!table.note(7, bytes: 65_535, at: Self.time(9_000)).isBulk)
  }

  @Test("a pinned flow stays on its lane as long as it speaks every ten seconds, and is forgotten then")
  func pinned() {
    var table = FlowTable()
    table.pin(table.note(7, bytes: 1_000_000, at: Self.time(0)), to: 2)
    for second in [5, 15, 25] {
      #expect(table.note(7, bytes: 1, at: Self.time(second * 1_000)).lane == 2)
    }
    #expect(table.count(on: 2, at: Self.time(35_000)) == 1)
    #expect(table.count(on: 2, at: Self.time(35_001)) == 0)
    let again = table.note(7, bytes: 1, at: Self.time(35_001))
    #expect(again.lane == Lane.sparse)
    #expect(!again.isBulk)
  }

  @Test("flows are counted by lane, and those of a lane that is gone begin anew on the sparse one")
  func lanes() {
    var table = FlowTable()
    for flow in 1...7 as ClosedRange<UInt32> {
      table.pin(table.note(flow, bytes: 1, at: Self.time(0)), to: flow < 3 ? 1 : 2)
    }
    #expect(table.count(on: 1, at: Self.time(1)) == 2)
    #expect(table.count(on: 2, at: Self.time(1)) == 5)
    table.clear(2)
    #expect(table.count(on: 1, at: Self.time(1)) == 2)
    #expect(table.count(on: 2, at: Self.time(1)) == 0)
    #expect(table.note(5, bytes: 1, at: Self.time(2)).lane == Lane.sparse)
    #expect(table.note(1, bytes: 1, at: Self.time(2)).lane == 1)
  }

  @Test("a flow proves to be bulk with one packet, and anew when its lane is gone or it was silent for too long")
  func proof() {
    var table = FlowTable()
    let flow = table.note(7, bytes: 70_000, at: Self.time(0))
    #expect(flow.isNewlyBulk)
    #expect(!table.note(7, bytes: 1_000, at: Self.time(1)).isNewlyBulk)
    // A pause in which it earns some credit back is no new proof: at 32 KiB a second each packet could be one.
    #expect(!table.note(7, bytes: 1_000, at: Self.time(5_000)).isBulk)
    let again = table.note(7, bytes: 70_000, at: Self.time(5_000))
    #expect(again.isBulk)
    #expect(!again.isNewlyBulk)
    table.pin(again, to: 1)
    table.clear(1)
    #expect(table.note(7, bytes: 1_000, at: Self.time(5_001)).isNewlyBulk)
    #expect(table.note(7, bytes: 70_000, at: Self.time(20_000)).isNewlyBulk)
  }

  @Test("flows wait for a lane that are bulk on the sparse one and have sent within a second")
  func waiting() {
    var table = FlowTable()
    #expect(table.waitingCount(at: Self.time(0)) == 0)
    for flow in 1...5 as ClosedRange<UInt32> {
      let noted = table.note(flow, bytes: flow < 5 ? 70_000 : 1_000, at: Self.time(Int(flow)))
      if flow == 1 { table.pin(noted, to: 1) }
    }
    #expect(table.waitingCount(at: Self.time(10)) == 3)
    #expect(table.waitingCount(at: Self.time(1_003)) == 2)
    #expect(table.waitingCount(at: Self.time(1_005)) == 0)
    table.clear(1)
    #expect(table.waitingCount(at: Self.time(10)) == 4)
  }

  @Test("it is bounded: of flows that share a place the one that was silent for longest is forgotten")
  func bound() {
    var table = FlowTable()
    // Nine flows that differ above the bits by which they are found.
    let flows = (1...9).map { UInt32($0) << 16 | 3 }
    for (index, flow) in flows[..<8].enumerated() {
      table.pin(table.note(flow, bytes: 1, at: Self.time(index)), to: 1)
    }
    table.pin(table.note(flows[0], bytes: 1, at: Self.time(10)), to: 1)
    #expect(table.note(flows[8], bytes: 1, at: Self.time(20)).lane == Lane.sparse)
    let lanes = [0, 2, 3, 7].map { table.note(flows[$0], bytes: 1, at: Self.time(30)).lane }
    #expect(lanes == [1, 1, 1, 1])
    #expect(table.note(flows[1], bytes: 1, at: Self.time(40)).lane == Lane.sparse)
    for flow in 0..<10_000 as Range<UInt32> {
      table.pin(table.note(flow &* 0x9e37_79b9, bytes: 1, at: Self.time(50)), to: 3)
    }
    #expect(table.count(on: 3, at: Self.time(50)) <= 256)
  }

  @Test("the flow whose hash is zero is one like any other")
  func zero() {
    var table = FlowTable()
    #expect(!table.note(0, bytes: 60_000, at: Self.time(0)).isBulk)
    let flow = table.note(0, bytes: 60_000, at: Self.time(0))
    #expect(flow.isBulk)
    table.pin(flow, to: 1)
    #expect(table.note(0, bytes: 1, at: Self.time(1)).lane == 1)
  }

  @Test("memory is given back when every flow is over, and the table works on")
  func release() {
    var table = FlowTable()
    table.releaseIfOver(at: Self.time(0))
    table.pin(table.note(7, bytes: 1, at: Self.time(0)), to: 1)
    table.releaseIfOver(at: Self.time(10_000))
    #expect(table.count(on: 1, at: Self.time(10_000)) == 1)
    table.releaseIfOver(at: Self.time(10_001))
    #expect(table.count(on: 1, at: Self.time(0)) == 0)
    #expect(table.note(7, bytes: 1, at: Self.time(10_002)).lane == Lane.sparse)
  }
}
