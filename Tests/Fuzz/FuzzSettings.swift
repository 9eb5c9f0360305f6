/// What the operator has set, and may set anew while the host runs.
struct FuzzPolicy {
  /// So many of the first names are configured.
  var peers = 2
  var hasRoutes = false
  var circuitsPerPeer = 1
  var idle = Duration.seconds(180)
  var door = DoorPolicy.open
  var authentication = Authentication.off
  var authentications: [OnionName: Authentication] = [:]
  var lookup = LookupMode.ask
  var scrubs = true
  var isFirstSecret = false
  var onlyPeers = false
  var rates = RateLimits()

  static let doors = [
    DoorPolicy.open, DoorPolicy(rules: [DoorRule(.ports(.tcp, 22...80), from: [FuzzWorld.names[0].address])]),
    DoorPolicy(), DoorPolicy(refusal: .silent), DoorPolicy(rules: [DoorRule(.ports(.udp, 1...0x223))]),
    DoorPolicy(rules: [DoorRule(.any, from: [FuzzWorld.names[1].address])], refusal: .silent),
    DoorPolicy(rules: [DoorRule(.ports(.tcp, 80...80)), DoorRule(.ports(.udp, 7...7))], refusal: .silent),
  ]
  static let ceilings = [
    RateLimits(), RateLimits(total: RateLimit(bytes: 20_000)), RateLimits(peer: RateLimit(bytes: 3_000, packets: 50)),
    RateLimits(total: RateLimit(packets: 20), peer: RateLimit(packets: 5)),
    RateLimits(total: RateLimit(bytes: 1_000_000), peer: RateLimit(bytes: 100_000)),
    RateLimits(total: RateLimit(bytes: 1, packets: 1)), RateLimits(peer: RateLimit(packets: 1_000)),
  ]

  private static let tables = [(false, false), (true, false), (true, true)].map { isRouted, isServed in
    let prefixes = { (texts: [String]) in texts.compactMap { IPPrefix($0) } }
    let routes = prefixes(isRouted ? ["2001:db8:2::/48", "10.2.0.0/16"] : [])
    let served = prefixes(isServed ? ["2001:db8:1::/48", "10.1.0.0/16"] : [])
    guard
      let table = try? RouteTable(
        routes: routes.map { Route(prefix: $0, via: FuzzWorld.names[0]) }, served: served)
    else { fatalError("no table") }
    return table
  }

  /// What the peers of single names have to prove.
  mutating func setAuthentications(_ number: UInt8) {
    let values: [Authentication] = [.off, .full, .legacy, .strict]
    authentications = [:]
    for peer in 0..<2 where number >> UInt8(4 * peer) & 4 != 0 {
      authentications[FuzzWorld.names[peer]] = values[Int(number >> UInt8(4 * peer)) & 3]
    }
  }

  /// What counts of it for the identity with this number: what is behind this host belongs to the first.
  func policy(of number: Int, among count: Int) -> NodePolicy {
    NodePolicy(
      peers: FuzzWorld.names.prefix(peers).map { ConfiguredPeer(name: $0) },
      table: FuzzPolicy.tables[!hasRoutes ? 0 : number == 0 ? 2 : 1], idle: idle, circuitsPerPeer: circuitsPerPeer,
      lookup: lookup, scrubs: scrubs, authentication: authentication, authentications: authentications,
      secret: isFirstSecret ? [FuzzWorld.names[0]] : [], door: door, onlyPeers: onlyPeers,
      rates: RateLimits(total: rates.total?.share(of: count), peer: rates.peer))
  }

  /// Tells a link what is on which side of it.
  func setPrefixes(of link: inout LinkSettings) {
    (link.servedIPv4, link.servedPrefixes, link.ipv4Routes, link.routes) = ([], [], [], [])
    guard hasRoutes else { return }
    FuzzLAN.setPrefixes(of: &link)
  }
}

/// What does not change while a host runs: small bounds are reached soon.
struct FuzzSettings {
  private let first: UInt8
  private let second: UInt8
  private let third: UInt8
  /// What the operator has set when the host starts.
  let policy: FuzzPolicy

