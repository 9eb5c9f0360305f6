import OverlayCore

/// What the control socket tells of names.
extension Pump {
  /// The most names in a reply: each takes less than 500 bytes of its line.
  static let mostNames = 500

  /// The members of `names`: the names behind this place, or from the first on, identity by identity.
  func namesMembers(
    after place: ListedName?, _ petname: (IPv6Address) -> Petname?
  ) throws(ControlError) -> JSONObject {
    var (isAhead, total, conflicts) = (place == nil, 0, UInt64(0))
    // One more than is told, which shows whether there are more.
    var listed: [(place: ListedName, name: KnownName)] = []
    _ = withEach { node, turn in
      (total, conflicts) = (total + node.knownNameCount, conflicts + node.nameConflicts)
      let isHere = node.ownAddress == place?.identity
      guard isAhead || isHere else { return }
      isAhead = true
      let limit = Pump.mostNames + 1 - listed.count
      listed += node.knownNames(after: isHere ? place?.place : nil, limit: limit, at: turn.now).map {
        (ListedName(identity: node.ownAddress, place: $0.place), $0)
      }
    }
    guard isAhead else { throw ControlError(.notFound, "the identity of \"after\" is gone: ask anew without it") }
    let told = listed.prefix(Pump.mostNames)
    let names = told.map { place, name -> JSONValue in
      var members = name.members(petname)
      members["identity"] = .text(place.identity)
      return .object(members)
    }
    return [
      "names": .array(names), "names_omitted": .count(total - told.count), "names_total": .count(total),
      "next": listed.count > told.count ? told.last.map { .string("\($0.place)") } ?? .null : .null,
      "conflicts": .integer(Int64(clamping: conflicts)),
    ]
  }

  /// The members of `name_resolve`. What any identity knows counts; the first one searches.
  func resolve(_ address: IPv6Address, _ petname: (IPv6Address) -> Petname?) throws(ControlError) -> JSONObject {
    let known = withEach { node, turn in node.known(at: address, turn.now) }.compactMap(\.self).first
    if let known { return known.members(petname) }
    switch withFirst({ node, turn in node.resolve(address, turn: &turn) }) {
    case .known(let known): return known.members(petname)
    case .searching: return .name(nil, of: address, petname: petname(address), source: "searching")
    case .notNow:
      throw ControlError(
        .notReady,
        "the name of \(address) is not known, and cannot be searched for now: Tor is away, or there are too many searches"
      )
    case .unknown, nil:
      guard LookupKey.mayBelong(to: address) else {
        throw ControlError(
          .notFound, "\(address) is of nobody whom Tor serves: the address of a name of version 3 ends in 03")
      }
      throw ControlError(
        .notFound, "the name of \(address) was not found; it is looked for again after 10 minutes at most")
    }
  }

  /// The members of `name_forget`.
  func forgetName(_ address: IPv6Address) throws(ControlError) -> JSONObject {
    let count = withEach { node, _ in node.forgetName(at: address) }.count { $0 }
    guard count > 0 else { throw ControlError(.notFound, "no name was learned for \(address)") }
    return ["forgotten": .count(count)]
  }

  /// The members of `name_forget` for all names.
  func forgetNames() -> JSONObject {
    ["forgotten": .count(withEach { node, _ in node.forgetNames() }.reduce(0, +))]
  }
}

/// The place of a name in the list of all identities, which the reply to a request tells for the next.
struct ListedName: Equatable, CustomStringConvertible {
  /// The address of the identity.
  let identity: IPv6Address
  /// The place among its names.
  let place: NamePlace

  init(identity: IPv6Address, place: NamePlace) { (self.identity, self.place) = (identity, place) }

  /// Reads what `description` tells.
  init(_ text: String) throws(ControlError) {
    let words = text.split(separator: " ").map(String.init)
    guard words.count == 3, let identity = IPv6Address(words[0]), let address = IPv6Address(words[2]),
      let source = NameSource.allCases.first(where: { "\($0)" == words[1] })
    else { throw ControlError(.badArgument, "\"after\" is what a reply had as \"next\"") }
    self.init(identity: identity, place: NamePlace(source, address))
  }

  /// The identity, and the source and address of the name.
  var description: String { "\(identity) \(place.source) \(place.address)" }
}
