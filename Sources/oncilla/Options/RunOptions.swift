import OverlayCore
import OverlayIO

/// All that `oncilla run` was told, checked.
struct RunOptions: Equatable {
  /// Where this host's onion name comes from.
  enum Identity: Equatable {
    /// The name itself, with the address that it listens on if that was given.
    case name(OnionName, listen: SocketAddress?)
    /// A file that Tor writes, perhaps later.
    case hostnameFile(String)
  }

  /// Who this host is.
  var identity: Identity
  /// The permanent peers, in the order given; no two share a name, an address or a petname.
  var peers: [ConfiguredPeer]
  /// A file of further names, re-read when it changes.
  var hostsFile: String?
  /// Tor's SOCKS port.
  var socks: SocketAddress
  /// Every address to listen on, at least one and no two the same: the identity's own first, then those of
  /// `--listen`; the default only where there is neither.
  var listen: [SocketAddress]
  /// The port that peers' onion services are dialled at.
  var servicePort: UInt16
  /// The interface's name.
  var interface: String
  /// The network namespace that the interface is put into; `nil` for the daemon's own.
  var namespace: String?
  /// The interface's MTU in bytes, 1280 to 65535.
  var mtu: Int
  /// Whether the kernel may leave segmentation and checksums to the daemon.
  var offload: Bool
  /// After how many seconds of silence a circuit is closed, 1 to 86400.
  var idle: Int
  /// How many circuits a peer gets, 1 to 8.
  var circuits: Int
  /// Where the daemon keeps what it must remember.
  var stateDirectory: String
  /// Where the control socket will be.
  var control: String
  /// The least important level that is logged.
  var logLevel: LogLevel
  /// Where the log goes.
  var logTarget: LogTarget
}
