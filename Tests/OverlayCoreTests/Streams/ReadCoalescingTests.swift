import Testing

@testable import OverlayCore

@Suite("Read coalescing")
struct ReadCoalescingTests {
  private static func time(_ milliseconds: Int) -> Instant {
    Instant(nanoseconds: 1_000_000_000_000 + UInt64(milliseconds) * 1_000_000)
  }

  /// Reads of so many bytes each 10 milliseconds, in this range of milliseconds.
  private static func read(_ bytes: Int, in range: Range<Int>, _ reads: inout ReadCoalescing) {
    for moment in stride(from: range.lowerBound, to: range.upperBound, by: 10) {
      reads.note(ReadCoalescing.Sample(bulkBytes: bytes), at: time(moment))
    }
  }

  @Test(
    "a steady rate of a Tor circuit is read in pauses after two seconds, any other never",
    arguments: [
      (4_900, false), (5_100, true), (40_000, true), (124_000, true), (126_000, false), (1_000_000, false),
    ])
  func rates(_ bytes: Int, _ isActive: Bool) {
    var reads = ReadCoalescing()
    Self.read(bytes, in: 0..<2_000, &reads)
    #expect(!reads.isActive)
    Self.read(bytes, in: 2_000..<10_000, &reads)
    #expect(reads.isActive == isActive)
  }

  @Test("a rate that grows needs every answer soon")
  func growth() {
    var reads = ReadCoalescing()
    for second in 0..<5 {
      Self.read(6_000 << second, in: second * 1_000..<second * 1_000 + 1_000, &reads)
      #expect(!reads.isActive)
    }
    Self.read(6_000 << 4, in: 5_000..<7_000, &reads)
    #expect(reads.isActive)
  }

  @Test("what grows in pauses goes on in pauses")
  func growthInTurns() {
    var reads = ReadCoalescing()
    Self.read(20_000, in: 0..<3_000, &reads)
    Self.read(60_000, in: 3_000..<5_000, &reads)
    #expect(reads.isActive)
  }

  @Test("a packet that would be missed ends them at once, and for two seconds at the least")
  func others() {
    var reads = ReadCoalescing()
    Self.read(40_000, in: 0..<3_000, &reads)
    #expect(reads.isActive)
    reads.note(ReadCoalescing.Sample(isBulkAlone: false, bulkBytes: 40_000), at: Self.time(3_000))
    #expect(!reads.isActive)
    Self.read(40_000, in: 3_010..<5_000, &reads)
    #expect(!reads.isActive)
    Self.read(40_000, in: 5_000..<6_000, &reads)
    #expect(reads.isActive)
  }

  @Test("a lull does not end them, a second without anything does")
  func silence() {
    var reads = ReadCoalescing()
    Self.read(40_000, in: 0..<3_000, &reads)
    Self.read(0, in: 3_000..<3_500, &reads)
    Self.read(40_000, in: 3_500..<4_000, &reads)
    #expect(reads.isActive)
    Self.read(0, in: 4_000..<6_100, &reads)
    #expect(!reads.isActive)
  }

  @Test("after hours of silence nothing is remembered that would begin them early")
  func afterSilence() {
    var reads = ReadCoalescing()
    Self.read(40_000, in: 0..<1_500, &reads)
    Self.read(40_000, in: 10_000_000..<10_001_000, &reads)
    #expect(!reads.isActive)
  }
}
