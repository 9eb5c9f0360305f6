import Testing

@testable import OverlayCore

@Suite("Packets for an address whose name nobody told")
struct NodeSearchTests {
  private let world = FakeWorld()
  private let alice: OnionName
  private let carol: OnionName

  init() throws {
    alice = try .sample(1)
    carol = try .sample(3)
  }

  private func asking(_ lookup: LookupMode = .ask) -> FakeHost {
    world.start(FakeHost(NodeSettings(name: alice, policy: NodePolicy.trusting(lookup: lookup))))
  }

  private func name(_ index: UInt8) -> String { LookupKey(of: carol.address, index: index).map { "\($0.name)" } ?? "" }

  private func line(_ name: OnionName) -> LookUpService { .says(Array("\(name)\n".utf8)) }

  @Test("the packets wait while the lookup service is asked, and go to the host that it names")
  func found() {
    let (host, other) = (asking(), world.start(FakeHost(carol)))
    world.lookUpServices[name(0)] = line(carol)
    for number in UInt8(0)..<3 { world.queue(host.packet(to: carol.address, number), from: host) }
    world.settle()
    #expect(other.takeDelivered() == (UInt8(0)..<3).map { host.packet(to: carol.address, $0) })
    #expect(host.lookUps.count == 1)
    #expect(host.count(.resolved) == 1)
    #expect(host.takeDelivered().isEmpty)
    world.send(host.packet(to: carol.address, 9), from: host)
    #expect(host.lookUps.count == 1, "the name is known now")
    #expect(host.node.streams.count == 1)
  }

  @Test("a peer that is reached is not searched for when its name was forgotten, and says it")
  func forgotten() {
    let (host, other) = (asking(), world.start(FakeHost(carol)))
    world.lookUpServices[name(0)] = line(carol)
    world.send(host.packet(to: carol.address), from: host)
    let isForgotten = host.node.forgetName(at: carol.address)
    host.want(carol.address, at: world.now)
    world.settle()
    let isUp = host.node.peer(carol).map { host.node.peers.peers[$0].state == .up }
    let known = host.node.known(at: carol.address, world.now)
    #expect(isForgotten && isUp == true)
    #expect(known?.name == carol && known?.age == nil && known?.expiry == nil)
    #expect(host.lookUps.count == 1)
    #expect(other.takeDelivered().count == 1)
  }

  @Test("each question has a user of its own at Tor, and the port of all circuits")
  func isolated() {
    let host = asking()
    for number in UInt64(0)..<5 {
      world.send(host.packet(to: IPv6Address(high: alice.address.high, low: number << 8 | 3)), from: host)
    }
    #expect(Set(host.lookUps.map(\.question.user.text)).count == 5)
    #expect(host.lookUps.allSatisfy { $0.question.port == OverlayNetwork.servicePort })
  }

  @Test("an address that nobody serves is refused as soon as Tor has said so, and from then on at once")
  func absent() {
    let host = asking()
    world.send(host.packet(to: carol.address), from: host)
    #expect(host.takeErrorCodes() == [3])
    #expect(host.count(.unknownName) == 1)
    world.send(host.packet(to: carol.address), from: host)
    #expect(host.takeErrorCodes() == [3])
    #expect(host.lookUps.count == 1)
    world.pass(.seconds(60))
    world.send(host.packet(to: carol.address), from: host)
    #expect(host.lookUps.count == 2)
    #expect(host.node.peers.count == 0 && host.node.streams.count == 0)
  }

  @Test(
    "who publishes a lookup name that nobody can reach hides nobody, where Tor does not tell that from none",
    arguments: UInt8(1)...3)
  func useless(served: UInt8) {
    let (host, other) = (asking(), world.start(FakeHost(carol)))
    for index in UInt8(0)...3 { world.lookUpServices[name(index)] = .refused(code: 4) }
    world.lookUpServices[name(served)] = line(carol)
    world.send(host.packet(to: carol.address), from: host)
    #expect(other.takeDelivered() == [host.packet(to: carol.address)])
    #expect(host.lookUps.count == Int(served) + 1)
  }

