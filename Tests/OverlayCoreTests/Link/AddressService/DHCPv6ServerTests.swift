import Testing

@testable import OverlayCore

private typealias Kind = FakeDHCPv6Client.Kind

private enum Status {
  static let success: UInt16 = 0
  static let noAddressesAvailable: UInt16 = 2
  static let noBinding: UInt16 = 3
  static let notOnLink: UInt16 = 4
  static let useMulticast: UInt16 = 5
}

private func association(_ addresses: IPv6Address..., identifier: UInt32 = 5) -> [UInt8] {
  FakeDHCPv6Client.association(addresses, identifier: identifier)
}

@Suite("DHCPv6 server")
struct DHCPv6ServerTests {
  /// What a host is told that has this address.
  private static func granted(_ address: IPv6Address, identifier: UInt32 = 5) -> FakeDHCPv6Client.Association {
    FakeDHCPv6Client.Association(
      identifier: identifier, t1: 1_800, t2: 2_880,
      addresses: [.init(address: address, preferred: 3_600, valid: 7_200)])
  }

  @Test("a question from another station with a host's identifier takes nothing from the host")
  func sameIdentifier() throws {
    let link = FakeLink(2)
    var (host, neighbour, other, third) = (
      FakeDHCPv6Client(1), FakeDHCPv6Client(2), FakeDHCPv6Client(9), FakeDHCPv6Client(3)
    )
    let first = try #require(link.join(&host))
    _ = try #require(link.join(&neighbour))
    other.identifier = host.identifier
    link.seconds = 10
    #expect(link.ask(&other, Kind.solicit, association(first))?.address == first)
    link.seconds = 11
    #expect(link.ask(&third, Kind.solicit, association())?.address == nil)
    link.seconds = 100
    #expect(link.ask(&third, Kind.solicit, association())?.address == nil)
    #expect(link.service.leases.map(\.macAddress) == [host.macAddress, neighbour.macAddress])
  }

  @Test("a host's whole life: solicit, request, renew, rebind, confirm, decline, begin again, release")
  func life() throws {
    let link = FakeLink(2)
    var host = FakeDHCPv6Client(1)
    let (first, second) = (FakeLink.overlay(1), FakeLink.overlay(2))

    let offer = try #require(link.ask(&host, Kind.solicit, association()))
    #expect(offer.kind == Kind.advertise)
    #expect(offer.associations == [Self.granted(first)])
    #expect(!offer.isRapid && offer.status == nil)
    #expect(link.service.leases.isEmpty)
    #expect(!link.haveLeasesChanged())

    let reply = try #require(link.ask(&host, Kind.request, association(first)))
    #expect(reply.kind == Kind.reply)
    #expect(reply.associations == [Self.granted(first)])
    #expect(link.haveLeasesChanged())
    #expect(!link.haveLeasesChanged())
    #expect(
      link.service.leases == [
        Lease(
          address: first, macAddress: host.macAddress, client: try #require(DUID(bytes: host.identifier)),
          expiry: link.epoch + 7_200)
      ])

    link.seconds = 1_800
    #expect(link.ask(&host, Kind.renew, association(first))?.associations == [Self.granted(first)])
    #expect(link.service.leases.map(\.expiry) == [link.epoch + 9_000])
    #expect(link.haveLeasesChanged())

    link.seconds = 4_680
    #expect(link.ask(&host, Kind.rebind, association(first))?.associations == [Self.granted(first)])
    #expect(link.service.leases.map(\.expiry) == [link.epoch + 11_880])

    let confirmed = try #require(link.ask(&host, Kind.confirm, association(first)))
    #expect(confirmed.kind == Kind.reply)
    #expect(confirmed.status == Status.success)
    #expect(confirmed.associations.isEmpty)

    let declined = try #require(link.ask(&host, Kind.decline, association(first)))
    #expect(declined.status == Status.success)
    #expect(declined.associations.isEmpty)
    #expect(link.service.leases.isEmpty)

