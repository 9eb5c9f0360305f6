import Testing

@testable import OverlayCore

private typealias Kind = FakeDHCPv6Client.Kind

@Suite("Address service")
struct AddressServiceTests {
  private static let solicitation = RouterSolicitationTests.solicitation(from: RouterSolicitationTests.host)
  private static let station = MACAddress(value: 0x0200_0000_0001)

  @Test("the first advertisement is due at once and goes to all stations")
  func first() throws {
    let link = FakeLink(1)
    #expect(link.service.nextDeadline == link.now)
    let (packet, to) = try #require(link.advance())
    #expect(to == MACAddress(value: 0x3333_0000_0001))
    #expect(
      packet
        == RouterAdvertisement(macAddress: FakeLink.macAddress, prefix: OverlayNetwork.tor.prefix, mtu: nil).packet)
    #expect(link.advance() == nil)
    #expect((link.service.nextDeadline - link.now).seconds > 15.9)
    #expect(link.service.counters.summary == "routerAdvertisement=1")
  }

  @Test("the last advertisement withdraws the name server and the search list, and leaves the rest as it was")
  func last() throws {
    let silent = FakeLink(1)
    #expect(silent.end() == nil, "nobody was told of any")
    let link = FakeLink(1, names: LocalNameServer(zone: "a"))
    let told = try #require(link.advance()).packet
    let (last, to) = try #require(link.end())
    #expect(to == MACAddress(value: 0x3333_0000_0001))
    let server = try hexadecimal("1903 0000 00000000 fd87d87eeb430000 00000000deadbeef")
    let search = try hexadecimal("1f02 0000 00000000 0161000000000000")
    #expect(Array(last[96...]) == server + search)
    // All but the checksum; the router's lifetime is none, as ever.
    #expect(last[..<42] == told[..<42] && last[44..<96] == told[44..<96] && last[46..<48] == [0, 0])
    let source = FakeLink.address
    #expect(NaiveChecksum.field(source: source, destination: .allNodes, nextHeader: 58, Array(last[40...])) == 0)
  }

  @Test("a router solicitation brings the next advertisement forward")
  func solicited() {
    let link = FakeLink(1)
    _ = link.advance()
    link.seconds = 5
    #expect(link.send(Self.solicitation, from: Self.station) == nil)
    #expect((0...0.5).contains((link.service.nextDeadline - link.now).seconds))
    #expect(link.service.advance(to: link.service.nextDeadline) != nil)
    #expect(link.service.counters.summary == "routerAdvertisement=2 routerSolicitation=1")
  }

  @Test("a solicitation that is not valid changes nothing")
  func invalid() {
    let link = FakeLink(1)
    _ = link.advance()
    let next = link.service.nextDeadline
    let packet = RouterSolicitationTests.solicitation(from: RouterSolicitationTests.host, hopLimit: 254)
    #expect(link.send(packet, from: Self.station) == nil)
    #expect(link.service.nextDeadline == next)
    #expect(link.service.counters.summary == "routerAdvertisement=1 addressRequestMalformed=1")
  }

  @Test("datagrams with a wrong checksum or length, from no link-local address, for another port or host")
  func datagrams() throws {
    let host = FakeDHCPv6Client(1)
    let payload: [UInt8] =
      [Kind.solicit, 0, 0, 1] + FakeDHCPv6Client.option(1, host.identifier) + [0, 3, 0, 12]
      + [UInt8](repeating: 0, count: 12)
    var stranger = host
    stranger.source = FakeLink.overlay(1)
    var short = host.datagram(payload)
    short[45] -= 1
    let malformed = [
      host.datagram(payload, checksum: 0), host.datagram(payload, checksum: 0x1234), stranger.datagram(payload), short,
      Array(host.datagram(payload).dropLast()), [],
    ]
    let foreign = [
      host.datagram(payload, port: 546), host.datagram(payload, to: FakeLink.overlay(1)),
      host.datagram(payload, to: try .sample("ff05::1:3")), host.datagram(payload, to: try .sample("ff02::1")),
    ]
    for (packets, counter) in [(malformed, Counter.addressRequestMalformed), (foreign, .addressRequestForeign)] {
      for packet in packets {
        let link = FakeLink(1)
        #expect(link.send(packet, from: host.macAddress) == nil)
        #expect(link.service.counters.summary == "\(counter)=1")
      }
    }
    let link = FakeLink(1)
    #expect(link.send(host.datagram(payload), from: host.macAddress) != nil)
    #expect(link.send(host.datagram(payload), from: FakeLink.macAddress) == nil)
    #expect(link.send(host.datagram(payload), from: MACAddress(value: 0x3333_0001_0002)) == nil)
  }

  @Test("a hundred messages at once are answered, and a hundred a second after that")
  func storm() {
    let link = FakeLink(1)
    var host = FakeDHCPv6Client(1)
    var answered = 0
    for step in 0..<10_000 {
      link.seconds = Double(step) / 1_000
      if link.ask(&host, Kind.solicit, FakeDHCPv6Client.association()) != nil { answered += 1 }
    }
    #expect((1_090...1_100).contains(answered))
    #expect(link.service.counters[.addressRequestLimited] == UInt64(10_000 - answered))
  }

  @Test("leases outlive a restart: the same host, the same address, through the file")
  func restart() {
    let link = FakeLink(3)
    var hosts = (1...2).map { FakeDHCPv6Client($0) }
    #expect(link.join(&hosts[0]) == FakeLink.overlay(1))
    #expect(link.join(&hosts[1]) == FakeLink.overlay(2))
    let file = LeaseFile(parsing: Array(LeaseFile.text(of: link.service.leases).utf8))
    #expect(file.problems.isEmpty)
    let again = FakeLink(3, leases: file.leases, epoch: link.epoch + 100)
    #expect(again.service.leases == link.service.leases)
    #expect(
      again.ask(&hosts[1], Kind.renew, FakeDHCPv6Client.association([FakeLink.overlay(2)]))?.address
        == FakeLink.overlay(2))
    var stranger = FakeDHCPv6Client(3)
    #expect(again.join(&stranger) == FakeLink.overlay(3))
    #expect(again.join(&hosts[0]) == FakeLink.overlay(1))
  }

  @Test("the hosts are told the MTU that the link has now, soon after it changes and only then")
  func mtu() throws {
    let link = FakeLink(1)
    let options = 64..<72
    #expect(try #require(link.advance()).packet.count < 104)
    link.seconds = 5
    link.service.mtuChanged(to: 1_400, at: link.now)
    let told = try #require(link.advance()).packet
    #expect(Array(told[options]) == [5, 1, 0, 0, 0, 0, 5, 0x78])
    link.seconds = 6
    link.service.mtuChanged(to: 1_400, at: link.now)
    #expect((link.service.nextDeadline - link.now).seconds > 14)
    link.service.mtuChanged(to: 9_000, at: link.now)
    #expect(link.advance() == nil)
    link.seconds = 8
    #expect(Array(try #require(link.advance()).packet[options]) == [5, 1, 0, 0, 0, 0, 0x23, 0x28])
    link.seconds = 20
    link.service.mtuChanged(to: 1_000, at: link.now)
    #expect(try #require(link.advance()).packet.count < 104)
  }

  @Test("of remembered leases those stay that the configuration permits")
  func reconfigured() throws {
    let client = try #require(DUID(bytes: [0, 4, 1]))
    let bound = MACAddress(value: 0x0200_0000_0009)
    func lease(_ address: UInt64, _ host: UInt64) -> Lease {
      Lease(
        address: FakeLink.overlay(address), macAddress: MACAddress(value: 0x0200_0000_0000 | host), client: client,
        expiry: 1_800_000_100)
    }
    // The daemon's own, one that is now another host's, one that is gone, one that stays, and its host's second one.
    let leases = [lease(0, 1), lease(1, 2), lease(7, 3), lease(2, 4), lease(3, 4)]
    let link = FakeLink(3, bindings: [bound: FakeLink.overlay(1)], leases: leases)
    #expect(link.service.leases == [lease(2, 4)])
  }

  @Test("a clock that was wrong makes no lease last longer than a new one", arguments: [0, 1_800_000_000, Int64.max])
  func clock(_ wallClock: Int64) throws {
    let client = try #require(DUID(bytes: [0, 4, 1]))
    let lease = Lease(
      address: FakeLink.overlay(1), macAddress: MACAddress(value: 0x0200_0000_0009), client: client, expiry: .max)
    var service = AddressService(
      AddressServiceSettings(
        macAddress: FakeLink.macAddress, addresses: [FakeLink.overlay(1)], isFirstReserved: false),
      leases: [lease], at: Instant(nanoseconds: 0), wallClock: wallClock, random: SeededGenerator(seed: 1))
    let host = FakeDHCPv6Client(1)
    let packet = host.packet(Kind.solicit, FakeDHCPv6Client.association() + FakeDHCPv6Client.option(14, []))
    let answer = packet.withUnsafeBytes {
      service.answer($0, from: host.macAddress, at: Instant(nanoseconds: 7_201_000_000_000), wallClock: wallClock)
    }
    let (reply, _) = try #require(answer)
    #expect(host.read(reply, from: FakeLink.address)?.address == FakeLink.overlay(1))
    #expect(service.leases.map(\.macAddress) == [host.macAddress])
    #expect(service.leases.map(\.expiry) == [wallClock == .max ? .max : wallClock + 7_200])
  }

  @Test("no answer is longer than every link carries")
  func longest() throws {
    let link = FakeLink(4)
    var host = FakeDHCPv6Client(1)
    host.identifier = [UInt8](repeating: 0xee, count: 130)
    host.server = FakeLink.identifier
    let named = (10..<14).map { FakeLink.overlay($0) }
    let options = (0..<4).flatMap { FakeDHCPv6Client.association(named, identifier: $0) }
    let (packet, _) = try #require(link.send(host.packet(Kind.renew, options), from: host.macAddress))
    #expect(host.read(packet, from: FakeLink.address)?.associations.map(\.addresses.count) == [5, 4, 4, 4])
    #expect(packet.count <= 1_280)
  }
}

