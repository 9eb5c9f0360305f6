import Testing

@testable import OverlayCore

@Suite("Router advertisement")
struct RouterAdvertisementTests {
  private static let macAddress = MACAddress(value: 0x0200_5e10_0001)

  @Test("the packet, byte by byte")
  func exact() throws {
    let packet = RouterAdvertisement(
      macAddress: Self.macAddress, prefix: OverlayNetwork.tor.prefix, mtu: nil
    ).packet
    let expected = try hexadecimal(
      """
      60000000 00383aff fe80000000000000 00005efffe100001 ff02000000000000 0000000000000001
      8600 0000 00 80 0000 00000000 00000000
      0101 02005e100001
      0304 30 80 00278d00 00093a80 00000000 fd87d87eeb430000 0000000000000000
      """)
    #expect(packet[..<42] == expected[..<42])
    #expect(packet[44...] == expected[44...])
    let sum = NaiveChecksum.field(
      source: try .sample("fe80::5eff:fe10:1"), destination: try .sample("ff02::1"), nextHeader: 58,
      Array(packet[40...]))
    #expect(sum == 0)
  }

  @Test("an MTU is told where one is given that IPv6 can live with", arguments: [1_280, 1_500, 65_535] as [UInt32])
  func mtu(_ mtu: UInt32) throws {
    let packet = RouterAdvertisement(
      macAddress: Self.macAddress, prefix: OverlayNetwork.tor.prefix, mtu: mtu
    ).packet
    #expect(Array(packet[64..<72]) == [5, 1, 0, 0, 0, 0, UInt8(mtu >> 8), UInt8(mtu & 0xff)])
    #expect(packet.withUnsafeBytes { IPv6Header($0) }?.payloadLength == 64)
    let sum = NaiveChecksum.field(
      source: try .sample("fe80::5eff:fe10:1"), destination: try .sample("ff02::1"), nextHeader: 58,
      Array(packet[40...]))
    #expect(sum == 0)
  }

  @Test("where names are answered for, name server and search list follow, byte by byte")
  func names() throws {
    let plain = RouterAdvertisement(macAddress: Self.macAddress, prefix: OverlayNetwork.tor.prefix, mtu: 1_500)
    for (zone, search) in [
      ("oncilla.internal", "1f04 0000 00000708 076f6e63696c6c61 08696e7465726e61 6c00 000000000000"),
      ("abcdef", "1f02 0000 00000708 0661626364656600"), ("a", "1f02 0000 00000708 0161000000000000"),
    ] {
      var told = plain
      told.zone = DNSName(zone)
      let expected = try hexadecimal("1903 0000 00000708 fd87d87eeb430000 00000000deadbeef \(search)")
      #expect(told.packet[6..<42] == plain.packet[6..<42] && told.packet[44..<104] == plain.packet[44...])
      #expect(Array(told.packet[104...]) == expected && told.packet.count % 8 == 0)
      let sum = NaiveChecksum.field(
        source: try .sample("fe80::5eff:fe10:1"), destination: try .sample("ff02::1"), nextHeader: 58,
        Array(told.packet[40...]))
      #expect(sum == 0)
    }
  }

  @Test("an MTU below 1,280 is not told", arguments: [0, 1_279] as [UInt32])
  func smallMTU(_ mtu: UInt32) {
    let plain = RouterAdvertisement(macAddress: Self.macAddress, prefix: OverlayNetwork.tor.prefix, mtu: nil)
    let small = RouterAdvertisement(macAddress: Self.macAddress, prefix: OverlayNetwork.tor.prefix, mtu: mtu)
    #expect(small.packet == plain.packet)
  }

