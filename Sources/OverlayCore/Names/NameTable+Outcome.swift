extension NameTable {
  /// Where a name comes from; a greater source is trusted more.
  enum Source: Int, Comparable {
    /// An acquaintance that was told it, too.
    case hearsay
    /// The lookup service, or an acquaintance whose operator knows it.
    case lookup
    /// A keepalive of the host itself.
    case keepalive
    case hostsFile
    case configuration

    /// Whether the name was learned, and not told by this host's operator.
    var isLearned: Bool { self <= .keepalive }

    static func < (left: Source, right: Source) -> Bool { left.rawValue < right.rawValue }
  }

  /// The result of learning a name.
  enum Outcome: Equatable {
    /// The name is new, or has displaced another that is not valid any more.
    case new
    /// The name was known already.
    case confirmed
    /// Another name has the address, and keeps it.
    case conflict
    /// The name is of version 2, which Tor cannot dial. It is not taken.
    case undiallable
  }
}