    #expect(link.join(&host) == second)
    let released = try #require(link.ask(&host, Kind.release, association(second)))
    #expect(released.kind == Kind.reply)
    #expect(released.status == Status.success)
    #expect(released.associations.isEmpty)
    #expect(link.service.leases.map(\.expiry) == [link.wallClock])
    #expect(link.service.counters.summary == "addressAnswered=9 addressDeclined=1")
  }

  @Test("rapid commit spares the second exchange, and is answered so")
  func rapid() throws {
    let link = FakeLink(1)
    var host = FakeDHCPv6Client(1)
    let answer = try #require(
      link.ask(&host, Kind.solicit, association() + FakeDHCPv6Client.option(14, [])))
    #expect(answer.kind == Kind.reply)
    #expect(answer.isRapid)
    #expect(answer.associations == [Self.granted(FakeLink.overlay(1))])
    #expect(link.service.leases.map(\.address) == [FakeLink.overlay(1)])
  }

  @Test("addresses go out in order of arrival, each to one host, and then there is none")
  func order() throws {
    let link = FakeLink(3)
    var hosts = (1...4).map { FakeDHCPv6Client($0) }
    #expect(link.join(&hosts[0]) == FakeLink.overlay(1))
    #expect(link.join(&hosts[1]) == FakeLink.overlay(2))
    #expect(link.join(&hosts[2]) == FakeLink.overlay(3))
    let none = try #require(link.ask(&hosts[3], Kind.solicit, association()))
    #expect(none.kind == Kind.advertise)
    #expect(none.associations == [.init(identifier: 5, t1: 0, t2: 0, status: Status.noAddressesAvailable)])
    let rapid = try #require(link.ask(&hosts[3], Kind.solicit, association() + FakeDHCPv6Client.option(14, [])))
    #expect(rapid.kind == Kind.advertise && !rapid.isRapid)
    let request = try #require(link.ask(&hosts[3], Kind.request, association(FakeLink.overlay(2))))
    #expect(request.associations.map(\.status) == [Status.noAddressesAvailable])
    #expect(link.service.leases.count == 3)
    #expect(link.service.counters[.noAddressFree] == 3)
  }

  @Test("the daemon's own address is never handed out, even to a host that asks for it")
  func ownAddress() throws {
    let link = FakeLink(1)
    var host = FakeDHCPv6Client(1)
    #expect(link.ask(&host, Kind.solicit, association(FakeLink.overlay(0)))?.address == FakeLink.overlay(1))
    let refused = try #require(link.ask(&host, Kind.request, association(FakeLink.overlay(0))))
    #expect(refused.associations == [.init(identifier: 5, t1: 0, t2: 0, status: Status.notOnLink)])
    #expect(link.service.leases.isEmpty)
  }

  @Test("every message that is sent again is answered alike")
  func retransmission() throws {
    let link = FakeLink(2)
    var host = FakeDHCPv6Client(1)
    let address = FakeLink.overlay(1)
    let plain = association(address)
    for kind in [Kind.solicit, Kind.request, Kind.renew, Kind.rebind, Kind.confirm, Kind.release] {
      let answer = try #require(link.ask(&host, kind, plain))
      host.transaction -= 1
      #expect(link.ask(&host, kind, plain) == answer, "message \(kind)")
    }
    _ = link.join(&host)
    let declined = try #require(link.ask(&host, Kind.decline, plain))
    host.transaction -= 1
    #expect(link.ask(&host, Kind.decline, plain) == declined)
    #expect(declined.status == Status.success && declined.associations.isEmpty)
  }

  @Test("two hosts that solicit at once are offered different addresses")
  func offers() {
    let link = FakeLink(2)
    var hosts = [FakeDHCPv6Client(1), FakeDHCPv6Client(2), FakeDHCPv6Client(3)]
    #expect(link.ask(&hosts[0], Kind.solicit, association())?.address == FakeLink.overlay(1))
    #expect(link.ask(&hosts[1], Kind.solicit, association())?.address == FakeLink.overlay(2))
    // Offers that nobody has accepted do not keep a third host out: the oldest goes.
    #expect(link.join(&hosts[2]) == FakeLink.overlay(1))
    #expect(link.join(&hosts[0]) == FakeLink.overlay(2))
    #expect(link.join(&hosts[1]) == nil)
  }

  @Test("a host that comes back gets what it had, though others came before it, and its lease had ended")
  func remembered() {
    let link = FakeLink(3)
    var hosts = (1...3).map { FakeDHCPv6Client($0) }
    #expect(link.join(&hosts[0]) == FakeLink.overlay(1))
    _ = link.ask(&hosts[0], Kind.release, association(FakeLink.overlay(1)))
    link.seconds = 20_000
    #expect(link.join(&hosts[1]) == FakeLink.overlay(2))
    #expect(link.join(&hosts[2]) == FakeLink.overlay(3))
    #expect(link.join(&hosts[0]) == FakeLink.overlay(1))
  }

  @Test("where all addresses were used once, the one that is free for the longest time goes to a new host")
  func oldest() {
    let link = FakeLink(2)
    var hosts = (1...3).map { FakeDHCPv6Client($0) }
    _ = link.join(&hosts[0])
    link.seconds = 10
    _ = link.join(&hosts[1])
    link.seconds = 20
    _ = link.ask(&hosts[1], Kind.release, association(FakeLink.overlay(2)))
    #expect(link.join(&hosts[2]) == FakeLink.overlay(2))
    #expect(link.join(&hosts[1]) == nil)
    link.seconds = 7_201
    #expect(link.join(&hosts[1]) == FakeLink.overlay(1))
    #expect(link.join(&hosts[0]) == nil)
  }

  @Test("a lease ends when its time is over, and not a second before")
  func expiry() {
    let link = FakeLink(1)
    var hosts = [FakeDHCPv6Client(1), FakeDHCPv6Client(2)]
    _ = link.join(&hosts[0])
    link.seconds = 7_199
    #expect(link.join(&hosts[1]) == nil)
    link.seconds = 7_200
    #expect(link.join(&hosts[1]) == FakeLink.overlay(1))
  }

  @Test("a configured host gets its address, and nobody else does")
  func bindings() {
    let bound = FakeDHCPv6Client(9)
    let link = FakeLink(2, bindings: [bound.macAddress: FakeLink.overlay(1)])
    var hosts = [FakeDHCPv6Client(1), FakeDHCPv6Client(2), bound]
    #expect(link.join(&hosts[0]) == FakeLink.overlay(2))
    #expect(link.join(&hosts[1]) == nil)
    #expect(link.ask(&hosts[1], Kind.solicit, association(FakeLink.overlay(1)))?.address == nil)
    #expect(link.join(&hosts[2]) == FakeLink.overlay(1))
    hosts[2].server = FakeLink.identifier
    _ = link.ask(&hosts[2], Kind.decline, association(FakeLink.overlay(1)))
    #expect(link.join(&hosts[2]) == nil)
    link.seconds = 86_401
    #expect(link.join(&hosts[2]) == FakeLink.overlay(1))
  }

  @Test("a host is known by its MAC address, whatever it calls itself")
  func otherIdentifier() {
    let link = FakeLink(2)
    var firmware = FakeDHCPv6Client(1)
    #expect(link.join(&firmware) == FakeLink.overlay(1))
    var system = firmware
    system.identifier = [0, 1, 2, 3, 4, 5]
    #expect(link.join(&system) == FakeLink.overlay(1))
    #expect(link.service.leases.map(\.client.bytes) == [system.identifier])
  }

  @Test("a host with a new MAC address goes on with the address that it names")
  func otherMACAddress() {
    let link = FakeLink(3)
    var host = FakeDHCPv6Client(1)
    #expect(link.join(&host) == FakeLink.overlay(1))
    host.macAddress = MACAddress(value: 0x0200_0000_00ff)
    #expect(link.ask(&host, Kind.confirm, association(FakeLink.overlay(1)))?.status == Status.success)
    #expect(link.service.leases.map(\.macAddress) == [host.macAddress])
    #expect(link.ask(&host, Kind.renew, association(FakeLink.overlay(1)))?.address == FakeLink.overlay(1))
    // A copy of the host that names nothing is another host.
    host.macAddress = MACAddress(value: 0x0200_0000_00fe)
    #expect(link.join(&host) == FakeLink.overlay(2))
  }

  @Test("a declined address is handed to nobody for a day")
  func declined() {
    let link = FakeLink(1)
    var hosts = [FakeDHCPv6Client(1), FakeDHCPv6Client(2)]
    _ = link.join(&hosts[0])
    _ = link.ask(&hosts[0], Kind.decline, association(FakeLink.overlay(1)))
    link.seconds = 86_399
    #expect(link.join(&hosts[0]) == nil)
    #expect(link.join(&hosts[1]) == nil)
    link.seconds = 86_400
    #expect(link.join(&hosts[1]) == FakeLink.overlay(1))
  }

  @Test("nobody declines or releases what another host has")
  func others() {
    let link = FakeLink(2)
    var hosts = [FakeDHCPv6Client(1), FakeDHCPv6Client(2)]
    _ = link.join(&hosts[0])
    hosts[1].server = FakeLink.identifier
    for kind in [Kind.decline, Kind.release] {
      for address in [FakeLink.overlay(1), FakeLink.overlay(2), FakeLink.overlay(7)] {
        let answer = link.ask(&hosts[1], kind, association(address))
        #expect(answer?.status == Status.success)
        #expect(answer?.associations == [.init(identifier: 5, t1: 0, t2: 0, status: Status.noBinding)])
      }
    }
    #expect(link.service.leases.map(\.expiry) == [link.epoch + 7_200])
    #expect(link.service.counters[.addressDeclined] == 0)
  }

  @Test("a lease that was lost is made anew when its host renews, rebinds or confirms it")
  func lost() {
    for kind in [Kind.renew, Kind.rebind, Kind.confirm] {
      let link = FakeLink(3)
      var host = FakeDHCPv6Client(1)
      host.server = FakeLink.identifier
      #expect(link.ask(&host, kind, association(FakeLink.overlay(2))) != nil)
      #expect(link.service.leases.map(\.address) == [FakeLink.overlay(2)])
    }
  }

  @Test("a host that renews an address which is another's gets its own, and that one ends")
  func renewingAnothers() {
    let link = FakeLink(2)
    var hosts = [FakeDHCPv6Client(1), FakeDHCPv6Client(2)]
    _ = link.join(&hosts[0])
    hosts[1].server = FakeLink.identifier
    for (kind, old) in [(Kind.renew, FakeLink.overlay(1)), (Kind.rebind, FakeLink.overlay(8))] {
      var expected = Self.granted(FakeLink.overlay(2))
      expected.addresses.append(.init(address: old, preferred: 0, valid: 0))
      #expect(link.ask(&hosts[1], kind, association(old))?.associations == [expected])
    }
    #expect(link.ask(&hosts[1], Kind.confirm, association(FakeLink.overlay(1)))?.status == Status.notOnLink)
    #expect(link.ask(&hosts[1], Kind.confirm, association(FakeLink.overlay(8)))?.status == Status.notOnLink)
    #expect(link.ask(&hosts[1], Kind.confirm, association(FakeLink.overlay(2)))?.status == Status.success)
  }

  @Test("of a host's associations one gets the address: that which names it, or the first")
  func associations() {
    let link = FakeLink(3)
    var host = FakeDHCPv6Client(1)
    let two = association(identifier: 1) + association(identifier: 2)
    let none = FakeDHCPv6Client.Association(identifier: 2, t1: 0, t2: 0, status: Status.noAddressesAvailable)
    #expect(
      link.ask(&host, Kind.solicit, two)?.associations == [Self.granted(FakeLink.overlay(1), identifier: 1), none])
    let naming = association(identifier: 2) + association(FakeLink.overlay(1), identifier: 1)
    #expect(
      link.ask(&host, Kind.request, naming)?.associations
        == [none, Self.granted(FakeLink.overlay(1), identifier: 1)])
  }

  @Test("of addresses that another server may have given nothing is said")
  func otherServers() throws {
    let link = FakeLink(2)
    var host = FakeDHCPv6Client(1)
    let foreign = try IPv6Address.sample("2001:db8::1")
    #expect(link.ask(&host, Kind.confirm, association(foreign)) == nil)
    #expect(link.ask(&host, Kind.confirm, association(foreign, FakeLink.overlay(1))) == nil)
    #expect(link.ask(&host, Kind.confirm, association()) == nil)
    #expect(link.ask(&host, Kind.rebind, association(foreign)) == nil)
    #expect(link.ask(&host, Kind.rebind, association()) == nil)
    #expect(link.service.counters.summary == "addressRequestForeign=5")
    let both = association(foreign, identifier: 1) + association(FakeLink.overlay(1), foreign, identifier: 2)
    #expect(
      link.ask(&host, Kind.rebind, both)?.associations == [Self.granted(FakeLink.overlay(1), identifier: 2)])
  }

  @Test("who configures itself is told who answers about names, where somebody does")
  func names() throws {
    for names in [nil, LocalNameServer(zone: "home.arpa.test")] {
      let link = FakeLink(1, names: names)
      var host = FakeDHCPv6Client(1)
      let zone: [UInt8]? = names == nil ? nil : [4] + "home".utf8 + [4] + "arpa".utf8 + [4] + "test".utf8 + [0]
      let server = names == nil ? nil : OverlayNetwork.tor.localResponder.bytes
      let given = association(FakeLink.overlay(1))
      for (kind, options, isTold) in [
        (Kind.solicit, association(), true), (Kind.request, association(), true), (Kind.renew, given, true),
        (Kind.rebind, given, true), (Kind.informationRequest, [], true), (Kind.confirm, given, false),
        (Kind.release, given, false),
      ] {
        let answer = try #require(link.ask(&host, kind, options), "\(kind)")
        #expect(answer.nameServers == (isTold ? server : nil) && answer.searchList == (isTold ? zone : nil), "\(kind)")
      }
    }
  }

  @Test("a host that has an address by other means is told that there is nothing else to know")
  func information() throws {
    let link = FakeLink(1)
    var host = FakeDHCPv6Client(1)
    let answer = try #require(
      link.ask(&host, Kind.informationRequest, FakeDHCPv6Client.option(6, [0, 23])))
    #expect(answer.kind == Kind.reply)
    #expect(answer.associations.isEmpty && answer.status == nil)
    #expect(link.ask(&host, Kind.informationRequest, association()) == nil)
    let other = FakeDHCPv6Client.option(2, [0, 3, 0, 1, 9, 9, 9, 9, 9, 9])
    #expect(link.ask(&host, Kind.informationRequest, other) == nil)
    #expect(link.service.counters.summary == "addressAnswered=1 addressRequestMalformed=1 addressRequestForeign=1")
  }
}