  @Test(
    "the link-local address of a MAC address is that of RFC 4291",
    arguments: [
      ("34:56:78:9a:bc:de", "fe80::3656:78ff:fe9a:bcde"), ("02:00:00:00:00:01", "fe80::ff:fe00:1"),
      ("fe:ff:ff:ff:ff:ff", "fe80::fcff:ffff:feff:ffff"),
    ])
  func linkLocal(_ macAddress: String, _ address: String) throws {
    #expect(try #require(MACAddress(macAddress)).linkLocalAddress == (try .sample(address)))
  }
}

@Suite("Router solicitation")
struct RouterSolicitationTests {
  /// A solicitation with its right checksum, if none is given.
  static func solicitation(
    from source: IPv6Address, hopLimit: UInt8 = 255, code: UInt8 = 0, options: [UInt8] = [], checksum: UInt16? = nil
  ) -> [UInt8] {
    let destination = IPv6Address(high: 0xff02_0000_0000_0000, low: 2)
    var message: [UInt8] = [133, code, 0, 0, 0, 0, 0, 0] + options
    let sum = checksum ?? NaiveChecksum.field(source: source, destination: destination, nextHeader: 58, message)
    (message[2], message[3]) = (UInt8(sum >> 8), UInt8(sum & 0xff))
    var packet = Sample.packet(from: source, to: destination, nextHeader: 58, payload: message)
    packet[7] = hopLimit
    return packet
  }

  static let host = IPv6Address(high: 0xfe80 << 48, low: 1)
  private static let link: [UInt8] = [1, 1, 2, 0, 0, 0, 0, 1]

  private static func isValid(_ packet: [UInt8]) -> Bool {
    packet.withUnsafeBytes { PacketView(reading: $0).map { RouterSolicitation.isValid($0) } ?? false }
  }

  @Test("a host's is valid, with options and without")
  func valid() {
    #expect(Self.isValid(Self.solicitation(from: Self.host)))
    #expect(Self.isValid(Self.solicitation(from: Self.host, options: Self.link)))
    #expect(Self.isValid(Self.solicitation(from: Self.host, options: [14, 1, 1, 2, 3, 4, 5, 6] + Self.link)))
    #expect(Self.isValid(Self.solicitation(from: .unspecified)))
    #expect(Self.isValid(Self.solicitation(from: .unspecified, options: [14, 1, 1, 2, 3, 4, 5, 6])))
  }

  @Test("what RFC 4861 section 6.1.1 tells to discard is not valid")
  func invalid() {
    #expect(!Self.isValid(Self.solicitation(from: Self.host, hopLimit: 254)))
    #expect(!Self.isValid(Self.solicitation(from: Self.host, code: 1)))
    #expect(!Self.isValid(Self.solicitation(from: Self.host, checksum: 0)))
    #expect(!Self.isValid(Self.solicitation(from: Self.host, options: [1, 0, 0, 0, 0, 0, 0, 0])))
    #expect(!Self.isValid(Self.solicitation(from: Self.host, options: Self.link + [14, 0])))
    #expect(!Self.isValid(Self.solicitation(from: Self.host, options: [1, 2, 2, 0, 0, 0, 0, 1])))
    #expect(!Self.isValid(Self.solicitation(from: Self.host, options: [1, 1, 3, 0, 0, 0, 0, 1])))
    #expect(!Self.isValid(Self.solicitation(from: Self.host, options: [1])))
    #expect(!Self.isValid(Self.solicitation(from: .unspecified, options: Self.link)))
    #expect(!Self.isValid(Self.solicitation(from: IPv6Address(high: 0xff02 << 48, low: 1))))
  }

  @Test("no truncation is valid")
  func truncated() {
    let packet = Self.solicitation(from: Self.host, options: Self.link)
    for length in 0..<packet.count {
      #expect(!Self.isValid(Array(packet[..<length])))
      guard length >= 40 else { continue }
      var shorter = Array(packet[..<length])
      shorter[5] = UInt8(length - 40)
      #expect(!Self.isValid(shorter))
    }
  }
}

@Suite("Router advertisements' times")
struct AdvertisementScheduleTests {
  private static let start = Instant(nanoseconds: 5_000_000_000)