  init(_ input: inout FuzzInput) {
    (first, second) = (input.byte(), input.byte())
    var policy = FuzzPolicy()
    policy.hasRoutes = first & 16 != 0
    policy.circuitsPerPeer = 1 + Int(second & 7)
    policy.authentication = policy.circuitsPerPeer % 2 == 0 ? .strict : .off
    policy.door = FuzzPolicy.doors[first & 64 == 0 ? 0 : 1]
    third = first & 128 != 0 ? input.byte() : 0
    if first & 128 != 0 {
      let (fourth, fifth) = (input.byte(), input.byte())
      policy.authentication = Authentication.ofAll[Int(fourth & 3) % 3]
      policy.onlyPeers = fourth & 4 != 0
      policy.door = FuzzPolicy.doors[Int(fourth >> 3 & 7) % FuzzPolicy.doors.count]
      policy.lookup = [.ask, .serve, .off, .ask][Int(fourth >> 6)]
      policy.rates = FuzzPolicy.ceilings[Int(fifth & 7) % FuzzPolicy.ceilings.count]
      policy.scrubs = fifth & 8 == 0
      if fifth & 16 != 0 { policy.setAuthentications(input.byte()) }
      policy.isFirstSecret = fifth & 32 != 0
    }
    self.policy = policy
  }

  /// The names of the identities.
  var identities: ArraySlice<OnionName> { FuzzWorld.identities.prefix([1, 2, 3, 1][Int(third & 3)]) }
  /// Whether the device carries frames of a LAN.
  var hasLink: Bool { third & 4 != 0 }
  /// Whether Tor says which circuit of its own a call came through.
  var isToldTorCircuits: Bool { third & 8 != 0 }
  /// Whether the device is left alone while circuits have much to send. A host must bear it that it is not.
  var heedsBackpressure: Bool { third & 16 != 0 }
  /// Whether the link answers about names, and gives addresses.
  var hasServices: Bool { third & 32 != 0 }
  private var boundsCalls: Bool { third & 64 != 0 }
  private var isKeptByTor: Bool { third & 128 != 0 }

  var carriesIPv4: Bool { first & 8 != 0 }
  var isOffloading: Bool { second & 8 != 0 }
  var mtu: Int { second & 16 == 0 ? 1_500 : 9_000 }

  private var bounds: NodeBounds {
    var bounds = NodeBounds(
      identities: first & 1 == 0 ? 1 : 128, circuits: first & 2 == 0 ? 1_000 : 8, accepted: boundsCalls ? 6 : .max,
      unproven: boundsCalls ? 4 : .max, acceptsPerSecond: boundsCalls ? 8 : .max)
    bounds.circuits = max(bounds.circuits, 8)
    if first & 4 != 0 { (bounds.unreachedNames, bounds.reachedNames) = (2, 2) }
    if first & 1 != 0 {
      bounds.packetBytes = FlowQueue.memoryLimit + bounds.reassemblyBytes + CutPackets.slack
    }
    return bounds
  }

  /// The settings of the identity with this number and name.
  func node(_ name: OnionName, number: Int) -> NodeSettings {
    let isFirst = number == 0
    let isWithIPv4 = isFirst && carriesIPv4
    return NodeSettings(
      name: name, policy: policy.policy(of: number, among: identities.count),
      siblings: Set(identities.map(\.address)), dialsPeers: isFirst && first & 32 == 0, checksSelf: isKeptByTor,
      tellsTor: isKeptByTor, isToldTorCircuits: isToldTorCircuits, isOffloading: isOffloading, mtu: mtu,
      carriesIPv4: isWithIPv4, ipv4Address: isWithIPv4 && second & 32 != 0 ? FuzzWorld.served4 : nil,
      egress: hasLink || second & 64 != 0 ? .mtu : .none, bounds: bounds)
  }

  /// The link, if the device has one.
  var link: EthernetLink? {
    guard hasLink else { return nil }
    var settings = LinkSettings(macAddress: FuzzLAN.mac, ownAddresses: identities.map(\.address), mtu: mtu)
    policy.setPrefixes(of: &settings)
    settings.carriesIPv4 = carriesIPv4
    settings.answersNames = hasServices
    return EthernetLink(settings)
  }
}
