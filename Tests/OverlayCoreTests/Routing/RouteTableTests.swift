import Testing

@testable import OverlayCore

extension RouteTable {
  fileprivate func match(_ address: IPv6Address) -> Match { match(address, isIPv4: false) }

  fileprivate func match(_ address: IPv4Address) -> Match { match(IPv6Address(mapping: address), isIPv4: true) }
}

@Suite("Routes")
struct RouteTableTests {
  private let alice: OnionName
  private let bob: OnionName

  init() throws {
    alice = try .sample(1)
    bob = try .sample(2)
  }

  private func table(_ routes: [(String, OnionName)], _ served: [String] = []) throws -> RouteTable {
    try RouteTable(
      routes: routes.map { Route(prefix: try .sample($0), via: $1) }, served: served.map { try .sample($0) })
  }

  @Test("an empty table leads nowhere")
  func empty() throws {
    #expect(RouteTable().match(try IPv6Address.sample("2001:db8::1")) == .none)
    #expect(RouteTable().match(try IPv4Address.sample("10.0.0.1")) == .none)
  }

  @Test("the longest prefix counts, routed or served")
  func longest() throws {
    let table = try table(
      [("::/0", alice), ("2001:db8:1::/48", bob), ("2001:db8:1:2::5/128", alice), ("10.0.0.0/8", alice)],
      ["2001:db8:1:2::/64", "10.1.0.0/16", "10.1.2.0/24"])
    let expected: [(String, RouteTable.Match)] = [
      ("2001:db7:ffff:ffff:ffff:ffff:ffff:ffff", .peer(alice.address)), ("2001:db8:1::", .peer(bob.address)),
      ("2001:db8:1:1:ffff:ffff:ffff:ffff", .peer(bob.address)), ("2001:db8:1:2::", .served),
      ("2001:db8:1:2::4", .served), ("2001:db8:1:2::5", .peer(alice.address)), ("2001:db8:1:2::6", .served),
      ("2001:db8:1:3::", .peer(bob.address)), ("2001:db8:2::", .peer(alice.address)),
      ("feff::", .peer(alice.address)),
    ]
    for (address, match) in expected { #expect(table.match(try IPv6Address.sample(address)) == match, "\(address)") }
    let version4: [(String, RouteTable.Match)] = [
      ("9.255.255.255", .none), ("10.0.0.0", .peer(alice.address)), ("10.1.0.0", .served), ("10.1.2.3", .served),
      ("10.1.3.0", .served), ("10.2.0.0", .peer(alice.address)), ("10.255.255.255", .peer(alice.address)),
      ("11.0.0.0", .none),
    ]
    for (address, match) in version4 { #expect(table.match(try IPv4Address.sample(address)) == match, "\(address)") }
  }

  @Test(
    "what means a group, this host, this link or the overlay lies nowhere, whatever covers it",
    arguments: [
      "::", "::1", "::ffff:10.0.0.1", "fe80::1", "febf::1", "ff02::1", "fd87:d87e:eb43::1",
      "fd87:d87e:eb43:ffff:ffff:ffff:ffff:ffff",
    ],
    ["0.0.0.0", "0.1.2.3", "127.0.0.1", "169.254.1.1", "224.0.0.1", "239.255.255.255", "255.255.255.255", "240.0.0.1"])
  func reserved(_ version6: String, _ version4: String) throws {
    for table in [
      try table([("::/0", alice), ("0.0.0.0/0", bob)]), try table([], ["::/0", "0.0.0.0/0"]),
      try table([("fc00::/6", alice), ("0.0.0.0/1", bob), ("128.0.0.0/1", bob)], ["f800::/5", "::/2"]),
    ] {
      #expect(table.match(try IPv6Address.sample(version6)) == .none)
      #expect(table.match(try IPv4Address.sample(version4)) == .none)
    }
    let version4Prefix = try #require(IPPrefix("\(version4)/32"))
    let version6Prefix = try #require(IPPrefix("\(version6)/128"))
    for prefix in [version4Prefix, version6Prefix] {
      #expect(throws: RouteError.reserved(prefix)) {
        try RouteTable(routes: [Route(prefix: prefix, via: alice)], served: [])
      }
      #expect(throws: RouteError.reserved(prefix)) { try RouteTable(routes: [], served: [prefix]) }
    }
  }

  @Test("the last address of all can be routed, and the ends of neighbours meet")
  func ends() throws {
    let table = try table([("8000::/2", alice), ("c000::/3", bob), ("200.0.0.0/6", alice), ("204.0.0.0/6", bob)])
    #expect(table.match(try IPv6Address.sample("bfff:ffff:ffff:ffff:ffff:ffff:ffff:ffff")) == .peer(alice.address))
    #expect(table.match(try IPv6Address.sample("c000::")) == .peer(bob.address))
    #expect(table.match(try IPv4Address.sample("203.255.255.255")) == .peer(alice.address))
    #expect(table.match(try IPv4Address.sample("204.0.0.0")) == .peer(bob.address))
    let whole = LongestMatch<UInt32>([.init(first: .max, length: 32, match: .served)])
    #expect(whole.match(.max) == .served)
    #expect(whole.match(.max - 1) == .none)
  }

  @Test("a prefix behind two, or routed and served, is refused; one that is said twice is not")
  func conflicts() throws {
    let prefix = try IPPrefix.sample("10.0.0.0/8")
    #expect(throws: RouteError.twoPeers(prefix)) { try table([("10.0.0.0/8", alice), ("10.0.0.0/8", bob)]) }
    #expect(throws: RouteError.routedAndServed(prefix)) { try table([("10.0.0.0/8", alice)], ["10.0.0.0/8"]) }
    let twice = try table([("10.0.0.0/8", alice), ("10.0.0.0/8", alice)], ["::/1", "::/1"])
    #expect(twice.match(try IPv4Address.sample("10.0.0.1")) == .peer(alice.address))
    #expect("\(RouteError.twoPeers(prefix))" == "10.0.0.0/8 is routed to two peers")
  }

  @Test("no more prefixes than the limit are taken")
  func limit() throws {
    let prefixes = try (0...RouteTable.limit).map { try IPPrefix.sample("10.\($0 >> 8).\($0 & 255).0/24") }
    #expect(throws: RouteError.tooMany) { try RouteTable(routes: [], served: prefixes) }
    let table = try RouteTable(routes: [], served: Array(prefixes.dropLast()))
    #expect(table.match(try IPv4Address.sample("10.3.255.1")) == .served)
    #expect(table.match(try IPv4Address.sample("10.4.0.1")) == .none)
  }

  @Test("a search finds what looking at every prefix would", arguments: 1...20 as ClosedRange<UInt64>)
  func naive(_ seed: UInt64) {
    var random = SeededGenerator(seed: seed)
    var entries: [LongestMatch<UInt32>.Entry] = []
    var seen: Set<[UInt32]> = []
    for number in 0..<Int.random(in: 0...60, using: &random) {
      let length = Int.random(in: 0...32, using: &random)
      // Few distinct bits, so that many prefixes nest.
      let first = (UInt32(truncatingIfNeeded: random.next()) & 0xc000_0303) & ~UInt32(0) << (32 - length)
      guard seen.insert([first, UInt32(length)]).inserted else { continue }
      entries.append(.init(first: first, length: length, match: .peer(IPv6Address(high: 0, low: UInt64(number)))))
    }
    let search = LongestMatch(entries)
    for _ in 0..<2_000 {
      let key = UInt32(truncatingIfNeeded: random.next()) & 0xc000_0307 &+ UInt32.random(in: 0...2, using: &random) &- 1
      let best = entries.filter { key & ~UInt32(0) << (32 - $0.length) == $0.first }.max { $0.length < $1.length }
      #expect(search.match(key) == best?.match ?? .none)
    }
  }
}
