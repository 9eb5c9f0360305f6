import Testing

@testable import OverlayCore
@testable import OverlayIO

@Suite("Names that come and go")
struct NodeNamesTests {
  private let world = FakeWorld()
  private let alice: OnionName
  private let bob: OnionName
  private let carol: OnionName

  init() throws {
    alice = try .sample(1)
    bob = try .sample(2)
    carol = try .sample(3)
  }

  @Test("a new hosts file closes the circuits to the names that went, and only those")
  func replaced() throws {
    let host = world.start(FakeHost(alice), knowing: [bob, carol])
    world.send(host.packet(to: bob.address), from: host)
    world.send(host.packet(to: carol.address), from: host)
    world.replaceHosts(of: host, with: [carol])
    #expect(world.circuits.map(\.isClosed) == [true, false])
    // Carol is asked for the name, and says nothing.
    world.send(host.packet(to: bob.address), from: host)
    world.pass(NameSearches.patience)
    #expect(host.takeErrorCodes() == [3])
    #expect(host.count(.unknownName) == 1)
    #expect(world.circuits.count == 2)
  }

  @Test("a name that went is not dialled again for the packets that waited for it")
  func replacedWhileWaiting() throws {
    let host = world.start(FakeHost(alice), knowing: [bob])
    world.send(host.packet(to: bob.address), from: host)
    world.pass(.seconds(40))
    world.circuits[0].room = 0
    world.send(host.packet(to: bob.address), from: host)
    world.replaceHosts(of: host, with: [])
    #expect(host.dials.count == 1)
    #expect(host.takeErrorCodes() == [3])
  }

  @Test("an address whose name changes is reached by the new name")
  func renamed() throws {
    let host = world.start(FakeHost(alice), knowing: [bob])
    world.send(host.packet(to: bob.address), from: host)
    world.replaceHosts(of: host, with: [try bob.twin])
    world.send(host.packet(to: bob.address), from: host)
    #expect(world.circuits.compactMap(\.request?.name) == ["\(bob)", "\(try bob.twin)"])
    #expect(world.circuits.map(\.isClosed) == [true, false])
  }

  @Test("of two permanent peers with one address the first counts")
  func twins() throws {
    let peers = [ConfiguredPeer(name: bob), ConfiguredPeer(name: try bob.twin)]
    let host = world.start(FakeHost(alice, peers: peers))
    world.send(host.packet(to: bob.address), from: host)
    #expect(world.circuits.compactMap(\.request?.name) == ["\(bob)"])
    #expect(host.takeErrorCodes() == [])
  }

  @Test("our own name in the hosts file is passed over")
  func ownName() throws {
    let host = world.start(FakeHost(alice), knowing: [alice, bob])
    #expect(host.node.names.count == 1)
    world.send(host.packet(to: alice.address), from: host)
    #expect(host.count(.loop) == 1)
    #expect(host.dials == [])
  }

