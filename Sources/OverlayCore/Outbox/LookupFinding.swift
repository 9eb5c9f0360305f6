/// What a stranger finds who looks this host up by its address, as the host has found out by doing so itself.
public enum LookupFinding: Equatable, Sendable {
  /// It was not looked for yet, or not twice in vain.
  case unknown
  /// The host's own name, told at the lookup name with this index.
  case found(at: UInt8)
  /// Nobody at the lookup name with this index, which strangers ask after those before it, where somebody else answers.
  case missing(UInt8)
  /// Others, at all of its lookup names.
  case hidden
}
