import Testing

@testable import OverlayCore

@Suite("Names that are shown, forgotten and outlived")
struct NamePruningTests {
  private static let start = Instant(nanoseconds: 1_000_000_000_000)
  private static let week = NameTable.learnedValidity + NameTable.unreachableLimit

  @Test("a learned name goes a week after it was last valid, unless it was confirmed since or a circuit claims it")
  func pruned() throws {
    let names = try (1...6).map { try OnionName.sample($0) }
    var table = NameTable()
    for name in names.prefix(5) { #expect(table.learn(name, from: .lookup, at: Self.start) == .new) }
    table.configure(names[5])
    table.reached(names[0], at: Self.start)
    table.reached(names[1], at: Self.start)
    #expect(table.learn(names[1], from: .keepalive, at: Self.start + .seconds(3_600)) == .confirmed)
    #expect(table.learn(names[2], from: .keepalive, at: Self.start + .seconds(3_600)) == .confirmed)
    table.retain(names[3])
    table.prune(at: Self.start + Self.week)
    #expect(table.count == 6)
    table.prune(at: Self.start + Self.week + .nanoseconds(1))
    #expect(names.map { table.name(of: $0.address) != nil } == [false, true, true, true, false, true])
    table.release(names[3])
    table.prune(at: Self.start + Self.week + .seconds(3_601))
    #expect(names.map { table.name(of: $0.address) != nil } == [false, false, false, true, false, true])
    table.prune(at: Self.start + Self.week + Self.week + Self.week)
    #expect(table.count == 1)
  }

  @Test("a node that runs for weeks forgets what it has learned")
  func weeks() throws {
    let world = FakeWorld()
    let host = world.start(FakeHost(try .sample(1)))
    let name = try OnionName.sample(2)
    _ = host.node.names.learn(name, from: .lookup, at: world.now)
    world.pass(Self.week - .seconds(60))
    #expect(host.node.name(of: name.address) == name)
    world.pass(.seconds(120))
    #expect(host.node.name(of: name.address) == nil)
  }

  @Test("a name keeps its address for as long as a circuit to it stands and brings something, and two hours more")
  func standing() throws {
    let world = FakeWorld()
    let (alice, bob) = (world.start(FakeHost(try .sample(1))), world.start(FakeHost(try .sample(2))))
    _ = alice.node.names.learn(bob.name, from: .lookup, at: world.now)
    for _ in 0..<180 {
      world.send(alice.packet(to: bob.address), from: alice)
      world.send(bob.packet(to: alice.address), from: bob)
      world.pass(.seconds(60))
    }
    #expect(alice.node.names.tellable(at: bob.address, world.now)?.name == bob.name)
    #expect(alice.node.names.learn(bob.name.rival, from: .keepalive, at: world.now) == .conflict)
    world.pass(.seconds(2 * 3_600 + 300))
    #expect(alice.node.names.tellable(at: bob.address, world.now) == nil)
  }

  @Test("a name that is not valid any more is dialled when a packet wants it, and is valid again when a circuit stands")
  func revalidated() throws {
    let world = FakeWorld()
    let (alice, bob) = (world.start(FakeHost(try .sample(1))), world.start(FakeHost(try .sample(2))))
    _ = alice.node.names.learn(bob.name, from: .lookup, at: world.now)
    world.send(alice.packet(to: bob.address), from: alice)
    world.pass(.seconds(3 * 3_600))
    #expect(alice.node.names.tellable(at: bob.address, world.now) == nil)
    // It is away, once and again; nobody else has its address, and nobody has to be asked for its name.
    for _ in 0..<3 {
      world.outcomes["\(bob.name)"] = .refused(0x5b)
      world.send(alice.packet(to: bob.address), from: alice)
      world.pass(.seconds(600))
      #expect(alice.node.names.tellable(at: bob.address, world.now) == nil)
    }
    let dials = alice.dials.count
    _ = bob.takeDelivered()
    world.outcomes = [:]
    world.send(alice.packet(to: bob.address), from: alice)
    #expect(alice.dials.count == dials + 1 && alice.count(.searched) == 0)
    #expect(alice.node.names.tellable(at: bob.address, world.now)?.name == bob.name)
    #expect(!bob.takeDelivered().isEmpty)
  }

  @Test("each name is shown with its source, its age and its time")
  func shown() throws {
    let (own, learned, configured, listed) = (
      try OnionName.sample(1), try OnionName.sample(2), try OnionName.sample(3), try OnionName.sample(4)
    )
    var node = Node(NodeSettings(name: own, policy: NodePolicy.trusting(peers: [ConfiguredPeer(name: configured)])))
    _ = node.names.replaceHosts(with: HostNames([listed]))
    _ = node.names.learn(learned, from: .hearsay, at: Self.start)
    let known = node.knownNames(limit: 10, at: Self.start + .seconds(60))
    #expect(known.first == node.knownOwnName && known.count == 4)
    #expect(Set(known.map(\.source.rawValue)) == [0, 3, 4, 5])
    let one = try #require(known.first { $0.name == learned })
    #expect(one.age == .seconds(60) && one.expiry == NameTable.learnedValidity - .seconds(60))
    #expect(known.filter { $0.age == nil }.count == 3)
    #expect(node.knownNames(limit: 2, at: Self.start).count == 2)
  }

  @Test("however many names there are, each is shown once: by source, then by address", arguments: [1, 7, 500])
  func parts(limit: Int) throws {
    let names = try (1...(limit == 1 ? 40 : 600)).map { try OnionName.sample(UInt64($0)) }
    let peers = names[1..<10].map { ConfiguredPeer(name: $0) }
    var node = Node(NodeSettings(name: names[0], policy: NodePolicy(peers: peers)))
    _ = node.names.replaceHosts(with: HostNames(Array(names[5..<20])))
    for (number, name) in names.enumerated().dropFirst(20) {
      _ = node.names.learn(name, from: [.hearsay, .lookup, .keepalive][number % 3], at: Self.start)
    }
    var (shown, place): ([KnownName], NamePlace?) = ([], nil)
    while true {
      let part = node.knownNames(after: place, limit: limit, at: Self.start)
      #expect(part.count <= limit)
      guard let last = part.last else { break }
      shown += part
      place = last.place
      // What goes and comes meanwhile skips and repeats nothing else.
      _ = node.forgetName(at: last.name.address)
    }
    #expect(node.knownNameCount < names.count && shown.count == names.count && Set(shown.map(\.name)) == Set(names))
    #expect(shown.map(\.place) == shown.map(\.place).sorted() && shown.first?.name == names[0])
    #expect(shown.map(\.source) == shown.map(\.source).sorted(by: >))
    #expect(node.knownNames(limit: 0, at: Self.start).isEmpty)
  }

  @Test("what was learned can be forgotten, one name or all, and what the operator gave cannot")
  func forgotten() throws {
    let names = try (1...5).map { try OnionName.sample($0) }
    var table = NameTable()
    table.configure(names[0])
    _ = table.replaceHosts(with: HostNames([names[1]]))
    for name in names { _ = table.learn(name, from: .lookup, at: Self.start) }
    #expect(!table.forgetLearned(names[0].address) && !table.forgetLearned(names[1].address))
    #expect(table.forgetLearned(names[2].address) && !table.forgetLearned(names[2].address))
    #expect(table.forgetLearned() == 2)
    #expect(table.count == 2)
  }

  @Test("a valid name is displaced by none from an equal or lower source, but by one from a better source")
  func precedence() throws {
    let sources: [NameSource] = [.hearsay, .lookup, .keepalive]
    for held in sources {
      for told in sources {
        var table = NameTable()
        let name = try OnionName.sample(1)
        _ = table.learn(name, from: held, at: Self.start)
        table.retain(name)
        let expected: NameTable.Outcome = told > held ? .new : .conflict
        #expect(table.learn(name.rival, from: told, at: Self.start + .seconds(1)) == expected, "\(held) \(told)")
      }
    }
  }
}
