/// Gives overlay addresses to the hosts of a LAN: router advertisements that say "managed, not a default router", and
/// the DHCPv6 server that they point to. It is the only one of its prefix on the link.
///
/// At most 100 DHCPv6 messages a second are answered, 100 at once; those above are dropped and counted as
/// `addressRequestLimited`. There are as many leases as addresses.
public struct AddressService {
  private var settings: AddressServiceSettings
  private let address: IPv6Address
  private var schedule: AdvertisementSchedule
  private var server: DHCPv6Server
  private var limit = TokenBucket(rate: 100, burst: 100)
  private var random: any RandomNumberGenerator
  /// What happened, and how often.
  private(set) var counters = Counters()

  private static let clientPort: UInt16 = 546
  private static let serverPort: UInt16 = 547

  /// A service that begins now and goes on with `leases`, those of its last run. `wallClock` in seconds since 1970.
  public init(
    _ settings: AddressServiceSettings, leases: [Lease] = [], at now: Instant, wallClock: Int64,
    random: any RandomNumberGenerator = SystemRandomNumberGenerator()
  ) {
    self.settings = settings
    self.random = random
    address = settings.macAddress.linkLocalAddress
    schedule = AdvertisementSchedule(from: now)
    server = DHCPv6Server(
      identifier: DUID(settings.macAddress), prefix: settings.prefix, zone: settings.names?.zone,
      table: LeaseTable(settings, leases: leases, at: now, wallClock: wallClock))
  }

  /// The answer to an IPv6 packet of a LAN host, and the station that it goes to; `nil` if there is none, or none yet:
  /// a router solicitation is answered by `advance(to:)`, so ask for `nextDeadline` again.
  ///
  /// - Parameters:
  ///   - bytes: The whole packet, its length that of its header, its checksum complete.
  ///   - from: The source of its frame.
  ///   - now: The time.
  ///   - wallClock: Seconds since 1970, for the leases' expiry.
  mutating func answer(
    _ bytes: UnsafeRawBufferPointer, from macAddress: MACAddress, at now: Instant,
    wallClock: Int64
  ) -> (packet: [UInt8], to: MACAddress)? {
    guard let packet = PacketView(reading: bytes), !packet.isIPv4, !macAddress.isGroup,
      macAddress != settings.macAddress
    else { return drop(.addressRequestMalformed) }
    if packet.nextHeader == NextHeader.icmp {
      guard RouterSolicitation.isValid(packet) else { return drop(.addressRequestMalformed) }
      schedule.solicit(at: now, random: &random)
      return drop(.routerSolicitation)
    }
    guard let datagram = UDPDatagram.read(packet), packet.source.isLinkLocal
    else { return drop(.addressRequestMalformed) }
    let isUnicast = packet.destination == address
    guard datagram.destinationPort == AddressService.serverPort,
      isUnicast || packet.destination == .allServersAndRelays
    else { return drop(.addressRequestForeign) }
    guard limit.take(at: now) else { return drop(.addressRequestLimited) }
    let message: DHCPv6Message
    do {
      message = try DHCPv6Message(datagram.payload)
    } catch {
      if case .type = error { return drop(.addressRequestForeign) }
      return drop(.addressRequestMalformed)
    }
    let outcome = server.receive(
      DHCPv6Server.Request(
        message: message, macAddress: macAddress, isUnicast: isUnicast, at: now, wallClock: wallClock))
    switch outcome {
    case .drop(let counter): return drop(counter)
    case .answer(let answer):
      count(answer, to: message)
      let reply = UDPDatagram.packet(
        from: (address, AddressService.serverPort), to: (packet.source, AddressService.clientPort),
        payload: answer.bytes)
      return (reply, macAddress)
    }
  }

  /// The link carries packets of so many bytes from now on: its hosts are told so, as soon as another advertisement may
  /// follow the last one.
  mutating func mtuChanged(to bytes: Int, at now: Instant) {
    let mtu = UInt32(clamping: bytes)
    guard mtu != settings.mtu else { return }
    settings.mtu = mtu
    schedule.restart(at: now)
  }

  /// The identities of this host have these addresses from now on, in the order in which they are handed out.
  mutating func identitiesChanged(to addresses: [IPv6Address]) {
    settings.addresses = addresses
    server.table.addressesChanged(to: settings)
  }

  /// When `advance(to:)` has something to send. It changes with `advance(to:)`, `answer` and `mtuChanged`.
  var nextDeadline: Instant { schedule.next }

  /// The router advertisement that is due, and the group of stations that it goes to; `nil` if none is.
  mutating func advance(to now: Instant) -> (packet: [UInt8], to: MACAddress)? {
    schedule.takeDue(at: now, random: &random) ? advertise(advertisement) : nil
  }

  /// The last router advertisement of a service that ends now, and the group of stations that it goes to: hosts forget
  /// the name server and the search list (RFC 8106 section 5.1), which they would ask in vain for half an hour. It is
  /// `nil` if they were told of none, because no host has us as its router that it would have to forget (RFC 4861
  /// section 6.2.5).
  mutating func end() -> (packet: [UInt8], to: MACAddress)? {
    guard settings.names != nil else { return nil }
    var last = advertisement
    last.isWithdrawn = true
    return advertise(last)
  }

  private var advertisement: RouterAdvertisement {
    RouterAdvertisement(
      macAddress: settings.macAddress, prefix: settings.prefix, mtu: settings.mtu, zone: settings.names?.zone)
  }

  private mutating func advertise(_ advertisement: RouterAdvertisement) -> (packet: [UInt8], to: MACAddress) {
    counters[.routerAdvertisement] += 1
    return (advertisement.packet, MACAddress(group: .allNodes))
  }

  /// Returns the only station that may have `address` now; `nil` if any may.
  func station(of address: IPv6Address, at now: Instant) -> MACAddress? { server.table.station(of: address, at: now) }

  /// The leases, expired ones included, to be kept over a restart: as many as addresses at most.
  var leases: [Lease] { server.table.leases }

  /// Whether `leases` has changed since this was last asked. A renewal is none until half an hour is won by it.
  mutating func takeLeasesChanged() -> Bool {
    defer { server.table.hasChanged = false }
    return server.table.hasChanged
  }

  private mutating func drop(_ counter: Counter) -> (packet: [UInt8], to: MACAddress)? {
    counters[counter] += 1
    return nil
  }

  private mutating func count(_ answer: DHCPv6Message, to message: DHCPv6Message) {
    counters[.addressAnswered] += 1
    if answer.associations.contains(where: { $0.status == .noAddressesAvailable }) { counters[.noAddressFree] += 1 }
    guard message.kind == .decline, answer.status == .success else { return }
    // What comes back are the associations that the server did not know.
    counters[.addressDeclined] += UInt64(max(0, message.associations.count - answer.associations.count))
  }
}

extension IPv6Address {
  /// `ff02::1:2`: all DHCPv6 servers and relay agents of the link (RFC 8415 section 7.1).
  static let allServersAndRelays = IPv6Address(high: 0xff02 << 48, low: 0x1_0002)
}
