import OverlayCore

/// What the control socket tells of names.
extension Pump {
  /// The most names of an identity in a reply.
  static let mostNames = 2_000

  /// The members of `names`.
  func namesMembers(_ petname: (IPv6Address) -> Petname?) -> JSONObject {
    var omitted = 0
    var conflicts: UInt64 = 0
    let all = withEach { node, turn in
      let known = node.knownNames(limit: Pump.mostNames, at: turn.now)
      conflicts += node.nameConflicts
      omitted += max(0, node.status(at: turn.now).knownNames + 1 - known.count)
      return (node.ownAddress, known)
    }
    let names = all.flatMap { own, known in
      known.sorted { $0.isBefore($1) }.map { name -> JSONValue in
        var members = name.members(petname)
        members["identity"] = .text(own)
        return .object(members)
      }
    }
    return [
      "names": .array(names), "names_omitted": .count(omitted), "conflicts": .integer(Int64(clamping: conflicts)),
    ]
  }

  /// The members of `name_resolve`. What any identity knows counts; the first one searches.
  func resolve(_ address: IPv6Address, _ petname: (IPv6Address) -> Petname?) throws(ControlError) -> JSONObject {
    let known = withEach { node, turn in node.known(at: address, turn.now) }.compactMap(\.self).first
    if let known { return known.members(petname) }
    switch withFirst({ node, turn in node.resolve(address, turn: &turn) }) {
    case .known(let known): return known.members(petname)
    case .searching: return ["address": .text(address), "name": .null, "source": "searching"]
    case .notNow:
      throw ControlError(
        .notReady,
        "the name of \(address) is not known, and cannot be searched for now: Tor is away, or there are too many searches"
      )
    case .unknown, nil:
      throw ControlError(.notFound, "the name of \(address) is not known, and was not found")
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

extension KnownName {
  /// Whether it is shown before the other: from a better source, or by its address.
  fileprivate func isBefore(_ other: KnownName) -> Bool {
    guard source == other.source else { return source > other.source }
    let (left, right) = (name.address, other.name.address)
    return left.high == right.high ? left.low < right.low : left.high < right.high
  }
}