  @Test("with lookup off, without Tor, and for an address that no host of version 3 has, nobody is asked")
  func nobodyIsAsked() {
    let quiet = asking(.off)
    world.send(quiet.packet(to: carol.address), from: quiet)
    #expect(quiet.takeErrorCodes() == [3] && quiet.lookUps.isEmpty)
    let host = asking()
    let impossible = IPv6Address(high: carol.address.high, low: carol.address.low & ~0xff | 4)
    for address in [impossible, OverlayNetwork.tor.localResponder] {
      world.send(host.packet(to: address), from: host)
    }
    #expect(host.lookUps.isEmpty)
    world.isTorReachable = false
    let late = asking()
    world.send(late.packet(to: carol.address), from: late)
    #expect(late.takeErrorCodes() == [3] && late.lookUps.isEmpty)
  }

  @Test("who lies at an index is not believed, whatever he says, and the next index tells")
  func lies() throws {
    let lies: [LookUpService] = [
      line(try OnionName.sample(7)), line(try carol.twin), .says([]), .says(Array("\(carol)".utf8)), .says([10]),
      .says([UInt8](repeating: 0x41, count: 100_000)), .says(Array("\(carol)x\n".utf8)), .refused(code: 1),
      .refused(code: 5), .refused(code: 0xf2),
    ]
    let other = world.start(FakeHost(carol))
    for lie in lies {
      world.lookUpServices = [name(0): lie, name(1): lie, name(2): lie, name(3): line(carol)]
      let host = asking()
      world.send(host.packet(to: carol.address), from: host)
      #expect(other.takeDelivered().count == 1, "\(lie)")
      #expect(host.lookUps.count == 4)
      #expect(host.node.streams.store.lentBytes == 0)
    }
  }

  @Test("a silent index is passed by after a while; a host that answers nowhere is refused after 30 s")
  func silence() {
    let (host, other) = (asking(), world.start(FakeHost(carol)))
    world.lookUpServices = [name(0): .isSilent, name(1): line(carol)]
    world.send(host.packet(to: carol.address), from: host)
    world.pass(.seconds(7))
    #expect(host.lookUps.count == 1 && other.takeDelivered().isEmpty)
    world.pass(.seconds(2))
    #expect(other.takeDelivered().count == 1)
    #expect(host.sockets.count == 1, "the silent one is left")
    let late = asking()
    for index in UInt8(0)...3 { world.lookUpServices[name(index)] = .isSilent }
    world.send(late.packet(to: carol.address), from: late)
    world.pass(.seconds(29))
    #expect(late.takeErrorCodes().isEmpty)
    world.pass(.seconds(2))
    #expect(late.takeErrorCodes() == [3])
    #expect(late.sockets.isEmpty)
  }

  @Test("a name that is told otherwise meanwhile ends the search: by its host, by the hosts file, by the operator")
  func otherwise() {
    world.lookUpServices[name(0)] = .isSilent
    let other = world.start(FakeHost(carol))
    for way in 0..<3 {
      let host = asking()
      world.send(host.packet(to: carol.address), from: host)
      switch way {
      case 0: world.replaceHosts(of: host, with: [carol])
      case 1:
        _ = host.node.apply(NodePolicy.trusting(peers: [ConfiguredPeer(name: carol)], lookup: .ask), turn: &host.turn)
        world.settle()
      default:
        guard let call = world.call(host) else {
          Issue.record("no call")
          return
        }
        world.say(other.keepalive(to: alice.address), on: call)
      }
      #expect(other.takeDelivered().count == 1)
      #expect(host.node.peers.searches.count == 0)
    }
  }

  @Test("a host that was found and is not there is refused as any other, and looked up anew a minute later")
  func goneAfterwards() {
    let host = asking()
    world.lookUpServices[name(0)] = line(carol)
    world.outcomes["\(carol)"] = .refused(0x5b)
    for time in 1...3 {
      world.send(host.packet(to: carol.address), from: host)
      world.send(host.packet(to: carol.address), from: host)
      #expect(host.takeErrorCodes() == [3, 3])
      #expect(host.lookUps.count == 2 * time && host.dials.count == time)
      world.pass(.seconds(61))
    }
    world.outcomes["\(carol)"] = nil
    let other = world.start(FakeHost(carol))
    world.pass(.seconds(600))
    world.send(host.packet(to: carol.address), from: host)
    #expect(other.takeDelivered().count == 1)
  }

