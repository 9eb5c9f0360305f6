import OverlayCore

/// All that a daemon is told.
public struct DaemonSettings: Equatable, Sendable {
  /// Where an onion name of this host comes from.
  public enum Name: Hashable, Sendable {
    /// The name itself.
    case onion(OnionName)
    /// A file that Tor writes, perhaps later.
    case hostnameFile(String)
    /// Tor, which makes the onion service at our word and tells its name. What the operator calls it; `nil` for the
    /// host itself.
    case madeByTor(Petname?)
  }

  /// Who makes the onion service of an identity.
  public enum Publisher: String, CaseIterable, Sendable {
    /// Lines of torrc.
    case torrc
    /// Tor, at our word over its control port.
    case tor
  }

  /// One of those who this host is.
  public struct Identity: Hashable, Sendable {
    /// Its onion name.
    public var name: Name
    /// Where Tor connects to for circuits to its onion service: at least one address, no two the same. Only with
    /// `linkableIdentities` another identity may listen there, too.
    public var listen: [SocketAddress]
    /// The only host of the LAN that is given its address by `dhcpv6`, no two identities' the same; `nil` for any.
    public var macAddress: MACAddress?
    /// Where it tells its name to those who look it up; `nil` for the usual place of the first, and for nowhere of
    /// others.
    public var lookupListen: SocketAddress?

    /// What the operator calls it; `nil` for the host itself, and where lines of torrc make the onion services.
    public var label: Petname? { if case .madeByTor(let label) = name { label } else { nil } }

    /// The identity of this name that listens there.
    public init(
      _ name: Name, listen: [SocketAddress], macAddress: MACAddress? = nil, lookupListen: SocketAddress? = nil
    ) {
      self.name = name
      self.listen = listen
      self.macAddress = macAddress
      self.lookupListen = lookupListen
    }
  }

  /// Who this host is, at most `mostIdentities`: the first is the one that the interface and permanent peers get. No
  /// two have the same address. A name from a file stands alone, and those from Tor among themselves.
  public var identities: [Identity]
  /// Whether identities may share a listener, at which anyone can find out that they belong together.
  public var linkableIdentities = false
  /// The peers that are dialled at start and for ever after; no two share a name, an address or a petname.
  public var peers: [ConfiguredPeer] = []
  /// What callers have to prove before anything of theirs reaches the device.
  public var authentication = Authentication.strict
  /// What these have to prove instead.
  public var authentications: [OnionName: Authentication] = [:]
  /// A file of further names, read again when it changes.
  public var hostsFile: String?
  /// Whether Tor's directory is asked for the names of unknown addresses, and tells this host's.
  public var lookup = LookupMode.ask
  /// Where the first identity tells its name to those who look it up.
  public var lookupListen = SocketAddress.standardLookup
  /// The mean time between two checks whether this host is found by its address.
  public var lookupInterval: Duration = .seconds(1_800)
  /// Tor's SOCKS port.
  public var socks = SocketAddress.standardSOCKS
  /// Tor's control port, if it is used.
  public var torControl: SocketAddress?
  /// Who makes the onion service; Tor itself needs `torControl`.
  public var publisher = Publisher.torrc
  /// Whether the key of the onion service that Tor makes is forgotten at the end.
  public var isEphemeral = false
  /// Whether the onion service is found by those alone who were given a key.
  public var isPrivate = false
  /// The public keys of those who were given one, by what they are called.
  public var invited: [Petname: TorClientPublicKey] = [:]
  /// The keys with which the services of private peers are found.
  public var peerKeys: [TorClientKey] = []
  /// Whether Tor says first which circuit of its own an accepted connection came through.
  public var isToldTorCircuits = false
  /// The port of peers' onion services.
  public var servicePort = OverlayNetwork.servicePort
  /// The interface and where it is put: its kind, and what of the following the kernel gets to know.
  public var interface = InterfaceSettings(prefix: OverlayNetwork.tor.prefix)
  /// What lies behind peers, and behind this host.
  public var table = RouteTable()
  /// What comes in from peers that nobody here asked for.
  public var door = DoorPolicy()
  /// Whether this host is in a closed group: it has to do with configured peers alone.
  public var onlyPeers = false
  /// Whether the interface's side is told its addresses by a DHCPv6 server of ours; TAP only.
  public var dhcpv6 = false
  /// Whether hosts of the LAN are answered about names; TAP only.
  public var lanDNS = false
  /// How long a circuit that carries nothing stays.
  public var idle: Duration = .seconds(180)
  /// How many circuits a peer gets, 1 to 8.
  public var circuitsPerPeer = 3
  /// The ceilings of what comes and goes, of all identities together and of each peer.
  public var rates = RateLimits()
  /// How many incoming circuits there are at most, of all identities together.
  public var mostIncoming = 4_096
  /// How many of them, at most, are of callers that have not shown who they are.
  public var mostUnproven = 1_024
  /// How many incoming circuits are accepted in a second at most.
  public var acceptRate = 256
  /// Whether habits of this host's kernel, and of those behind it, are taken out of what goes to peers.
  public var scrubs = true
  /// How many learned names there are at most, of all identities together.
  public var learnedNames = 10_000
  /// Whether learned names are kept from one run to the next.
  public var remembersNames = false
  /// Where is kept what must be remembered from one run to the next; `nil` for nowhere.
  public var stateDirectory: String? = "/var/lib/oncilla"
  /// The user that a daemon of root's is once it has opened what needs root; `nil` for the usual one.
  public var user: String?
  /// The path of the control socket; `nil` for none.
  public var control: String? = "/run/oncilla/control.sock"
  /// Where programs are answered about names, at most `mostNameServers` loopback addresses and UNIX sockets.
  public var dns: [SocketAddress] = []
  /// The zone of the DNS in which petnames stand.
  public var dnsZone = LocalNameServer.usualZone
  /// A hosts file in which lines for permanent peers are kept; `nil` for none.
  public var keptHostsFile: String?
  /// Where metrics are served over HTTP, a loopback address; `nil` for nowhere.
  public var metricsListen: SocketAddress?
  /// Whether the metrics that are served show peers that have petnames.
  public var metricsPeers = false
  /// What is run for which event, at most `mostHooks`.
  public var hooks: [Hook] = []

