/// What a host does with the lookup service, by which Tor's directory finds a host by its overlay address alone.
public enum LookupMode: String, CaseIterable, Sendable {
  /// It asks nothing and serves nothing.
  case off
  /// It asks for names that it does not know.
  case ask
  /// It does so, and can be found by its own address.
  case serve
}
