import OverlayCore

extension KnownName {
  /// The name as replies tell of it, with what the operator calls it.
  func members(_ petname: Petname?) -> JSONObject {
    [
      "petname": .text(petname), "address": .text(name.address), "name": .text(name),
      "source": .string(JSONValue.snakeCase("\(source)")), "reached": .boolean(isReached),
      "age_seconds": age.map { .integer($0.wholeSeconds) } ?? .null,
      "expires_seconds": expiry.map { .integer(max(0, $0.wholeSeconds)) } ?? .null,
    ]
  }
}