  /// How many identities one daemon has at most: each has its own peers, names and circuits.
  public static let mostIdentities = 128
  /// How many hooks there are at most.
  public static let mostHooks = 32
  /// How many places there are at most where programs are answered about names.
  public static let mostNameServers = 8
  /// How many prefixes are routed, and how many are served, at most.
  public static let mostPrefixes = 256

  /// The settings of a daemon with these identities; everything else is as without options.
  public init(identities: [Identity]) {
    self.identities = identities
  }

  /// Whether the daemon ends if it cannot have its control socket: it is none of the usual place, and somebody chose
  /// it.
  var requiresControl: Bool { control.map { !$0.hasPrefix("/run/oncilla/") } ?? false }
  /// What kind of interface it is.
  public var mode: InterfaceMode { interface.mode }
  /// Whether the interface itself gets an overlay address.
  public var hasAddress: Bool { interface.hasAddress }
  /// Whether IPv4 is carried.
  public var ipv4: Bool { interface.carriesIPv4 }
  /// The interface's IPv4 address, if any.
  public var ipv4Address: IPv4InterfaceAddress? { interface.ipv4Address }
}

extension DaemonSettings {
  /// Where the identity with this number tells its name to those who look it up; `nil` if it does not.
  func servedLookup(of number: Int) -> SocketAddress? {
    guard lookup == .serve, !isPrivate, identities.indices.contains(number) else { return nil }
    return identities[number].lookupListen ?? (number == 0 ? lookupListen : nil)
  }

  /// Where the identity with this address tells its name to those who look it up, or would; `nil` if it has no place
  /// for that, or is not known to be of this daemon: the place of another would tell that one's name.
  ///
  /// `running` are the addresses of the daemon's identities, in order, as it tells them. Without them an address that
  /// no other identity has is that of the only one whose name is not in the configuration.
  public func lookupPlace(of address: IPv6Address, running: [IPv6Address]) -> SocketAddress? {
    let told = identities.map { if case .onion(let name) = $0.name { name.address } else { nil as IPv6Address? } }
    let untold = told.indices.filter { told[$0] == nil }
    let known = running.count == identities.count ? running : told
    let number = known.firstIndex(of: address) ?? (known.contains(nil) && untold.count == 1 ? untold[0] : nil)
    return number.flatMap { identities[$0].lookupListen ?? ($0 == 0 ? lookupListen : nil) }
  }

  /// What lies behind peers, at most `mostPrefixes`.
  public var routes: [Route] { table.routes }
  /// What lies behind this host, at most `mostPrefixes`.
  public var served: [IPPrefix] { table.served }
}

extension SocketAddress {
  /// Where the lookup service listens if nothing else is said.
  public static let standardLookup = SocketAddress.ipv4(.loopback, port: 8_061)
}
