import OverlayCore

/// All that a daemon is told.
public struct DaemonSettings {
  /// Where this host's onion name comes from.
  public enum Identity: Equatable {
    /// The name itself.
    case name(OnionName)
    /// A file that Tor writes, perhaps later.
    case hostnameFile(String)
  }

  /// Who this host is.
  public var identity: Identity
  /// The peers that are dialled at start and for ever after.
  public var peers: [ConfiguredPeer]
  /// A file of further names, read again when it changes.
  public var hostsFile: String?
  /// Tor's SOCKS port.
  public var socks: SocketAddress
  /// Where Tor connects to for circuits to our onion service.
  public var listen: [SocketAddress]
  /// The port of peers' onion services.
  public var servicePort: UInt16
  /// The interface and where it is put.
  public var interface: InterfaceSettings
  /// How long a circuit that carries nothing stays.
  public var idle: Duration
  /// How many circuits a peer gets.
  public var circuitsPerPeer: Int

  /// The settings of a daemon.
  public init(
    identity: Identity, peers: [ConfiguredPeer], hostsFile: String?, socks: SocketAddress, listen: [SocketAddress],
    servicePort: UInt16, interface: InterfaceSettings, idle: Duration, circuitsPerPeer: Int
  ) {
    self.identity = identity
    self.peers = peers
    self.hostsFile = hostsFile
    self.socks = socks
    self.listen = listen
    self.servicePort = servicePort
    self.interface = interface
    self.idle = idle
    self.circuitsPerPeer = circuitsPerPeer
  }
}