  @Test("a made-up name that maps to the address is dialled in vain, and the next index tells, while the packets wait")
  func madeUp() throws {
    let (host, other) = (asking(), world.start(FakeHost(carol)))
    let madeUp = try OnionName.madeUp
    for (index, name) in madeUp.prefix(3).enumerated() {
      #expect(name.address == carol.address && name != carol)
      world.lookUpServices[self.name(UInt8(index))] = line(name)
      world.outcomes["\(name)"] = .refused(0x5b)
    }
    world.lookUpServices[name(3)] = line(carol)
    for number in UInt8(0)..<3 { world.queue(host.packet(to: carol.address, number), from: host) }
    world.settle()
    #expect(other.takeDelivered() == (UInt8(0)..<3).map { host.packet(to: carol.address, $0) })
    #expect(host.takeErrorCodes().isEmpty && host.lookUps.count == 4 && host.dials.count == 4)
    #expect(host.node.peers.searches.count == 0 && host.node.streams.count == 1)
    #expect(host.node.names.name(of: carol.address) == carol)
  }

  @Test("where every index tells a made-up name the packets are refused, and none of the names is kept")
  func madeUpEverywhere() throws {
    let host = asking()
    for (index, name) in try OnionName.madeUp.enumerated() {
      world.lookUpServices[self.name(UInt8(index))] = line(name)
      world.outcomes["\(name)"] = .refused(0x5b)
    }
    world.send(host.packet(to: carol.address), from: host)
    #expect(host.takeErrorCodes() == [3] && host.dials.count == 4)
    #expect(host.node.names.count == 0 && host.node.peers.searches.count == 0 && host.node.streams.count == 0)
    #expect(host.node.streams.store.lentBytes == 0)
  }

  @Test("who calls by a made-up name hides nobody: its dial is refused, and the host is searched for")
  func madeUpCaller() throws {
    let (host, other) = (asking(), world.start(FakeHost(carol)))
    let liar = try #require(try OnionName.madeUp.first)
    world.outcomes["\(liar)"] = .refused(0x5b)
    world.lookUpServices[name(0)] = line(carol)
    let call = try #require(world.call(host))
    world.say(FakeHost(liar).keepalive(to: alice.address), on: call)
    world.pass(.seconds(20))
    world.send(host.packet(to: carol.address), from: host)
    world.pass(.seconds(1))
    #expect(other.takeDelivered() == [host.packet(to: carol.address)])
    #expect(host.node.names.name(of: carol.address) == carol)
  }

  @Test("who claims a made-up name again and again hides nobody, either, though it is dialled less and less often")
  func stubbornCaller() throws {
    let host = world.start(
      FakeHost(NodeSettings(name: alice, policy: NodePolicy.trusting(lookup: .ask, authentication: .strict))))
    let other = world.start(FakeHost(carol))
    let liar = try #require(try OnionName.madeUp.first)
    world.outcomes["\(liar)"] = .refused(0x5b)
    world.lookUpServices[name(0)] = line(carol)
    for _ in 0..<20 {
      let call = try #require(world.call(host))
      world.say(FakeHost(liar).keepalive(to: alice.address), on: call)
      world.pass(.seconds(31))
    }
    #expect(!host.dials.isEmpty && host.node.names.name(of: carol.address) == liar)
    world.send(host.packet(to: carol.address), from: host)
    world.pass(.seconds(1))
    #expect(other.takeDelivered().first == host.packet(to: carol.address) && host.takeErrorCodes().isEmpty)
    #expect(host.node.names.name(of: carol.address) == carol)
  }

  @Test("an address is looked for again at once where nobody could say that it is not known")
  func unanswered() {
    let (host, other) = (asking(), world.start(FakeHost(carol)))
    world.lookUpServices[name(0)] = line(carol)
    world.isTorReachable = false
    world.send(host.packet(to: carol.address), from: host)
    #expect(host.takeErrorCodes() == [3])
    world.isTorReachable = true
    world.pass(.seconds(10))
    world.send(host.packet(to: carol.address, 1), from: host)
    #expect(other.takeDelivered() == [host.packet(to: carol.address, 1)])

    let alone = asking(.off)
    world.send(alone.packet(to: carol.address), from: alone)
    #expect(alone.takeErrorCodes() == [3])
    _ = alone.node.apply(NodePolicy.trusting(lookup: .ask), turn: &alone.turn)
    world.send(alone.packet(to: carol.address, 2), from: alone)
    #expect(other.takeDelivered() == [alone.packet(to: carol.address, 2)])
  }

