import PacketSamples
import Testing

@testable import OverlayCore

/// How long things took.
struct DelayHistogramTests {
  @Test("A time counts in the first range whose bound it does not pass")
  func ranges() {
    for (range, bound) in DelayHistogram.bounds.enumerated() {
      var histogram = DelayHistogram()
      histogram.note(bound)
      histogram.note(bound + .nanoseconds(1))
      var expected = [UInt64](repeating: 0, count: DelayHistogram.bounds.count + 1)
      expected[range] += 1
      expected[range + 1] += 1
      #expect(histogram.counts == expected, "\(bound)")
    }
  }

  @Test("It has the sum and the number of all times, whatever they are")
  func sum() {
    var histogram = DelayHistogram()
    for time: Duration in [.zero, .milliseconds(3), .seconds(2), .seconds(-1)] { histogram.note(time) }
    #expect(histogram.count == 4)
    #expect(histogram.sum == .milliseconds(1_003))
    for time: Duration in [.longest, .longest, .mostNegative] { histogram.note(time) }
    #expect(histogram.count == 7)
  }

  @Test("A queue notes for each packet that goes out how long it waited, and for no other")
  func queue() throws {
    var bench = QueueBench()
    for number in 0..<3 {
      try bench.add(SamplePacket.payload(100, seed: number), flow: 1)
      bench.now = bench.now + .milliseconds(30)
    }
    bench.fillBatch(bytes: .max, packets: 2)
    #expect(bench.delays.count == 2)
    #expect(bench.delays.sum == .milliseconds(90 + 60))
    bench.fillBatch(bytes: .max)
    #expect(bench.delays.sum == .milliseconds(90 + 60 + 30))
  }
}
