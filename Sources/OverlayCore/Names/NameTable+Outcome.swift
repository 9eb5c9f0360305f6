extension NameTable {
  /// Where a name comes from; a greater source is trusted more.
  enum Source: Int, Comparable {
    case keepalive
    case hostsFile
    case configuration

    static func < (left: Source, right: Source) -> Bool { left.rawValue < right.rawValue }
  }

  /// What became of a name that was offered.
  enum Outcome: Equatable {
    /// It was not known before, or another stood there that is valid no more.
    case new
    /// It was known already.
    case confirmed
    /// Another name holds that address and keeps it.
    case conflict
    /// It is of version 2, which Tor cannot dial: it is not taken.
    case undiallable
  }
}