  /// When the advertisements are sent within so many seconds, seconds from the start; solicited at some, and with
  /// something else to say from others.
  private static func times(
    _ seconds: Double, solicited: [Double] = [], changed: [Double] = [], seed: UInt64
  ) -> [Double] {
    var random = SeededGenerator(seed: seed)
    var schedule = AdvertisementSchedule(from: start)
    var events = (solicited.map { ($0, false) } + changed.map { ($0, true) }).sorted { $0.0 < $1.0 }[...]
    var sent: [Double] = []
    while true {
      let next = (schedule.next - start).seconds
      if let (second, isChange) = events.first, second < next {
        events.removeFirst()
        let now = start + .seconds(second)
        if isChange { schedule.restart(at: now) } else { schedule.solicit(at: now, random: &random) }
        continue
      }
      guard next <= seconds else { return sent }
      #expect(schedule.takeDue(at: schedule.next, random: &random))
      sent.append(next)
    }
  }

  @Test("three come soon after the start, at most 16 s apart, the others every 200 to 600 s", arguments: 1...20)
  func unsolicited(_ seed: UInt64) {
    let times = Self.times(20_000, seed: seed)
    let gaps = zip(times, times.dropFirst()).map { $1 - $0 }
    #expect(times.first == 0)
    #expect(gaps[..<2].allSatisfy { $0 > 15.9 && $0 < 16.1 })
    #expect(gaps[2...].allSatisfy { (200...600.001).contains($0) })
    #expect(Set(gaps[2...]).count == gaps.count - 2)
  }

  @Test("a solicitation is answered within half a second", arguments: 1...20)
  func solicited(_ seed: UInt64) {
    let times = Self.times(200, solicited: [100], seed: seed)
    #expect(times.count == 4)
    #expect((100...100.5).contains(times[3]))
  }

  @Test("however many solicitations come, three seconds lie between two advertisements", arguments: 1...5)
  func storm(_ seed: UInt64) {
    let times = Self.times(60, solicited: (0..<5_000).map { Double($0) / 100 }, seed: seed)
    let gaps = zip(times, times.dropFirst()).map { $1 - $0 }
    #expect(gaps.allSatisfy { $0 >= 2.999 })
    #expect((16...20).contains(times.count))
  }

  @Test("what has changed is told at once, and twice more at most 16 s apart", arguments: 1...20)
  func changed(_ seed: UInt64) {
    let times = Self.times(200, changed: [100], seed: seed)
    #expect(times.count >= 6)
    #expect((99.999...100.001).contains(times[3]))
    #expect(zip(times[3..<5], times[4..<6]).allSatisfy { (15.9..<16.1).contains($1 - $0) })
  }

  @Test("what changes right after an advertisement is told three seconds after that one", arguments: 1...5)
  func changedTooSoon(_ seed: UInt64) {
    let times = Self.times(200, changed: [100, 101], seed: seed)
    #expect((102.999...103.001).contains(times[4]))
  }

  @Test("however often it changes, three seconds lie between two advertisements", arguments: 1...5)
  func flapping(_ seed: UInt64) {
    let times = Self.times(60, changed: (0..<5_000).map { Double($0) / 100 }, seed: seed)
    let gaps = zip(times, times.dropFirst()).map { $1 - $0 }
    #expect(gaps.allSatisfy { $0 >= 2.999 })
    #expect((16...21).contains(times.count))
  }

  @Test("nothing is sent before it is due")
  func early() {
    var random = SeededGenerator(seed: 1)
    var schedule = AdvertisementSchedule(from: Self.start)
    #expect(!schedule.takeDue(at: Instant(nanoseconds: 4_999_999_999), random: &random))
    #expect(schedule.takeDue(at: Self.start, random: &random))
    #expect(!schedule.takeDue(at: Self.start, random: &random))
  }
}
