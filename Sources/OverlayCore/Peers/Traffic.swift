/// How much went over circuits, in bytes: with all that is written on them, keepalives included.
struct Traffic: Equatable {
  /// What the kernel took.
  var sent: UInt64 = 0
  /// What came.
  var received: UInt64 = 0

  /// Counts what went over another circuit, too.
  mutating func add(_ other: Traffic) {
    sent &+= other.sent
    received &+= other.received
  }
}

extension Traffic: CustomStringConvertible {
  /// Both, for a report.
  var description: String { "\(Traffic.text(sent)) sent, \(Traffic.text(received)) received" }

  /// So many bytes, with the unit in which they have one to three digits before the point.
  static func text(_ bytes: UInt64) -> String {
    var (value, units) = (bytes, ["kB", "MB", "GB", "TB", "PB", "EB"][...])
    guard value >= 1_000 else { return "\(value) bytes" }
    while value >= 1_000_000, units.count > 1 {
      value /= 1_000
      units.removeFirst()
    }
    return "\(value / 1_000).\(value % 1_000 / 100) \(units.first ?? "")"
  }
}
