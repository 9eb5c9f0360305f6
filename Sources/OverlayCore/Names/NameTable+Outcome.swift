extension NameTable {
  /// Where a name comes from.
  typealias Source = NameSource

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