@Suite("Address service against strangers")
struct AddressServiceHostileTests {
  private static func messages() -> [[UInt8]] {
    var host = FakeDHCPv6Client(1)
    host.server = FakeLink.identifier
    let addresses = [FakeLink.overlay(1), FakeLink.overlay(2)]
    return [1, 3, 4, 5, 6, 8, 9].map {
      host.packet($0, FakeDHCPv6Client.association(addresses) + FakeDHCPv6Client.option(14, []))
    } + [host.packet(11, FakeDHCPv6Client.option(6, [0, 23]))]
  }

  /// The packet with the lengths and the checksum of its headers put right, so that a change gets further in.
  private static func mended(_ packet: [UInt8]) -> [UInt8] {
    var packet = packet
    let length = packet.count - 40
    guard length >= 8 else { return packet }
    for offset in [4, 44] { (packet[offset], packet[offset + 1]) = (UInt8(length >> 8), UInt8(length & 0xff)) }
    (packet[46], packet[47]) = (0, 0)
    let sum = packet.withUnsafeBytes {
      NaiveChecksum.field(
        source: IPv6Address(loading: $0, at: 8), destination: IPv6Address(loading: $0, at: 24), nextHeader: 17,
        Array($0[40...]))
    }
    (packet[46], packet[47]) = sum == 0 ? (0xff, 0xff) : (UInt8(sum >> 8), UInt8(sum & 0xff))
    return packet
  }

