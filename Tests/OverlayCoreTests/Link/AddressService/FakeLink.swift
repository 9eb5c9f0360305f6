import Testing

@testable import OverlayCore

/// A link with an address service on it, and a time that the test moves.
final class FakeLink {
  static let macAddress = MACAddress(value: 0x0200_5e10_0001)
  static let address = IPv6Address(high: 0xfe80 << 48, low: 0x5eff_fe10_0001)
  static let identifier: [UInt8] = [0, 3, 0, 1, 2, 0, 0x5e, 0x10, 0, 1]

  /// Overlay addresses, another for each number; the first one is the daemon's.
  static func overlay(_ number: UInt64) -> IPv6Address {
    IPv6Address(high: 0xfd87_d87e_eb43_0000 | number, low: number)
  }

  var service: AddressService
  /// Seconds since the start.
  var seconds = 0.0
  /// Seconds since 1970 at the start.
  let epoch: Int64
  private static let start = Instant(nanoseconds: 1_000_000_000_000)

  /// A service with the daemon's own address and `count` more to hand out.
  init(
    _ count: UInt64, bindings: [MACAddress: IPv6Address] = [:], leases: [Lease] = [], epoch: Int64 = 1_800_000_000,
    names: LocalNameServer? = nil
  ) {
    self.epoch = epoch
    var settings = AddressServiceSettings(
      macAddress: FakeLink.macAddress, addresses: (0...count).map(FakeLink.overlay), isFirstReserved: true,
      bindings: bindings)
    settings.names = names
    service = AddressService(
      settings,
      leases: leases, at: FakeLink.start, wallClock: epoch, random: SeededGenerator(seed: 1))
  }

  var now: Instant { FakeLink.start + .seconds(seconds) }
  var wallClock: Int64 { epoch + Int64(seconds) }

  /// What comes back for a packet.
  func send(_ packet: [UInt8], from macAddress: MACAddress) -> (packet: [UInt8], to: MACAddress)? {
    packet.withUnsafeBytes { service.answer($0, from: macAddress, at: now, wallClock: wallClock) }
  }

  /// What the server says to a client's message; a client remembers the server.
  func ask(
    _ client: inout FakeDHCPv6Client, _ kind: UInt8, _ options: [UInt8],
    to destination: IPv6Address = FakeDHCPv6Client.group
  ) -> FakeDHCPv6Client.Answer? {
    client.transaction += 1
    guard let (packet, to) = send(client.packet(kind, options, to: destination), from: client.macAddress) else {
      return nil
    }
    let answer = client.read(packet, from: FakeLink.address)
    #expect(answer != nil, "an answer that the client does not understand")
    #expect(to == client.macAddress)
    #expect(answer?.server == FakeLink.identifier)
    #expect(answer?.client == client.identifier)
    client.server = answer?.server
    return answer
  }

  /// The address that a client gets by solicitation and request.
  func join(_ client: inout FakeDHCPv6Client) -> IPv6Address? {
    let offer = ask(&client, FakeDHCPv6Client.Kind.solicit, FakeDHCPv6Client.association())
    guard let address = offer?.address else { return nil }
    let reply = ask(&client, FakeDHCPv6Client.Kind.request, FakeDHCPv6Client.association([address]))
    return reply?.address
  }

  /// The advertisement that is due now.
  func advance() -> (packet: [UInt8], to: MACAddress)? { service.advance(to: now) }

  /// The last advertisement.
  func end() -> (packet: [UInt8], to: MACAddress)? { service.end() }

  /// Whether the leases are to be written again.
  func haveLeasesChanged() -> Bool { service.takeLeasesChanged() }
}
