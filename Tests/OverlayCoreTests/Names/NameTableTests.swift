import Testing

@testable import OverlayCore

@Suite("Name table")
struct NameTableTests {
  private static let start = Instant(nanoseconds: 1_000_000_000_000)
  private static let validity = NameTable.learnedValidity

  @Test("a learned name is known by its address, and confirmed when it comes again")
  func learning() throws {
    let name = try OnionName.sample(1)
    var table = NameTable()
    #expect(table.name(of: name.address) == nil)
    #expect(table.learn(name, from: .keepalive, at: Self.start) == .new)
    #expect(table.learn(name, from: .keepalive, at: Self.start) == .confirmed)
    #expect(table.name(of: name.address) == name)
    #expect(table.count == 1)
  }

  @Test("while a learned name that was reached is valid another one for its address is a conflict")
  func conflict() throws {
    let name = try OnionName.sample(1)
    var table = NameTable()
    _ = table.learn(name, from: .keepalive, at: Self.start)
    table.reached(name, at: Self.start)
    #expect(table.learn(name.rival, from: .keepalive, at: Self.start + Self.validity) == .conflict)
    #expect(table.name(of: name.address) == name)
  }

  @Test("a name of version 2 is not learned, and takes no address that a name of version 3 has: it cannot be dialled")
  func version2() throws {
    let name = try OnionName.sample(1)
    var table = NameTable()
    #expect(table.learn(try name.twin, from: .keepalive, at: Self.start) == .undiallable)
    #expect(table.name(of: name.address) == nil)
    #expect(table.learn(name, from: .keepalive, at: Self.start) == .new)
    for time in [Self.start, Self.start + Self.validity + .seconds(1)] {
      #expect(table.learn(try name.twin, from: .keepalive, at: time) == .conflict)
      #expect(table.name(of: name.address) == name)
    }
    // What the operator named is confirmed, whatever it is.
    let other = try OnionName.sample(2).twin
    table.configure(other)
    #expect(table.learn(other, from: .keepalive, at: Self.start) == .confirmed)
  }

