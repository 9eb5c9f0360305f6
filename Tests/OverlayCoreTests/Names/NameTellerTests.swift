import Testing

@testable import OverlayCore

@Suite("Who told a name")
struct NameTellerTests {
  private static let start = Instant(nanoseconds: 1_000_000_000_000)

  static func tellers() throws -> [NameTeller?] {
    [nil, .host, .program, .acquaintance(try OnionName.sample(9).address)]
      + LookupKey.indices.map { .lookupService(index: $0) }
  }

  @Test("it is shown with the name, and how long the search took", arguments: try tellers())
  func shown(teller: NameTeller?) throws {
    let name = try OnionName.sample(1)
    for search in [nil, .zero, .milliseconds(1_234), .seconds(40)] as [Duration?] {
      var table = NameTable()
      _ = table.learn(name, from: .lookup, by: teller, after: search, at: Self.start)
      let known = table.known(at: name.address, Self.start)
      #expect(known?.teller == teller && known?.search == search)
    }
  }

  @Test("it is the first who was trusted as much as any after him")
  func first() throws {
    let (name, friend) = (try OnionName.sample(1), NameTeller.acquaintance(try OnionName.sample(2).address))
    var table = NameTable()
    let steps: [(NameSource, NameTeller, NameTeller)] = [
      (.hearsay, friend, friend), (.hearsay, .host, friend),
      (.lookup, .lookupService(index: 2), .lookupService(index: 2)),
      (.hearsay, friend, .lookupService(index: 2)), (.keepalive, .host, .host), (.lookup, .program, .host),
    ]
    for (source, teller, expected) in steps {
      _ = table.learn(name, from: source, by: teller, at: Self.start)
      #expect(table.known(at: name.address, Self.start)?.teller == expected)
    }
  }

  @Test("who was asked in a search is not forgotten for the keepalive of the host that was found")
  func kept() throws {
    let (name, friend) = (try OnionName.sample(1), NameTeller.acquaintance(try OnionName.sample(2).address))
    var table = NameTable()
    _ = table.learn(name, from: .lookup, by: friend, after: .seconds(1), at: Self.start)
    _ = table.learn(name, from: .keepalive, by: .host, at: Self.start)
    let known = try #require(table.known(at: name.address, Self.start))
    #expect(known.teller == friend && known.search == .seconds(1) && known.source == .keepalive)
  }

  @Test("a search tells the index that answered, and its time")
  func searched() throws {
    let world = FakeWorld()
    let carol = try OnionName.sample(3)
    let host = world.start(FakeHost(NodeSettings(name: try .sample(1), policy: NodePolicy.trusting(lookup: .ask))))
    _ = world.start(FakeHost(carol))
    for (index, service) in [LookUpService.isSilent, .says(Array("\(carol)\n".utf8))].enumerated() {
      let key = try #require(LookupKey(of: carol.address, index: UInt8(index)))
      world.lookUpServices["\(key.name)"] = service
    }
    world.send(host.packet(to: carol.address), from: host)
    world.pass(.seconds(20))
    let known = try #require(host.node.names.known(at: carol.address, world.now))
    #expect(known.teller == .lookupService(index: 1) && known.isReached)
    #expect(known.search.map { $0 >= NameSearches.hedgeTime && $0 < NameSearches.hedgeTime + .seconds(2) } == true)
  }

  @Test("a caller tells himself, and a program of this host a name that it asks for")
  func told() throws {
    let world = FakeWorld()
    let (bob, carol) = (try OnionName.sample(2), try OnionName.sample(3))
    let (host, caller) = (world.start(FakeHost(try .sample(1))), world.start(FakeHost(bob), knowing: [try .sample(1)]))
    world.send(caller.packet(to: host.address), from: caller)
    host.turn.now = world.now
    host.node.learn(carol, turn: &host.turn)
    #expect(host.node.names.known(at: bob.address, world.now)?.teller == .host)
    #expect(host.node.names.known(at: carol.address, world.now)?.teller == .program)
    #expect(host.node.names.known(at: bob.address, world.now)?.search == nil)
  }
}
