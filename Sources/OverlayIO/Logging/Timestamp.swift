import Glibc

/// A moment of the calendar in UTC, written as RFC 3339 does: `2026-11-21T08:01:30.123Z`.
struct Timestamp: CustomStringConvertible {
  /// Whole seconds since 1970.
  let seconds: Int
  /// The part of the next second, 0 to 999.
  let milliseconds: Int

  static var now: Timestamp {
    let time = SystemCall.calendarTime
    return Timestamp(seconds: time.tv_sec, milliseconds: time.tv_nsec / 1_000_000)
  }

  var description: String {
    var moment = time_t(seconds)
    var fields = tm()
    guard gmtime_r(&moment, &fields) != nil else { return "@\(seconds)" }
    func padded(_ number: some BinaryInteger, _ width: Int = 2) -> String {
      let digits = String(number)
      return String(repeating: "0", count: max(0, width - digits.count)) + digits
    }
    let date = "\(Int(fields.tm_year) + 1900)-\(padded(fields.tm_mon + 1))-\(padded(fields.tm_mday))"
    let time = "\(padded(fields.tm_hour)):\(padded(fields.tm_min)):\(padded(fields.tm_sec))"
    return "\(date)T\(time).\(padded(milliseconds, 3))Z"
  }
}
