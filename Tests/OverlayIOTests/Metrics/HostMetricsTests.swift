import Testing

@testable import OverlayCore
@testable import OverlayIO

/// What Prometheus reads.
struct HostMetricsTests {
  @Test("A sample has its labels, whose values are escaped")
  func labels() {
    var page = PrometheusText()
    page.begin("a_total", .counter, "One \\ two\nthree \"four\".")
    page.add(7)
    page.add(-1, ("x", "plain"), ("y", "a\\b\"c\nd"))
    page.add(OverlayCore.Duration.milliseconds(1_500), ("x", ""))
    #expect(
      page.text == """
        # HELP a_total One \\\\ two\\nthree "four".
        # TYPE a_total counter
        a_total 7
        a_total{x="plain",y="a\\\\b\\"c\\nd"} -1
        a_total{x=""} 1.5

        """)
  }

  @Test("A histogram has all its ranges, each with those before it, the sum and the number")
  func histogram() {
    var page = PrometheusText()
    page.begin("a", .histogram, "A.")
    page.add(DelayHistogram(), ("i", "0"))
    let lines = page.text.split(separator: "\n")
    #expect(lines.count == 2 + DelayHistogram.bounds.count + 3)
    #expect(lines[2] == "a_bucket{i=\"0\",le=\"0.001\"} 0")
    #expect(lines[lines.count - 3] == "a_bucket{i=\"0\",le=\"+Inf\"} 0")
    #expect(lines[lines.count - 2] == "a_sum{i=\"0\"} 0.0")
    #expect(lines.last == "a_count{i=\"0\"} 0")
  }

  @Test("A daemon without a name has metrics, too, and each metric stands there once")
  func nameless() {
    let text = HostMetrics.text(of: nil, HostMetrics.Facts(started: 1_700_000_000, showsPeers: true))
    let names = text.split(separator: "\n").filter { $0.hasPrefix("# TYPE ") }.map { $0.split(separator: " ")[2] }
    #expect(Set(names).count == names.count)
    #expect(text.contains("\noncilla_start_time_seconds 1700000000\n"))
    #expect(text.hasPrefix("# HELP oncilla_info "))
    for (name, line) in zip(names, text.split(separator: "\n").filter { $0.hasPrefix("# TYPE ") }) {
      #expect(name.hasSuffix("_total") == line.hasSuffix(" counter"), "\(name)")
    }
  }
}
