import OverlayCore

/// Metrics in the text format 0.0.4 of Prometheus.
struct PrometheusText {
  /// What a metric is.
  enum Kind: String {
    /// A number that only grows.
    case counter
    /// A number that grows and shrinks.
    case gauge
    /// How often something was how large.
    case histogram
  }

  /// A name and a value that tell samples of one metric apart.
  typealias Label = (name: String, value: String)

  /// The media type.
  static let contentType = "text/plain; version=0.0.4; charset=utf-8"

  /// The text.
  private(set) var text = ""
  private var name = ""

  /// Begins a metric, whose samples follow.
  mutating func begin(_ name: String, _ kind: Kind, _ help: String) {
    self.name = name
    text += "# HELP \(name) \(PrometheusText.escaped(help, quotes: false))\n# TYPE \(name) \(kind.rawValue)\n"
  }

  /// Adds a sample of a whole number.
  mutating func add(_ value: some BinaryInteger, _ labels: Label...) { add("\(value)", "", labels) }

  /// Adds a sample that is a time, in seconds.
  mutating func add(_ time: Duration, _ labels: Label...) { add(PrometheusText.seconds(time), "", labels) }

  /// Adds all samples of a histogram, whose times are in seconds.
  mutating func add(_ histogram: DelayHistogram, _ labels: Label...) {
    var count: UInt64 = 0
    let bounds = DelayHistogram.bounds.map { PrometheusText.seconds($0) } + ["+Inf"]
    for (bound, more) in zip(bounds, histogram.counts) {
      count &+= more
      add("\(count)", "_bucket", labels + [("le", bound)])
    }
    add(PrometheusText.seconds(histogram.sum), "_sum", labels)
    add("\(count)", "_count", labels)
  }

  private mutating func add(_ value: String, _ suffix: String, _ labels: [Label]) {
    text += name + suffix
    if !labels.isEmpty {
      let shown = labels.map { "\($0.name)=\"\(PrometheusText.escaped($0.value, quotes: true))\"" }
      text += "{\(shown.joined(separator: ","))}"
    }
    text += " \(value)\n"
  }

  private static func seconds(_ time: Duration) -> String { "\(time / Duration.seconds(1))" }

  private static func escaped(_ text: String, quotes: Bool) -> String {
    var escaped = ""
    for character in text {
      switch character {
      case "\\": escaped += "\\\\"
      case "\n": escaped += "\\n"
      case "\"" where quotes: escaped += "\\\""
      default: escaped.append(character)
      }
    }
    return escaped
  }
}