  @Test("a search ends, and no other index is asked, once the operator wants nobody asked, or the peer blocked")
  func stopped() {
    for blocks in [false, true] {
      let host = asking()
      world.lookUpServices[name(0)] = .isSilent
      world.send(host.packet(to: carol.address), from: host)
      if blocks {
        #expect(host.node.block(carol.address, turn: &host.turn) == true)
        world.settle()
        #expect(host.takeErrorCodes() == [3])
      } else {
        _ = host.node.apply(NodePolicy.trusting(lookup: .off), turn: &host.turn)
      }
      world.pass(.seconds(31))
      #expect(host.lookUps.count == 1 && host.node.peers.searches.count == 0)
    }
  }

  @Test("while a name that was told is dialled the search waits, and goes on where it was, for a while")
  func silentTrial() throws {
    let (host, other) = (asking(), world.start(FakeHost(carol)))
    let liar = try #require(try OnionName.madeUp.first)
    world.outcomes["\(liar)"] = .silence
    world.lookUpServices = [name(0): line(liar), name(1): line(carol)]
    world.send(host.packet(to: carol.address), from: host)
    world.pass(.seconds(29))
    #expect(host.lookUps.count == 1 && host.takeErrorCodes().isEmpty)
    let circuit = try #require(world.circuits.last { $0.dialler === host && $0.lookUp == nil })
    world.answer([0, 0x5b, 0, 0, 0, 0, 0, 0], on: circuit)
    #expect(other.takeDelivered().count == 1 && host.lookUps.count == 2)
    #expect(host.node.peers.searches.count == 0)
    let late = asking()
    world.send(late.packet(to: carol.address), from: late)
    world.pass(.seconds(31))
    #expect(late.takeErrorCodes() == [3] && late.lookUps.count == 1)
    world.pass(.seconds(30))
    #expect(late.lookUps.count == 2 && late.dials.count == 2 && late.node.peers.searches.count == 0)
    let packet = late.packet(to: carol.address, 7)
    #expect(!other.takeDelivered().contains(late.packet(to: carol.address)))
    world.send(packet, from: late)
    #expect(other.takeDelivered().contains(packet) && late.takeErrorCodes().isEmpty, "it is there")
  }

  @Test("a packet is refused after 30 s, though every index tells a name that is dialled in vain for twice as long")
  func longTrials() throws {
    let host = asking()
    for (index, name) in try OnionName.madeUp.enumerated() {
      world.lookUpServices[self.name(UInt8(index))] = line(name)
      world.outcomes["\(name)"] = .silence
    }
    var refused = 0
    for second in 0..<239 {
      world.send(host.packet(to: carol.address), from: host)
      refused += host.takeErrorCodes().count
      #expect(refused == max(0, second - 29), "after \(second) s")
      world.pass(.seconds(1))
    }
    #expect(host.lookUps.count == 4 && host.dials.count == 4, "the search went on all the time")
    world.pass(.seconds(30))
    #expect(host.count(.unknownName) == 239, "the last ones together, of which ten are told")
    #expect(host.node.names.count == 0 && host.node.peers.searches.count == 0 && host.node.streams.count == 0)
    #expect(host.node.streams.store.lentBytes == 0)
  }

  @Test("the search goes on when nobody waits for it any more, and a later packet finds the host at once")
  func foundLate() throws {
    let (host, other) = (asking(), world.start(FakeHost(carol)))
    for (index, name) in try OnionName.madeUp.prefix(3).enumerated() {
      world.lookUpServices[self.name(UInt8(index))] = line(name)
      world.outcomes["\(name)"] = .silence
    }
    world.lookUpServices[name(3)] = line(carol)
    world.send(host.packet(to: carol.address), from: host)
    world.pass(.milliseconds(29_999))
    #expect(host.takeErrorCodes().isEmpty)
    world.pass(.milliseconds(1))
    #expect(host.takeErrorCodes() == [3] && host.count(.unknownName) == 1)
    #expect(host.node.streams.store.lentBytes == 0)
    world.pass(.seconds(151))
    #expect(host.node.names.name(of: carol.address) == carol && host.dials.count == 4)
    world.send(host.packet(to: carol.address), from: host)
    #expect(other.takeDelivered().count == 1 && host.takeErrorCodes().isEmpty)
  }