  @Test("no truncation of any message is taken for another, whole or mended")
  func truncations() {
    for message in Self.messages() {
      for length in 0..<message.count {
        let link = FakeLink(3)
        let station = MACAddress(value: 0x0200_0000_0001)
        #expect(link.send(Array(message[..<length]), from: station) == nil)
        #expect(link.service.counters.summary == "addressRequestMalformed=1")
        _ = link.send(Self.mended(Array(message[..<length])), from: station)
        #expect(link.service.leases.allSatisfy { [FakeLink.overlay(1), FakeLink.overlay(2)].contains($0.address) })
      }
    }
  }

  @Test("a hundred thousand broken messages crash nothing, and every lease stays one host's alone")
  func mutations() {
    var random = SeededGenerator(seed: 4_242)
    let messages = Self.messages()
    let link = FakeLink(4, bindings: [MACAddress(value: 0x0200_0000_0007): FakeLink.overlay(3)])
    var answers = 0
    for step in 0..<100_000 {
      link.seconds = Double(step) / 50
      var packet = messages[Int.random(in: messages.indices, using: &random)]
      for _ in 0..<Int.random(in: 0...3, using: &random) {
        let index = Int.random(in: 48..<packet.count, using: &random)
        packet[index] = Bool.random(using: &random) ? UInt8(random.next() & 0xff) : UInt8(random.next() & 0x0f)
      }
      if Int.random(in: 0..<10, using: &random) == 0 {
        packet.removeLast(Int.random(in: 0...(packet.count - 48), using: &random))
      }
      let isMended = Int.random(in: 0..<20, using: &random) > 0
      let station = MACAddress(value: 0x0200_0000_0000 | UInt64.random(in: 1...9, using: &random))
      if link.send(isMended ? Self.mended(packet) : packet, from: station) != nil { answers += 1 }
      let leases = link.service.leases
      guard step % 16 == 0 else { continue }
      let isSound =
        Set(leases.map(\.address)).count == leases.count && Set(leases.map(\.macAddress)).count == leases.count
        && leases.count <= 4 && !leases.map(\.address).contains(FakeLink.overlay(0))
        && leases.allSatisfy {
          ($0.address == FakeLink.overlay(3)) == ($0.macAddress == MACAddress(value: 0x0200_0000_0007))
        }
      #expect(isSound, "step \(step)")
    }
    #expect(answers > 20_000)
    let counters = link.service.counters
    let dropped = [Counter.addressRequestMalformed, .addressRequestForeign, .addressRequestLimited].reduce(0) {
      $0 + counters[$1]
    }
    #expect(counters[.addressAnswered] == UInt64(answers))
    #expect(UInt64(answers) + dropped == 100_000)
  }
}
