import OverlayCore
import OverlayIO

/// All that `oncilla run` was told, checked.
struct RunOptions: Equatable {
  /// Who this host is.
  var identity: DaemonSettings.Identity
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
  var interface: InterfaceName
  /// The network namespace that the interface is put into; `nil` for the daemon's own.
  var namespace: NamespaceName?
  /// The interface's MTU.
  var mtu: InterfaceMTU
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