@Suite("What a DHCPv6 server drops")
struct DHCPv6DropTests {
  @Test(
    "messages without the identifiers that their kind needs, or with one too many",
    arguments: 1...9 as ClosedRange<UInt8>)
  func identifiers(_ kind: UInt8) {
    guard kind != Kind.advertise, kind != Kind.reply else { return }
    let link = FakeLink(1)
    let host = FakeDHCPv6Client(1)
    let client = FakeDHCPv6Client.option(1, host.identifier)
    let server = FakeDHCPv6Client.option(2, FakeLink.identifier)
    let isForOne = [Kind.request, Kind.renew, Kind.release, Kind.decline].contains(kind)
    for options in [[], server, isForOne ? client : client + server] {
      let payload = [kind, 0, 0, 1] + options + association(FakeLink.overlay(1))
      #expect(link.send(host.datagram(payload), from: host.macAddress) == nil)
    }
    #expect(link.service.counters.summary == "addressRequestMalformed=3")
  }

  @Test("messages for another server", arguments: [Kind.request, Kind.renew, Kind.release, Kind.decline])
  func otherServer(_ kind: UInt8) {
    let link = FakeLink(1)
    var host = FakeDHCPv6Client(1)
    _ = link.join(&host)
    host.server = [0, 3, 0, 1, 9, 9, 9, 9, 9, 9]
    #expect(link.ask(&host, kind, association(FakeLink.overlay(1))) == nil)
    #expect(link.service.counters[.addressRequestForeign] == 1)
    #expect(link.service.leases.map(\.expiry) == [link.epoch + 7_200])
  }

