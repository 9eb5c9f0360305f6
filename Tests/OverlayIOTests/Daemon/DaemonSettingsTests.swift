import OverlayCore
import Testing

@testable import OverlayIO

@Suite("What a daemon tells its parts")
struct DaemonSettingsTests {
  private let names: [OnionName]
  private var settings: DaemonSettings

  init() throws {
    names = try ["aaaaaaaaaaaaaaaa", "bbbbbbbbbbbbbbbb", "cccccccccccccccc"].map { try OnionName($0 + ".onion") }
    settings = DaemonSettings(identities: names.prefix(2).map { .init(.onion($0), listen: []) })
    settings.interface.mode = .tap
    settings.interface.carriesIPv4 = true
    settings.interface.ipv4Address = try IPv4InterfaceAddress(#require(IPv4Address("10.1.0.1")), length: 24)
    settings.table = try RouteTable(
      routes: [Route(prefix: #require(IPPrefix("10.0.0.0/8")), via: names[2])],
      served: [#require(IPPrefix("10.1.2.0/24")), #require(IPPrefix("2001:db8:1::/48"))])
  }

  private func node(_ number: Int) -> NodeSettings {
    settings.node(
      names[number], number: number, beside: Set(names.prefix(2).map(\.address)), isOffloading: true,
      circuitLimit: 100)
  }

  @Test("IPv4 and what is served are the first identity's: a packet to another's service is answered by none")
  func oneIdentityHasIPv4() {
    #expect(node(0).carriesIPv4)
    #expect(node(0).ipv4Address == settings.ipv4Address?.address)
    #expect(node(0).policy.table.served == settings.served)
    #expect(!node(1).carriesIPv4)
    #expect(node(1).ipv4Address == nil)
    #expect(node(1).policy.table.served.isEmpty)
  }

  @Test("an address that is kept for a host of the LAN is told to the address service, and no other")
  func boundHosts() {
    let (addresses, station) = (names.prefix(2).map(\.address), MACAddress(value: 0x02_00_00_00_00_01))
    let host = MACAddress(value: 0x02_00_00_00_00_02)
    var settings = settings
    #expect(settings.addressService(for: addresses, station: station)?.bindings == nil)
    settings.dhcpv6 = true
    #expect(settings.addressService(for: addresses, station: station)?.bindings == [:])
    settings.identities[1].macAddress = host
    #expect(settings.addressService(for: addresses, station: station)?.bindings == [host: addresses[1]])
  }

  @Test("the place where an identity is looked up is told of no other: it would tell that one's name")
  func lookupPlaces() throws {
    let addresses = names.map(\.address)
    let other = SocketAddress.ipv4(.loopback, port: 9_001)
    var settings = settings
    settings.identities[1].lookupListen = other
    #expect(settings.lookupPlace(of: addresses[0], running: []) == .standardLookup)
    #expect(settings.lookupPlace(of: addresses[1], running: []) == other)
    #expect(settings.lookupPlace(of: addresses[2], running: []) == nil)
    // Names that Tor made are not in the configuration.
    settings.identities[1].name = .madeByTor(nil)
    #expect(settings.lookupPlace(of: addresses[2], running: []) == other)
    #expect(settings.lookupPlace(of: addresses[2], running: [addresses[0], addresses[1]]) == nil)
    #expect(settings.lookupPlace(of: addresses[1], running: [addresses[0], addresses[1]]) == other)
    settings.identities[0].name = .madeByTor(nil)
    #expect(settings.lookupPlace(of: addresses[1], running: []) == nil)
  }

  @Test("what the daemon may take is shared out between its identities, which know each other's addresses")
  func shares() {
    #expect(
      node(0).bounds
        == NodeBounds(identities: 2, circuits: 100, accepted: 4_096, unproven: 1_024, acceptsPerSecond: 256))
    #expect(node(1).bounds == node(0).bounds)
    #expect(node(1).bounds.circuits == 50)
    #expect(node(1).siblings == Set(names.prefix(2).map(\.address)))
  }

  @Test("what is done about unknown addresses holds for every identity", arguments: LookupMode.allCases)
  func lookup(mode: LookupMode) {
    var settings = settings
    settings.lookup = mode
    settings.identities[1].lookupListen = .ipv4(.loopback, port: 9)
    #expect([0, 1].map { settings.policy(of: $0).lookup } == [mode, mode])
  }

  @Test("an identity is found by its address where it has a place for that, and the first has one by itself")
  func served() {
    var settings = settings
    settings.lookup = .serve
    #expect([0, 1, 2].map { settings.servedLookup(of: $0)?.description } == ["127.0.0.1:8061", nil, nil])
    #expect([0, 1].map { settings.policy(of: $0).lookup } == [.serve, .ask])
    settings.isPrivate = true
    #expect(settings.servedLookup(of: 0) == nil && settings.policy(of: 0).lookup == .ask)
  }

  @Test("the interface's IPv4 address is on this side of the link even where a route covers it")
  func ownAddressIsOnThisSide() {
    let addresses = names.prefix(2).map(\.address)
    var served: [IPv4Prefix] = []
    if let link = settings.link(for: addresses, station: MACAddress(value: 0x02_00_00_00_00_01)) {
      served = link.settings.servedIPv4
    }
    #expect(served.map { "\($0.address)/\($0.length)" } == ["10.1.2.0/24", "10.1.0.1/32"])
  }
}
