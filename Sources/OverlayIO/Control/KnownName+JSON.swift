import OverlayCore

extension KnownName {
  /// The name as replies tell of it, with what the operator calls the peers that are meant.
  func members(_ petname: (IPv6Address) -> Petname?) -> JSONObject {
    [
      "petname": .text(petname(name.address)), "address": .text(name.address), "name": .text(name),
      "source": .string(JSONValue.snakeCase("\(source)")), "reached": .boolean(isReached),
      "age_seconds": age.map { .integer($0.wholeSeconds) } ?? .null,
      "expires_seconds": expiry.map { .integer(max(0, $0.wholeSeconds)) } ?? .null,
      "told_by": teller.map { $0.json(petname) } ?? .null,
      "search_ms": search.map { .integer($0.wholeMicroseconds / 1_000) } ?? .null,
    ]
  }
}

extension NameTeller {
  fileprivate func json(_ petname: (IPv6Address) -> Petname?) -> JSONValue {
    switch self {
    case .host: ["kind": "host"]
    case .program: ["kind": "program"]
    case .lookupService(let index): ["kind": "lookup_service", "index": .count(Int(index))]
    case .acquaintance(let address):
      ["kind": "acquaintance", "address": .text(address), "petname": .text(petname(address))]
    }
  }
}
