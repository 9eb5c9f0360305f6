/// A prefix that lies behind a peer.
public struct Route: Sendable, Equatable {
  /// The addresses that are reached through the peer, and that packets from it may come from.
  public let prefix: IPPrefix
  /// The peer.
  public let via: OnionName

  /// The route to `prefix` through `via`.
  public init(prefix: IPPrefix, via: OnionName) {
    self.prefix = prefix
    self.via = via
  }
}
