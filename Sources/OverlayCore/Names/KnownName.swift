/// A name that is known for an overlay address, for whoever asks the node about it.
public struct KnownName: Equatable, Sendable {
  /// The name, which tells its address.
  public let name: OnionName
  /// Where it comes from.
  public let source: NameSource
  /// Whether a circuit to it was built.
  public let isReached: Bool
  /// The time since it was last told or reached; `nil` for what this host's operator gave, and for a peer that is
  /// reached though its name was forgotten.
  public let age: Duration?
  /// The time for which it keeps its address against another name from no better source, and after which it is tried
  /// anew; not positive if that is over, and `nil` where the age is.
  public let expiry: Duration?

  /// Who told it; `nil` for what this host's operator gave, and for what was remembered from a run before.
  public let teller: NameTeller?
  /// How long it was searched for; `nil` if it was not.
  public let search: Duration?

  init(
    name: OnionName, source: NameSource, isReached: Bool, age: Duration?, expiry: Duration?,
    teller: NameTeller? = nil, search: Duration? = nil
  ) {
    (self.name, self.source, self.isReached, self.age, self.expiry) = (name, source, isReached, age, expiry)
    (self.teller, self.search) = (teller, search)
  }

  /// A name that this host's operator gave.
  public init(configured name: OnionName) {
    self.init(name: name, source: .configuration, isReached: false, age: nil, expiry: nil)
  }
}

/// Where a name comes from; a greater source is trusted more.
public enum NameSource: Int, CaseIterable, Comparable, Sendable {
  /// An acquaintance that was told it, too.
  case hearsay
  /// The lookup service, or an acquaintance whose operator knows it.
  case lookup
  /// A keepalive of the host itself.
  case keepalive
  case hostsFile
  case configuration
  /// This host's own.
  case own

  /// Whether the name was learned, and not told by this host's operator.
  var isLearned: Bool { self <= .keepalive }

  /// Returns whether the right one is trusted more.
  public static func < (left: NameSource, right: NameSource) -> Bool { left.rawValue < right.rawValue }
}

/// What is known of an address whose name somebody asks for.
public enum Resolution: Equatable, Sendable {
  /// Its name is known.
  case known(KnownName)
  /// It is being searched for.
  case searching
  /// It is not known, and was not found a short time ago, or nobody may be asked for it.
  case unknown
  /// It is not known, and cannot be searched for now: Tor is away, or too much is searched for already.
  case notNow
}