  @Test("a learned name that was never reached, or was dialled in vain last, makes way for another")
  func unreachable() throws {
    let name = try OnionName.sample(1)
    var table = NameTable()
    _ = table.learn(name.rival, from: .keepalive, at: Self.start)
    #expect(table.learn(name, from: .keepalive, at: Self.start) == .new)
    table.retain(name)
    #expect(
      table.learn(name.rival, from: .keepalive, at: Self.start) == .conflict, "it is claimed, and nobody has tried it")
    table.failed(name)
    #expect(table.learn(name.rival, from: .keepalive, at: Self.start) == .new)
    #expect(table.learn(name, from: .keepalive, at: Self.start) == .new)
    table.reached(name, at: Self.start)
    #expect(table.learn(name.rival, from: .keepalive, at: Self.start) == .conflict)
    table.failed(name)
    #expect(table.name(of: name.address) == name)
    table.reached(name, at: Self.start)
    #expect(table.learn(name.rival, from: .keepalive, at: Self.start) == .conflict)
    table.failed(name)
    #expect(table.learn(name.rival, from: .keepalive, at: Self.start) == .new)
    #expect(table.name(of: name.address) == name.rival)
    #expect(table.count == 1)
  }

  @Test("of two learned names for an address the one that is reached has it, whichever was claimed last")
  func reachedWins() throws {
    let name = try OnionName.sample(1)
    var table = NameTable()
    _ = table.learn(name, from: .keepalive, at: Self.start)
    _ = table.learn(name.rival, from: .keepalive, at: Self.start)
    table.reached(name, at: Self.start)
    #expect(table.name(of: name.address) == name)
    #expect(!table.isUnreached(name))
    table.reached(name.rival, at: Self.start)
    #expect(table.name(of: name.address) == name)
    #expect(table.count == 1)
  }

  @Test("a name that was told and not reached yet is no stranger's because somebody claims it, before or afterwards")
  func claimOfTheTold() throws {
    let name = try OnionName.sample(1)
    for isClaimedFirst in [true, false] {
      for source in [NameSource.lookup, .hearsay] {
        var table = NameTable(unreachedLimit: 32)
        if isClaimedFirst {
          _ = table.learn(name, from: .keepalive, by: .host, at: Self.start)
          table.retain(name)
          #expect(table.isStranger(name))
        }
        let changes = table.changes
        _ = table.learn(name, from: source, by: .lookupService(index: 0), after: .seconds(1), at: Self.start)
        #expect(!table.isStranger(name) && table.changes == changes + 1)
        if !isClaimedFirst {
          _ = table.learn(name, from: .keepalive, by: .host, at: Self.start)
          table.retain(name)
        }
        #expect(!table.isStranger(name) && table.known(at: name.address, Self.start)?.source == .keepalive)
        #expect(table.changes == changes + 1, "it is still worth to be remembered")
        // The circuit is closed: the name neither makes way to another's claim, nor is the first to make room.
        table.release(name)
        #expect(table.learn(name.rival, from: .keepalive, at: Self.start) == .conflict)
        for number in 0..<31 { _ = table.learn(try .sample(100 + UInt64(number)), from: .keepalive, at: Self.start) }
        for number in 0..<31 { table.retain(try .sample(100 + UInt64(number))) }
        for number in 0..<31 { table.release(try .sample(100 + UInt64(number))) }
        _ = table.learn(try .sample(200), from: .keepalive, at: Self.start)
        #expect(table.name(of: name.address) == name)
        // What a dial disproves is what was told: what is left is the claim.
        table.failed(name)
        table.disprove(name)
        #expect(table.isStranger(name) && table.changes == changes + 2)
        table.disprove(name)
        #expect(table.isStranger(name))
      }
    }
  }

  @Test("a circuit that claimed in vain counts for its own name alone, also when it is closed")
  func claimsOfEachName() throws {
    let (name, crowd) = (try OnionName.sample(1), try (0..<40).map { try OnionName.sample(100 + $0) })
    var table = NameTable(unreachedLimit: 32)
    _ = table.learn(name.rival, from: .keepalive, at: Self.start)
    table.retain(name.rival)
    // A first circuit claims the name in vain, the other name fails, a second one has it then, and the first is closed.
    #expect(table.learn(name, from: .keepalive, at: Self.start) == .conflict)
    table.retain(name)
    table.failed(name.rival)
    #expect(table.learn(name, from: .keepalive, at: Self.start) == .new)
    table.retain(name)
    table.release(name)
    for other in crowd {
      _ = table.learn(other, from: .keepalive, at: Self.start + .seconds(1))
      table.retain(other)
      table.release(other)
    }
    #expect(table.name(of: name.address) == name)
    table.release(name)
    for other in crowd { _ = table.learn(other, from: .keepalive, at: Self.start + .seconds(2)) }
    for number in 0..<UInt64(32) {
      _ = table.learn(try .sample(200 + number), from: .keepalive, at: Self.start + .seconds(3))
    }
    #expect(table.name(of: name.address) == nil)
  }

  @Test("a learned name that is valid no more is displaced, and holds its address until then")
  func expiry() throws {
    let name = try OnionName.sample(1)
    let later = Self.start + Self.validity + .nanoseconds(1)
    var table = NameTable()
    _ = table.learn(name, from: .keepalive, at: Self.start)
    table.reached(name, at: Self.start)
    #expect(table.name(of: name.address) == name)
    #expect(table.learn(name.rival, from: .keepalive, at: later) == .new)
    #expect(table.name(of: name.address) == name.rival)
    table.reached(name.rival, at: later)
    #expect(table.learn(name, from: .keepalive, at: later) == .conflict)
    #expect(table.count == 1)
  }

  @Test("a name that is confirmed stays valid from then on")
  func renewal() throws {
    let name = try OnionName.sample(1)
    var table = NameTable()
    _ = table.learn(name, from: .keepalive, at: Self.start)
    table.reached(name, at: Self.start)
    #expect(table.learn(name, from: .keepalive, at: Self.start + Self.validity) == .confirmed)
    #expect(table.learn(name.rival, from: .keepalive, at: Self.start + Self.validity + Self.validity) == .conflict)
  }

  @Test("a configured name is displaced by nothing, for ever")
  func configuration() throws {
    let name = try OnionName.sample(1)
    let twin = try name.twin
    var table = NameTable()
    table.configure(name)
    #expect(table.learn(name, from: .keepalive, at: Self.start) == .confirmed)
    #expect(table.learn(twin, from: .keepalive, at: Self.start + .seconds(1_000_000_000)) == .conflict)
    #expect(table.replaceHosts(with: HostNames([twin])) == [])
    #expect(table.name(of: name.address) == name)
    #expect(table.replaceHosts(with: HostNames([])) == [])
    #expect(table.name(of: name.address) == name)
  }

  @Test("the hosts file displaces a learned name, and is not displaced by one")
  func hostsOverLearned() throws {
    let name = try OnionName.sample(1)
    let twin = name.rival
    var table = NameTable()
    _ = table.learn(twin, from: .keepalive, at: Self.start)
    #expect(table.replaceHosts(with: HostNames([name])) == [twin])
    #expect(table.learn(twin, from: .keepalive, at: Self.start + .seconds(1_000_000_000)) == .conflict)
    #expect(table.name(of: name.address) == name)
    #expect(table.replaceHosts(with: HostNames([])) == [name])
    #expect(table.name(of: name.address) == nil)
    #expect(table.learn(twin, from: .keepalive, at: Self.start) == .new)
  }

  @Test("the hosts file takes over a name that was learned, and takes it away with it")
  func hostsSameAsLearned() throws {
    let name = try OnionName.sample(1)
    var table = NameTable()
    _ = table.learn(name, from: .keepalive, at: Self.start)
    #expect(table.replaceHosts(with: HostNames([name])) == [])
    #expect(table.replaceHosts(with: HostNames([])) == [name])
    #expect(table.count == 0)
  }

  @Test("a new hosts file tells which names went, and which changed")
  func replacement() throws {
    let names = try (1...4).map { try OnionName.sample($0) }
    var table = NameTable()
    #expect(table.replaceHosts(with: HostNames([names[0], names[1], names[2]])) == [])
    let gone = table.replaceHosts(with: HostNames([names[1], try names[2].twin, names[3]]))
    #expect(Set(gone) == [names[0], names[2]])
    #expect(table.name(of: names[0].address) == nil)
    #expect(table.name(of: names[1].address) == names[1])
    #expect(table.name(of: names[2].address) == (try names[2].twin))
    #expect(table.name(of: names[3].address) == names[3])
    #expect(table.replaceHosts(with: HostNames([names[1], try names[2].twin, names[3]])) == [])
  }

  @Test("of too many names that were never reached the one confirmed longest ago makes room, and no other kind")
  func bound() throws {
    var table = NameTable()
    let configured = try OnionName.sample(1)
    let hosts = try OnionName.sample(2)
    table.configure(configured)
    _ = table.replaceHosts(with: HostNames([hosts]))
    let names = try (0..<NameTable.unreachedLimit + 2).map { try numbered($0) }
    for (second, name) in names[..<NameTable.unreachedLimit].enumerated() {
      #expect(table.learn(name, from: .keepalive, at: Self.start + .milliseconds(second)) == .new)
    }
    #expect(table.count == NameTable.unreachedLimit + 2)
    // The oldest is confirmed: the second oldest is now the one to go.
    #expect(table.learn(names[0], from: .keepalive, at: Self.start + .seconds(100)) == .confirmed)
    #expect(table.learn(names[NameTable.unreachedLimit], from: .keepalive, at: Self.start + .seconds(101)) == .new)
    #expect(table.name(of: names[0].address) == names[0])
    #expect(table.name(of: names[1].address) == nil)
    #expect(table.learn(names[NameTable.unreachedLimit + 1], from: .keepalive, at: Self.start + .seconds(102)) == .new)
    #expect(table.name(of: names[2].address) == nil)
    #expect(table.count == NameTable.unreachedLimit + 2)
    #expect(table.name(of: configured.address) == configured)
    #expect(table.name(of: hosts.address) == hosts)
  }

  @Test("names whose circuits are closed make room before older ones whose circuits are open, the longest closed first")
  func abandoned() throws {
    var table = NameTable(unreachedLimit: 10)
    let names = try (0..<30).map { try numbered($0) }
    for (second, name) in names[..<10].enumerated() {
      _ = table.learn(name, from: .keepalive, at: Self.start + .seconds(second))
      table.retain(name)
    }
    table.retain(names[7])
    for number in [7, 8, 3, 5] { table.release(names[number]) }
    table.retain(names[8])
    table.release(names[8])
    // In this order: the third, fifth and eighth; the seventh has a circuit left.
    for (number, gone) in [3, 5, 8, 0].enumerated() {
      #expect(table.name(of: names[gone].address) != nil)
      _ = table.learn(names[10 + number], from: .keepalive, at: Self.start + .seconds(20 + number))
      table.retain(names[10 + number])
      #expect(table.name(of: names[gone].address) == nil)
    }
    for kept in [1, 2, 4, 6, 7, 9] { #expect(table.name(of: names[kept].address) != nil) }
    for round in 0..<1_000 {
      table.release(names[round % 30])
      _ = table.learn(names[(round + 7) % 30], from: .keepalive, at: Self.start + .seconds(round))
      table.retain(names[round % 30])
      #expect(table.count <= 10)
    }
  }

  @Test("a crowd of names that were never reached leaves those that were alone")
  func crowd() throws {
    var table = NameTable()
    let known = try OnionName.sample(1)
    _ = table.learn(known, from: .keepalive, at: Self.start)
    #expect(table.isUnreached(known))
    table.reached(known, at: Self.start)
    #expect(!table.isUnreached(known))
    for number in 0..<3 * NameTable.unreachedLimit {
      _ = table.learn(try numbered(number), from: .keepalive, at: Self.start + .milliseconds(number))
    }
    #expect(table.count == NameTable.unreachedLimit + 1)
    #expect(table.name(of: known.address) == known)
  }

  @Test("names that were reached are bounded, too")
  func reachedBound() throws {
    var table = NameTable()
    for number in 0..<NameTable.reachedLimit + 10 {
      let name = try numbered(number)
      _ = table.learn(name, from: .keepalive, at: Self.start + .milliseconds(number))
      table.reached(name, at: Self.start)
    }
    #expect(table.count == NameTable.reachedLimit)
    #expect(table.name(of: try numbered(9).address) == nil)
    #expect(table.name(of: try numbered(10).address) == (try numbered(10)))
  }

  @Test("what the hosts file says of an address on this side is passed over")
  func onThisSide() throws {
    let (own, other) = (try OnionName.sample(1), try OnionName.sample(2))
    var table = NameTable(besides: [own.address])
    #expect(table.replaceHosts(with: HostNames([own, other])) == [])
    #expect(table.count == 1)
    #expect(table.name(of: own.address) == nil)
    #expect(table.name(of: other.address) == other)
    #expect(table.replaceHosts(with: HostNames()) == [other])
  }

  @Test("what a peer says that it can do is known as long as its name, wherever that comes from")
  func capabilities() throws {
    var table = NameTable()
    let name = try OnionName.sample(1)
    table.note(.superPackets, of: name)
    #expect(table.count == 0)
    _ = table.learn(name, from: .keepalive, at: Self.start)
    table.note(.superPackets, of: name)
    for hosts in [[name], [name, try OnionName.sample(2)]] {
      #expect(table.replaceHosts(with: HostNames(hosts)) == [])
      #expect(table.capabilities(of: name) == .superPackets)
      #expect(table.capabilities(of: try name.twin) == nil)
      #expect(table.count == hosts.count)
    }
    table.note([], of: name)
    #expect(table.capabilities(of: name) == [])
    table.note(.superPackets, of: name)
    #expect(table.learn(try name.twin, from: .keepalive, at: Self.start + .seconds(86_400)) == .conflict)
    #expect(table.replaceHosts(with: HostNames()).contains(name))
    #expect(table.count == 0)
    #expect(table.capabilities(of: name) == nil)
  }

  /// A name like one of version 3, another for each number.
  private func numbered(_ number: Int) throws -> OnionName {
    let twin = try OnionName(
      Base32.encode((0..<10).map { UInt8(truncatingIfNeeded: number >> ($0 % 2 * 8) + $0 / 2) }))
    return twin.rival
  }
}
