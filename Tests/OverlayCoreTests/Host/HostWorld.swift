import Testing

@testable import OverlayCore

/// A host with its device, and the time.
final class HostWorld {
  var host: Host
  var turn: Turn<LinkDevice<CollectingDevice>>
  /// The hosts of the LAN that the last question let the link ask for.
  var solicited: [[UInt8]] = []
  private let isEthernet: Bool

  /// A host without identities on a wire of packets, or on an Ethernet with an address service.
  init(isEthernet: Bool = false) {
    self.isEthernet = isEthernet
    let now = Instant(nanoseconds: 1_000_000_000_000)
    let link = isEthernet ? EthernetLink(LinkWorld.settings { $0.ownAddresses = [] }) : nil
    host = Host()
    turn = Turn(LinkDevice(CollectingDevice(), link: link), at: now)
    if isEthernet { serve() }
  }

  /// The host gives out the addresses of its identities, and goes on with leases that were kept.
  func serve(_ addresses: [IPv6Address] = [], leases: [Lease] = [], names: LocalNameServer? = nil) {
    var settings = AddressServiceSettings(macAddress: LinkWorld.mac, addresses: addresses, isFirstReserved: true)
    settings.names = names
    host.serve(AddressService(settings, leases: leases, at: turn.now, wallClock: 1_800_000_000))
  }

  /// Adds the identity with this number.
  func add(_ number: UInt64) throws -> Host.Identity? {
    let settings = NodeSettings(name: try .sample(number), peers: [], egress: isEthernet ? .mtu : .none)
    return host.add(settings, random: SeededGenerator(seed: number), turn: &turn)
  }

  /// Adds the identities 1 and 2.
  func addTwo() throws -> [Host.Identity] { try [1, 2].map { try #require(try add($0)) } }

  /// An identity knows a name from the hosts file.
  func learn(_ name: OnionName, at identity: Host.Identity) {
    host.with(identity) { $0.replaceHosts(with: HostNames([name]), turn: &turn) }
  }

  /// This comes from the device.
  @discardableResult
  func receive(_ frame: [UInt8], _ offload: OffloadHeader = .none) -> Host.Intake {
    var frame = frame
    return frame.withUnsafeMutableBytes { host.receive($0, offload, turn: &turn) }
  }

  /// What an identity wants done.
  func actions(of identity: Host.Identity) -> [NodeAction] {
    var actions: [NodeAction] = []
    while let action = host.nextAction(of: identity) { actions.append(action) }
    return actions
  }

  /// The identities that may want something done.
  func touched() -> [Host.Identity] {
    var all: [Host.Identity] = []
    while let identity = host.nextTouched() { all.append(identity) }
    return all
  }

  /// All that an identity wants done is done.
  func finish(_ identity: Host.Identity) {
    _ = actions(of: identity)
    host.finished(identity)
  }

  /// The frames that were sent since this was asked last.
  func sent() -> [[UInt8]] {
    defer { turn.device.wire.frames = [] }
    return turn.device.wire.frames.map(\.bytes)
  }

  func counters(_ identity: Host.Identity) -> Counters? { host.with(identity) { $0.counters } }

  /// The address that a host of the LAN gets.
  func join(_ client: inout FakeDHCPv6Client) throws -> IPv6Address? {
    let solicit = client.packet(FakeDHCPv6Client.Kind.solicit, FakeDHCPv6Client.association())
    guard let offer = try ask(client, solicit), let address = offer.address else { return nil }
    client.server = offer.server
    client.transaction += 1
    return try ask(client, client.packet(FakeDHCPv6Client.Kind.request, FakeDHCPv6Client.association([address])))?
      .address
  }

  private func ask(_ client: FakeDHCPv6Client, _ packet: [UInt8]) throws -> FakeDHCPv6Client.Answer? {
    let group = MACAddress(value: 0x3333_0001_0002)
    let frame = EthernetFrame.ip(packet, from: client.macAddress, to: group)
    guard case .request(let range, let station) = receive(frame) else { return nil }
    #expect(station == client.macAddress)
    frame[range].withUnsafeBytes { host.answer($0, from: station, wallClock: 1_800_000_000, turn: &turn) }
    let answer = try #require(sent().last)
    return client.read(Array(answer.dropFirst(EthernetHeader.size)), from: LinkWorld.mac.linkLocalAddress)
  }
}
