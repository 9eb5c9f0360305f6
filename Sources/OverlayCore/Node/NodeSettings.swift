/// What a node is told when it is made.
public struct NodeSettings: Sendable {
  /// Our own identity.
  public let name: OnionName
  /// The peers that are dialled at start and for ever after.
  public let peers: [ConfiguredPeer]
  /// The port that every onion service of the overlay has.
  public let servicePort: UInt16
  /// How long a circuit that carries nothing stays.
  public let idle: Duration
  /// How many circuits a peer gets: one for sparse flows, the others for bulk, opened when they are wanted.
  public let circuitsPerPeer: Int
  /// Whether the device takes and gives super-packets and unfinished checksums.
  public let isOffloading: Bool
  /// How many bytes the device carries in a packet.
  public let mtu: Int
  /// How many circuits may be open; at the limit new ones are refused. Accepted ones are at three quarters of it.
  public let circuitLimit: Int
  /// What the log lets through: lines below are not even made.
  public let logLevel: LogLevel

  /// The settings of a node.
  public init(
    name: OnionName, peers: [ConfiguredPeer], servicePort: UInt16 = 8060, idle: Duration = .seconds(180),
    circuitsPerPeer: Int = 1,
    isOffloading: Bool = false, mtu: Int = 1_500,
    circuitLimit: Int = 1_000, logLevel: LogLevel = .notice
  ) {
    self.name = name
    self.peers = peers
    self.servicePort = servicePort
    self.idle = idle
    self.circuitsPerPeer = circuitsPerPeer
    self.isOffloading = isOffloading
    self.mtu = mtu
    self.circuitLimit = circuitLimit
    self.logLevel = logLevel
  }
}