  @Test("another identity of this host is never dialled: not by the hosts file, nor as a peer or the way to a prefix")
  func siblings() throws {
    let routes = try [Route(prefix: #require(IPPrefix("fd00:b::/48")), via: bob)]
    let host = world.start(
      FakeHost(
        NodeSettings(
          name: alice, peers: [ConfiguredPeer(name: bob), ConfiguredPeer(name: carol)],
          siblings: [alice.address, bob.address], routes: routes)),
      knowing: [bob, try .sample(4)])
    #expect(host.node.names.count == 2)
    world.send(host.packet(to: bob.address), from: host)
    world.send(host.packet(to: try .sample("fd00:b::1")), from: host)
    host.want(bob.address, at: world.now)
    world.settle()
    #expect(host.dials.count == 1)
    #expect(world.circuits.compactMap(\.request?.name) == ["\(carol)"])
    #expect(host.count(.unknownName) == 1)
    #expect(host.takeErrorCodes() == [3, 0])
  }

  @Test("the report tells the names, peers, circuits and counters")
  func report() throws {
    let petname = try #require(Petname("bob"))
    let host = world.start(
      FakeHost(alice, peers: [ConfiguredPeer(name: bob, petname: petname), ConfiguredPeer(name: carol)]))
    world.outcomes["\(carol)"] = .silence
    world.cut(world.circuits[1])
    world.pass(.seconds(5))
    _ = world.call(host)
    let report = host.node.status(at: world.now).lines
    #expect(report.first == "\(alice.address): 2 names known, Tor is reachable, checking")
    #expect(
      report.contains {
        $0.hasPrefix("peer bob (\(bob.address)): circuit open for 5 s, 0 more for bulk; ")
          && $0.hasSuffix(" bytes sent, 0 bytes received")
      })
    #expect(report.contains { $0.hasPrefix("peer number 2 (\(carol.address)): dialling for ") })
    #expect(report.contains("accepted circuits: 1"))
    #expect(report.last?.hasPrefix("counters: dialled=3 granted=2 dialFailed=0") == false)
    #expect(report.last == "counters: dialled=3 granted=2 accepted=1")
  }

  @Test("a report tells why a peer is not there, how long ago that was, and when it is tried again")
  func reportOfFailure() throws {
    let host = FakeHost(alice, peers: [ConfiguredPeer(name: bob, petname: Petname("bob"))])
    world.outcomes = ["\(bob)": .refused(0x5b)]
    _ = world.start(host)
    world.pass(.seconds(1))
    let line = try #require(host.node.status(at: world.now).lines.first { $0.hasPrefix("peer bob") })
    #expect(line.hasPrefix("peer bob (\(bob.address)): no circuit; "))
    #expect(line.contains("; last error 1 s ago: not reached: "))
    #expect(line.contains("; next try in "))
    world.isTorReachable = false
    world.pass(.seconds(600))
    let later = try #require(host.node.status(at: world.now).lines.first { $0.hasPrefix("peer bob") })
    #expect(later.hasSuffix("; next try when Tor is back"))
  }

  @Test("a report counts what went over circuits that are gone, and over those that come from a peer")
  func traffic() throws {
    let host = world.start(FakeHost(alice), knowing: [bob])
    world.send(host.packet(to: bob.address, size: 100), from: host)
    world.send(host.packet(to: bob.address, size: 100), from: host)
    let peer = FakeHost(bob)
    let incoming = peer.keepalive(to: alice.address) + peer.packet(to: alice.address, size: 1_000)
    world.say(incoming, on: try #require(world.call(host)))
    let circuit = try #require(host.dialledCircuits.first)
    for circuit in host.sockets.values { world.cut(circuit) }
    let traffic = try #require(host.node.peer(bob).map { host.node.peers.peers[$0].traffic })
    // What Tor is asked for, and answers, is no peer's.
    #expect(traffic.received == UInt64(incoming.count))
    #expect(traffic.sent == UInt64(circuit.arrived.count))
    #expect(
      host.node.status(at: world.now).lines.contains {
        $0.contains("\(bob.address): no circuit; \(traffic.sent) bytes sent, 1.1 kB received")
      })
  }

  @Test("our own call is called so in a report")
  func reportOfOwnCall() {
    let host = world.start(FakeHost(alice))
    world.send(Sample.echoRequest(from: alice.address, to: OverlayNetwork.tor.circuitResponder), from: host)
    let report = host.node.status(at: world.now).lines
    #expect(report.contains { $0.hasPrefix("own onion service (feed:beef): circuit open for ") })
  }

  @Test("no report holds the name of a peer, configured, known or learned")
  func reportWithoutNames() throws {
    let host = world.start(FakeHost(alice, peers: [ConfiguredPeer(name: bob)]), knowing: [carol])
    let stranger = FakeHost(try .sample(9))
    world.say(stranger.keepalive(to: alice.address), on: try #require(world.call(host)))
    for name in [carol, stranger.name] { world.send(host.packet(to: name.address), from: host) }
    let report = host.node.status(at: world.now).lines.joined(separator: "\n")
    for name in [bob, carol, stranger.name] {
      #expect(!report.contains(name.label))
      #expect(report.contains("\(name.address)"))
    }
  }

  @Test("an address whose name nobody knows is told once at the level debug, and so are no more than are remembered")
  func unknownAddresses() throws {
    let host = world.start(FakeHost(alice))
    for _ in 0..<3 { world.send(host.packet(to: bob.address), from: host) }
    let lines = host.log.filter { $0.text.contains("\(bob.address): its name is not known") }
    #expect(lines.map(\.level) == [.debug])
    for number in 0..<2_000 {
      let address = IPv6Address(high: bob.address.high, low: UInt64(number))
      world.send(host.packet(to: address), from: host)
    }
    #expect(host.log.count { $0.text.contains("its name is not known") } <= 20)
    #expect(host.node.unknownTold.count <= Refusals.mostUnknownTold)
  }

  @Test("a report of a node that has done nothing says so")
  func emptyReport() {
    let host = FakeHost(alice)
    let report = host.node.status(at: world.now).lines
    #expect(
      report == [
        "\(alice.address): 0 names known, Tor is unknown, checking", "accepted circuits: 0",
        "door: pings, answers, any (0 packets); 0 flows of ours", "counters: none",
      ])
  }

  @Test("no line of the log above debug holds a name or an address of a peer")
  func log() throws {
    let petname = try #require(Petname("friend"))
    let host = world.start(FakeHost(alice, peers: [ConfiguredPeer(name: bob, petname: petname)]), knowing: [carol])
    let twin = FakeHost(try carol.twin)
    world.send(host.packet(to: carol.address), from: host)
    for bytes in [twin.keepalive(to: alice.address), [0x50], FakeHost(carol).keepalive(to: alice.address)] {
      if let circuit = world.call(host) { world.say(bytes, on: circuit) }
    }
    world.outcomes = ["\(bob)": .refused(0x5c)]
    world.cut(world.circuits[0])
    world.pass(.seconds(600))
    world.isTorReachable = false
    world.pass(.seconds(600))
    world.isTorReachable = true
    world.outcomes = [:]
    world.pass(.seconds(600))
    world.replaceHosts(of: host, with: [])
    let lines = host.log.filter { $0.level < .debug }.map(\.text)
    #expect(lines.contains("peer friend: connected"))
    #expect(lines.contains { $0.hasPrefix("peer friend: ") && !$0.hasSuffix("connected") })
    for line in lines {
      for name in [bob, carol, alice] {
        #expect(!line.contains(name.label))
        #expect(!line.contains("\(name.address)"))
        #expect(!line.contains(".onion"))
      }
    }
    #expect(host.log.contains { $0.level == .debug && $0.text.contains("\(bob)") })
  }

  @Test("how a permanent peer is, is said once for each change")
  func oncePerChange() throws {
    world.outcomes["\(bob)"] = .refused(0x5b)
    let host = world.start(FakeHost(alice, peers: [ConfiguredPeer(name: bob)]))
    world.pass(.seconds(3_600))
    world.outcomes = [:]
    world.pass(.seconds(3_600))
    let lines = host.log.filter { $0.level == .notice }.map(\.text)
    #expect(
      lines == [
        "peer number 1: not reached: refused by Tor (SOCKS code 91); next try in 10 s", "peer number 1: connected",
      ])
  }
}
