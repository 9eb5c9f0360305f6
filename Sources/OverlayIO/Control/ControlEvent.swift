/// The events that `monitor` tells, as values. Each has a name and a time.
enum ControlEvent {
  /// Returns an event of this name with these members.
  static func make(_ name: String, _ members: JSONObject = [:], at time: Timestamp = .now) -> JSONValue {
    var event: JSONObject = ["event": .string(name), "time": .string(time.description)]
    for member in members.members { event[member.name] = member.value }
    return .object(event)
  }

  /// Returns the event that a client was too slow for others.
  static func lost(_ count: Int) -> JSONValue { make("events_lost", ["count": .count(count)]) }
}