  @Test("who calls by a made-up name and is not reached keeps packets for 30 s, and the host is searched for meanwhile")
  func silentCaller() throws {
    let (host, other) = (asking(), world.start(FakeHost(carol)))
    let liar = try #require(try OnionName.madeUp.first)
    world.outcomes["\(liar)"] = .silence
    world.lookUpServices[name(0)] = line(carol)
    world.say(FakeHost(liar).keepalive(to: alice.address), on: try #require(world.call(host)))
    world.send(host.packet(to: carol.address), from: host)
    world.pass(.seconds(30))
    #expect(host.takeErrorCodes() == [3])
    world.pass(.seconds(31))
    world.send(host.packet(to: carol.address), from: host)
    #expect(other.takeDelivered().count == 1 && host.takeErrorCodes().isEmpty)
  }

  @Test("packets for a host that the operator named, or that was reached before, wait for as long as Tor may take")
  func knownHosts() throws {
    let other = world.start(FakeHost(carol))
    let hosts = [
      world.start(FakeHost(alice), knowing: [carol]),
      world.start(FakeHost(alice, peers: [ConfiguredPeer(name: carol)])), asking(),
    ]
    world.lookUpServices[name(0)] = line(carol)
    world.send(hosts[2].packet(to: carol.address), from: hosts[2])
    #expect(other.takeDelivered().count == 1)
    world.outcomes["\(carol)"] = .silence
    for circuit in world.circuits { world.cut(circuit) }
    for host in hosts {
      _ = host.node.connect(carol, turn: &host.turn)
      world.send(host.packet(to: carol.address), from: host)
    }
    world.pass(.seconds(50))
    for (place, host) in hosts.enumerated() {
      #expect(host.takeErrorCodes().isEmpty && host.node.streams.store.lentBytes > 0, "\(place)")
    }
  }

  @Test("a trial that nobody needs any more ends its search: Tor is away, or the operator blocks the address")
  func trialEnds() throws {
    let liar = try #require(try OnionName.madeUp.first)
    world.outcomes["\(liar)"] = .silence
    world.lookUpServices[name(0)] = line(liar)
    for isBlocked in [true, false] {
      let host = asking()
      world.send(host.packet(to: carol.address), from: host)
      #expect(host.node.peers.searches.count == 1 && host.dials.count == 1)
      if isBlocked {
        _ = host.node.block(carol.address, turn: &host.turn)
        world.settle()
      } else {
        world.isTorReachable = false
        host.node.ended(try #require(host.node.streams.circuits.identifiers.first), .torUnreachable, turn: &host.turn)
        world.settle()
      }
      #expect(host.node.peers.searches.count == 0 && host.node.streams.store.lentBytes == 0, "\(isBlocked)")
    }
  }

  @Test("100,000 addresses in an hour: no bound is passed, and a configured peer loses no packet and no circuit")
  func crowd() throws {
    let bob = try OnionName.sample(2)
    let other = world.start(FakeHost(bob))
    let host = world.start(
      FakeHost(NodeSettings(name: alice, policy: NodePolicy.trusting(peers: [ConfiguredPeer(name: bob)], lookup: .ask)))
    )
    var random = SeededGenerator(seed: 9)
    var (delivered, mostSockets, mostPeers) = (0, 0, 0)
    for second in 0..<3_600 {
      for number in 0..<28 {
        let address = IPv6Address(high: alice.address.high, low: random.next() & ~0xff | 3)
        // Some are served by a liar who says nothing.
        if number % 4 == 0, let key = LookupKey(of: address, index: 0) {
          world.lookUpServices["\(key.name)"] = .isSilent
        }
        world.queue(host.packet(to: address), from: host)
      }
      let packet = host.packet(to: bob.address, UInt8(truncatingIfNeeded: second))
      world.send(packet, from: host)
      mostSockets = max(mostSockets, host.sockets.count)
      mostPeers = max(mostPeers, host.node.peers.count)
      // Its echo requests, which ask whether it is there, are none of these.
      delivered += other.takeDelivered().count { $0 == packet }
      host.device.frames = []
      world.pass(.seconds(1))
    }
    #expect(delivered == 3_600)
    #expect(host.lookUps.count <= 20 + 3_600 && host.lookUps.count > 1_000)
    #expect(mostSockets <= 1 + NameSearches.limit && mostPeers <= 1 + NameSearches.limit)
    #expect(host.dials.count == 1, "the configured peer's circuit stood all the time")
    world.pass(.seconds(31))
    #expect(host.node.streams.store.lentBytes == 0 && host.node.peers.searches.count == 0)
  }

  @Test("who wants to be found asks for itself, and is served by the next index where another is found")
  func serving() {
    let host = world.start(
      FakeHost(NodeSettings(name: carol, policy: NodePolicy.trusting(lookup: .serve), lookupInterval: .seconds(100))))
    world.lookUpServices[name(0)] = line(carol)
    world.pass(.seconds(2_000))
    #expect((10...40).contains(host.lookUps.count) && host.lookUps.allSatisfy { "\($0.question.name)" == name(0) })
    #expect(host.refreshed.count == host.lookUps.count && host.servedLookups.isEmpty)
    #expect(host.node.streams.count == 0 && host.count(.searched) == 0)
    #expect(host.events.contains(.lookup(.found(at: 0))))
    for (index, lie) in [line(alice), .isSilent, .isSilent].enumerated() {
      world.lookUpServices[name(UInt8(index))] = lie
      world.pass(.seconds(1_000))
      #expect(host.servedLookups.last == UInt8(index) + 1)
      #expect(host.events.last == .lookup(.missing(UInt8(index) + 1)))
      world.lookUpServices[name(UInt8(index) + 1)] = line(carol)
      world.pass(.seconds(400))
      #expect(host.events.last == .lookup(.found(at: UInt8(index) + 1)))
      #expect(host.refreshed.last == UInt8(index) + 1)
    }
    #expect(host.servedLookups == [1, 2, 3])
    world.lookUpServices[name(3)] = line(alice)
    world.pass(.seconds(1_000))
    #expect(host.events.last == .lookup(.hidden) && host.servedLookups == [1, 2, 3])
    #expect(host.node.status(at: world.now).lookup == .hidden)
    let asked = host.lookUps.count
    _ = host.node.apply(NodePolicy.trusting(lookup: .ask), turn: &host.turn)
    world.pass(.seconds(1_000))
    #expect(host.lookUps.count == asked)
  }

  @Test(
    "a name that Tor serves at this host's word, and that is not reached, is somebody else's", arguments: [true, false])
  func servingBesideTheUseless(tellsTor: Bool) {
    let settings = NodeSettings(
      name: carol, policy: NodePolicy.trusting(lookup: .serve), lookupInterval: .seconds(100), tellsTor: tellsTor)
    let host = world.start(FakeHost(settings))
    for index in UInt8(0)...3 { world.lookUpServices[name(index)] = .refused(code: 4) }
    world.pass(.seconds(2_000))
    #expect(host.servedLookups == (tellsTor ? [1, 2, 3] : [0]))
    #expect(host.events.last == .lookup(tellsTor ? .hidden : .missing(0)))
  }

  @Test("who takes all questions and says nothing hides a host that wants to be found")
  func servingBesideTheSilent() {
    let host = world.start(
      FakeHost(NodeSettings(name: carol, policy: NodePolicy.trusting(lookup: .serve), lookupInterval: .seconds(200))))
    for index in UInt8(0)...3 { world.lookUpServices[name(index)] = .isSilent }
    world.pass(.seconds(2_000))
    #expect(host.events.last == .lookup(.hidden))
  }

  @Test("a Tor that is away says nothing of whether this host is found")
  func servingWithoutTor() {
    let host = world.start(
      FakeHost(NodeSettings(name: carol, policy: NodePolicy.trusting(lookup: .serve), lookupInterval: .seconds(100))))
    world.isTorReachable = false
    world.pass(.seconds(3_000))
    #expect(host.servedLookups.isEmpty && host.lookUps.count <= 1)
  }
}
