import OverlayCore

extension JSONObject {
  /// What is told of the name of an address, with all members that a name of a running daemon has: null is what only
  /// such a daemon knows, and the name itself while it is searched for.
  public static func name(
    _ name: OnionName?, of address: IPv6Address, petname: Petname?, source: String
  ) -> JSONObject {
    [
      "petname": .text(petname), "address": .text(address), "name": .text(name), "source": .string(source),
      "reached": .null, "age_seconds": .null, "expires_seconds": .null, "told_by": .null, "search_ms": .null,
    ]
  }
}

extension KnownName {
  /// The name as replies tell of it, with what the operator calls the peers that are meant.
  func members(_ petname: (IPv6Address) -> Petname?) -> JSONObject {
    var members = JSONObject.name(
      name, of: name.address, petname: petname(name.address), source: JSONValue.snakeCase("\(source)"))
    members["reached"] = .boolean(isReached)
    members["age_seconds"] = age.map { .integer($0.wholeSeconds) } ?? .null
    members["expires_seconds"] = expiry.map { .integer(max(0, $0.wholeSeconds)) } ?? .null
    members["told_by"] = teller.map { $0.json(petname) } ?? .null
    members["search_ms"] = search.map { .integer($0.wholeMicroseconds / 1_000) } ?? .null
    return members
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
