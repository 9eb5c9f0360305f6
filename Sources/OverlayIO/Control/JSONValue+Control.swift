import OverlayCore

/// The forms that values have in replies and events. They are a promise to the scripts of others: names in snake_case,
/// bytes and microseconds as whole numbers, times as RFC 3339 has them.
extension JSONValue {
  /// A length of time in microseconds.
  static func microseconds(_ time: OverlayCore.Duration) -> JSONValue { .integer(time.wholeMicroseconds) }

  /// The calendar's time so long ago.
  static func time(_ age: OverlayCore.Duration) -> JSONValue { .string(Timestamp.ago(age).description) }

  /// Counters by name, those alone that are not zero.
  static func counters(_ counters: Counters) -> JSONValue {
    .object(JSONObject(counters.seen.map { (snakeCase($0.name), .count($0.count)) }))
  }

  /// Returns a name of the program's source as JSON has it: `dialFailed` as `dial_failed`.
  static func snakeCase(_ name: String) -> String {
    var result = ""
    for character in name {
      if character.isUppercase {
        result += "_" + character.lowercased()
      } else {
        result.append(character)
      }
    }
    return result
  }
}

extension JSONObject {
  /// The object as a command prints it for programs: a line that says first what form it has.
  public var line: String {
    let schema: (String, JSONValue) = ("schema", .integer(ControlRequest.schema))
    return JSONValue.object(JSONObject([schema] + members.map { ($0.name, $0.value) })).text + "\n"
  }
}

extension Timestamp {
  /// Returns the moment so long ago, which a change of the calendar since then does not concern.
  static func ago(_ age: OverlayCore.Duration) -> Timestamp {
    let now = Timestamp.now
    let milliseconds = now.seconds * 1_000 + now.milliseconds - Int(clamping: age.wholeMicroseconds / 1_000)
    return Timestamp(seconds: milliseconds / 1_000, milliseconds: milliseconds % 1_000)
  }
}
