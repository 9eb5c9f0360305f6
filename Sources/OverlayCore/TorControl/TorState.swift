/// What is known of the Tor that the daemon works with, from its control port.
public struct TorState: Equatable, Sendable {
  /// The connection to the control port.
  public enum Link: Equatable, Sendable {
    /// No control port is configured: nothing else is known, either.
    case none
    /// Not connected, or not admitted yet, for this reason; empty until the first attempt ended.
    case waiting(reason: String)
    /// Connected and admitted.
    case up
  }

  /// The connection to the control port. What follows is what was known last, if it is not up.
  public var link = Link.none
  /// The version that Tor tells, such as `0.4.9.11`.
  public var version: String?
  /// Where Tor takes SOCKS connections, as it tells it: `127.0.0.1:9050` or `unix:PATH`.
  public var socksListeners: [String] = []
  /// How far Tor is with its start.
  public var bootstrap = TorBootstrap.unknown
  /// What Tor complained about last, while it is not up; `nil` if nothing.
  public var problem: String?
  /// Whether the onion services of this host's names can be found. A name is missing as long as nothing is known.
  public var publications: [OnionName: TorPublication] = [:]
  /// The peers for whose private services Tor has the key.
  public var keyed: Set<OnionName> = []

  /// The state of a daemon that has no control port.
  public init() {}
}

/// How far Tor is with its start.
public enum TorBootstrap: Equatable, Sendable {
  /// Tor was not asked, or did not say.
  case unknown
  /// Tor is starting: 0 to 99 per cent, and what it is doing in its words.
  case starting(percent: Int, summary: String)
  /// Tor builds circuits.
  case up
}

/// Whether an onion service can be found.
public enum TorPublication: Equatable, Sendable {
  /// Its descriptor is being made or uploaded. The reason is why the last upload failed, if one did: `UPLOAD_REJECTED`.
  case publishing(failure: String?)
  /// A directory has taken its descriptor.
  case published
}
