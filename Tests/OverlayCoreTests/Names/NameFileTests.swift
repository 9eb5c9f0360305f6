import Testing

@testable import OverlayCore

@Suite("The file of remembered names")
struct NameFileTests {
  private static let start = Instant(nanoseconds: 1_000_000_000_000)
  private static let wallClock: Int64 = 1_800_000_000

  private let own: IPv6Address
  private let names: [OnionName]
  private var table = NameTable()

  init() throws {
    own = try OnionName.sample(1).address
    names = try (2...7).map { try OnionName.sample($0) }
    _ = table.learn(names[0], from: .lookup, at: Self.start)
    _ = table.learn(names[1], from: .keepalive, at: Self.start + .seconds(60))
    table.reached(names[1], at: Self.start + .seconds(120))
    _ = table.learn(names[2], from: .hearsay, at: Self.start)
    // A stranger's own claim.
    _ = table.learn(names[3], from: .keepalive, at: Self.start)
    table.configure(names[4])
    _ = table.replaceHosts(with: HostNames([names[5]]))
  }

  private func text(at now: Instant = start, of identity: IPv6Address? = nil) -> String {
    NameFile.text(of: [
      RememberedNames(table.learned, of: identity ?? own, wallClock: Self.wallClock, at: now)
    ])
  }

  private func read(_ bytes: [UInt8]) -> (names: [RememberedName], damaged: Int) {
    var names: [RememberedName] = []
    let damaged = NameFile.read(bytes) { names.append($0) }
    return (names, damaged)
  }

  @Test("names that were reached or asked for are written, and read as they were; those of strangers are not written")
  func round() {
    let (read, damaged) = read(Array(text().utf8))
    #expect(damaged == 0 && read.map(\.name) == [names[0], names[2], names[1]])
    #expect(read.map(\.source) == [.lookup, .hearsay, .keepalive] && read.map(\.isReached) == [false, false, true])
    #expect(read.map { $0.expiry - Self.wallClock } == [7_200, 7_200, 7_320] && read.allSatisfy { $0.identity == own })
  }

  @Test("whatever byte is damaged, a name is read as it was or left out, and counted")
  func damaged() {
    let whole = Array(text().utf8)
    let original = read(whole).names
    for place in whole.indices {
      for bit in 0..<8 {
        var bytes = whole
        bytes[place] ^= 1 << UInt8(bit)
        let (read, damaged) = read(bytes)
        #expect(read.allSatisfy { original.contains($0) } && read.count >= original.count - 2)
        #expect(read.count == original.count || damaged > 0, "byte \(place), bit \(bit)")
      }
    }
    for length in whole.indices {
      let (read, damaged) = read(Array(whole[..<length]))
      #expect(read == Array(original.prefix(read.count)) && damaged <= 1)
    }
  }

  @Test("times go on over a restart, whatever the clock of the next run begins with")
  func times() throws {
    for boot in [Self.start, Instant(nanoseconds: 1_000_000_000), Instant(nanoseconds: 0)] {
      var node = try Node(NodeSettings(name: .sample(1)))
      let later: Int64 = 86_400
      for name in read(Array(text().utf8)).names { node.remember(name, wallClock: Self.wallClock + later, at: boot) }
      let known = try #require(node.names.known(at: names[0].address, boot))
      #expect(known.expiry == .seconds(7_200 - later) && known.source == .lookup && known.name == names[0])
      // As old as it is, it is as old in the next file.
      let again = NameFile.text(of: [node.rememberedNames(wallClock: Self.wallClock + later, at: boot)])
      #expect(again == text())
      // A week after it was last valid it goes.
      let left = NameTable.unreachableLimit - .seconds(later - 7_200)
      node.names.prune(at: boot + left)
      #expect(node.name(of: names[0].address) == names[0])
      node.names.prune(at: boot + left + .seconds(1))
      #expect(node.name(of: names[0].address) == nil)
    }
  }

  @Test("a clock that was set back makes no name valid for longer, and a name that is too old does not come back")
  func clocks() throws {
    let names = read(Array(text().utf8)).names
    for (shift, expiry) in [(-1_000_000_000, 7_200), (604_800, -597_600)] as [(Int64, Int64)] {
      var node = try Node(NodeSettings(name: .sample(1)))
      for name in names { node.remember(name, wallClock: Self.wallClock + shift, at: Self.start) }
      #expect(node.names.known(at: self.names[0].address, Self.start)?.expiry == .seconds(expiry))
    }
    var node = try Node(NodeSettings(name: .sample(1)))
    for clock in [Self.wallClock + 7 * 86_400 + 7_321, .max] {
      for name in names { node.remember(name, wallClock: clock, at: Self.start) }
    }
    #expect(node.names.count == 0)
    for name in names { node.remember(name, wallClock: .min, at: Self.start) }
    #expect(node.names.count == 3)
  }

  @Test("what is remembered displaces nothing that is known, and belongs to one identity alone")
  func precedence() throws {
    let policy = NodePolicy.trusting(peers: [ConfiguredPeer(name: names[0].rival)])
    var node = try Node(NodeSettings(name: .sample(1), policy: policy, siblings: [names[2].address]))
    _ = node.names.replaceHosts(with: HostNames([names[1].rival]))
    for name in read(Array(text().utf8)).names { node.remember(name, wallClock: Self.wallClock, at: Self.start) }
    #expect(node.name(of: names[0].address) == names[0].rival && node.name(of: names[1].address) == names[1].rival)
    #expect(node.name(of: names[2].address) == nil)
    node = try Node(NodeSettings(name: .sample(9)))
    for name in read(Array(text().utf8)).names { node.remember(name, wallClock: Self.wallClock, at: Self.start) }
    #expect(node.names.count == 0)
  }

  @Test("what comes and goes changes what is to be written, and what strangers claim does not")
  mutating func changes() throws {
    var last = table.learned.changes
    func changed() -> Bool {
      defer { last = table.learned.changes }
      return table.learned.changes != last
    }
    for number in 0..<UInt64(1_000) { _ = table.learn(try .sample(100 + number), from: .keepalive, at: Self.start) }
    _ = table.learn(names[1], from: .keepalive, at: Self.start)
    table.reached(names[1], at: Self.start)
    #expect(!changed())
    table.reached(try .sample(1_099), at: Self.start)
    #expect(changed())
    _ = table.learn(try .sample(50), from: .lookup, at: Self.start)
    #expect(changed())
    #expect(table.forgetLearned(try OnionName.sample(50).address))
    #expect(changed())
    #expect(table.forgetLearned() > 0)
    #expect(changed())
    #expect(table.learned.count == 0)
  }
}