  @Test("servers' and relay agents' messages, and unknown ones", arguments: [0, 2, 7, 10, 12, 13, 14, 255] as [UInt8])
  func kinds(_ kind: UInt8) {
    let link = FakeLink(1)
    var host = FakeDHCPv6Client(1)
    #expect(link.ask(&host, kind, association()) == nil)
    #expect(link.service.counters.summary == "addressRequestForeign=1")
  }

  @Test("a client that asks for prefixes or temporary addresses alone")
  func otherAssociations() {
    let link = FakeLink(1)
    var host = FakeDHCPv6Client(1)
    let prefix = FakeDHCPv6Client.option(25, [UInt8](repeating: 0, count: 12))
    let temporary = FakeDHCPv6Client.option(4, [0, 0, 0, 1])
    #expect(link.ask(&host, Kind.solicit, prefix + temporary) == nil)
    #expect(link.service.counters.summary == "addressRequestForeign=1")
  }

  @Test("messages sent to the server alone: dropped, or told to use multicast")
  func unicast() throws {
    for kind in [Kind.solicit, Kind.confirm, Kind.rebind, Kind.informationRequest] {
      let link = FakeLink(1)
      var host = FakeDHCPv6Client(1)
      #expect(link.ask(&host, kind, association(FakeLink.overlay(1)), to: FakeLink.address) == nil)
      #expect(link.service.counters.summary == "addressRequestMalformed=1")
    }
    for kind in [Kind.request, Kind.renew, Kind.release, Kind.decline] {
      let link = FakeLink(1)
      var host = FakeDHCPv6Client(1)
      host.server = FakeLink.identifier
      let answer = try #require(link.ask(&host, kind, association(FakeLink.overlay(1)), to: FakeLink.address))
      #expect(answer.kind == Kind.reply)
      #expect(answer.status == Status.useMulticast)
      #expect(answer.associations.isEmpty)
      #expect(link.service.leases.isEmpty)
    }
  }
}
