import Glibc
import OverlayCore

/// Where Tor and the service manager of a Debian host have their things, for one instance.
public struct SetupPlaces: Sendable {
  /// Where Tor's control port may be.
  public var controls: [SocketAddress] = [
    .unix("/run/tor/control"), .ipv4(.loopback, port: 9051),
  ]
  /// Where Tor's SOCKS port may be.
  public var socks = [SocketAddress.torSocket, .torPort]
  /// Tor's own configuration, and the file beside it that is ours.
  public var torrc = "/etc/tor/torrc"
  /// What Debian's service puts before it.
  public var torDefaults = "/usr/share/tor/tor-service-defaults-torrc"
  /// The directory of Tor's data.
  public var torData = "/var/lib/tor"
  /// The user that Tor runs as.
  public var torUser = "debian-tor"
  /// The file with the number of Tor's process.
  public var torProcess = "/run/tor/tor.pid"
  /// What is there where systemd runs.
  public var systemd = "/run/systemd/system"
  /// The directory of the operator's units.
  public var units = "/etc/systemd/system"
  /// The directory of the instance's configuration.
  public var configuration: String
  /// The instance.
  public let instance: Instance

  /// The places for an instance.
  public init(_ instance: Instance) {
    self.instance = instance
    configuration = instance.configurationDirectory
  }

  private var suffix: String { instance.name.map { "-\($0)" } ?? "" }

  /// The unit of the daemon.
  public var unit: String { instance.service + ".service" }
  /// The unit of its guard.
  public var guardUnit: String { instance.name.map { "oncilla-guard@\($0).service" } ?? "oncilla-guard.service" }
  /// The file of the configuration that 'oncilla setup' writes.
  public var setupFile: String { "\(configuration)/conf.d/10-setup.conf" }
  /// The file of the unit that it writes.
  public var unitFile: String { "\(units)/\(unit).d/10-setup.conf" }
  /// The file with Tor's part.
  public var torFile: String { directory(of: torrc) + "/oncilla\(suffix).conf" }
  /// The directory of the onion service.
  public var serviceDirectory: String { "\(torData)/oncilla\(suffix)" }
  /// The file with Tor's part of the lookup service.
  public var lookupFile: String { directory(of: torrc) + "/oncilla\(suffix)-lookup.conf" }
  /// The directory of the lookup service, whose key is no secret.
  public var lookupDirectory: String { "\(serviceDirectory)-lookup" }
  /// The file in the directory of the onion service with its name.
  public var hostnameFile: String { "\(serviceDirectory)/hostname" }

  /// The name of the onion service that Tor has made; `nil` if it has made none yet.
  public var name: OnionName? { try? HostnameFile.read(hostnameFile) }

  /// Whether systemd runs on this host.
  public var hasSystemd: Bool { SystemCall.exists(systemd) }

  /// Returns the first control port that takes connections; `nil` if there is none.
  public func findControl() -> SocketAddress? { controls.first(where: SetupPlaces.answers) }

  /// Returns the first SOCKS port that takes connections; `nil` if there is none.
  public func findSocks() -> SocketAddress? { socks.first(where: SetupPlaces.answers) }

  /// Returns the first port from this one on, but for these, at which nobody listens on 127.0.0.1.
  public func freePort(from first: UInt16 = OverlayNetwork.servicePort, except taken: Set<UInt16> = []) -> UInt16? {
    (first..<first + 40 + UInt16(clamping: taken.count)).first { port in
      guard !taken.contains(port) else { return false }
      do throws(SystemError) {
        let socket = try SystemCall.socket(AF_INET, SOCK_STREAM)
        try? SystemCall.setOption(SO_REUSEADDR, of: socket.number, at: SOL_SOCKET, to: 1)
        let number = socket.number
        try SocketAddress.ipv4(.loopback, port: port).withSocketAddress { pointer, size throws(SystemError) in
          try SystemCall.bind(number, to: pointer, size, "bind")
        }
        return true
      } catch {
        return false
      }
    }
  }

  private static func answers(_ address: SocketAddress) -> Bool {
    (try? StreamSocket.connected(to: address, milliseconds: 1_000)) != nil
  }

  private func directory(of path: String) -> String {
    path.lastIndex(of: "/").map { String(path[..<$0]) } ?? "."
  }
}
