import Testing

@testable import OverlayCore

@Suite("Why a peer is not reached")
struct NodeQuestionsTests {
  private let world = FakeWorld()
  private let alice: OnionName
  private let bob: OnionName

  init() throws {
    alice = try .sample(1)
    bob = try .sample(2)
    world.outcomes["\(bob)"] = .refused(0x5b)
  }

  private func start() throws -> FakeHost {
    world.start(FakeHost(alice, peers: [ConfiguredPeer(name: bob, petname: Petname("bob"))]))
  }

  private func notices(_ host: FakeHost) -> [String] { host.log.filter { $0.level == .notice }.map(\.text) }

  @Test("Tor's reason is told with the time of the next try, once for a configured peer, and stands in the report")
  func told() throws {
    world.reasons["\(bob)"] = 4
    let host = try start()
    #expect(host.questions.count == 1)
    #expect(
      notices(host) == [
        "peer bob: not reached: its Tor is off or the name is wrong (descriptor not found); next try in 10 s"
      ])
    let status = try #require(host.node.status(at: world.now).peers.first)
    guard case .notReached(.notFoundOrUseless, _)? = status.lastError?.reason else {
      Issue.record("\(String(describing: status.lastError))")
      return
    }
  }

  @Test("it is asked once a pause, and another reason is news where the same is none")
  func oncePerPause() throws {
    world.reasons["\(bob)"] = 4
    let host = try start()
    world.pass(.seconds(60))
    #expect(host.questions.count == host.dials.count)
    #expect(notices(host).count == 1)
    world.reasons["\(bob)"] = 1
    world.pass(.seconds(130))
    #expect(notices(host).count == 2)
    #expect(
      notices(host).last?.hasPrefix(
        "peer bob: not reached: its daemon is not running, or the key of its invitation is missing or wrong, or ")
        == true)
  }

  @Test("a SOCKS port with ExtendedErrors is known by one of them, and its general failure has one meaning")
  func extendedErrors() throws {
    let carol = try OnionName.sample(3)
    world.outcomes["\(carol)"] = .refused(0x5b)
    world.reasons = ["\(bob)": 0xf4, "\(carol)": 1]
    let host = world.start(
      FakeHost(
        alice,
        peers: [
          ConfiguredPeer(name: bob, petname: Petname("bob")), ConfiguredPeer(name: carol, petname: Petname("carol")),
        ]))
    world.pass(.seconds(60))
    #expect(notices(host).contains { $0.hasPrefix("peer carol: not reached: its daemon is not running; next try in ") })
    #expect(notices(host).contains { $0.hasPrefix("peer bob: not reached: the key of its invitation is missing") })
  }

  @Test("a Tor that would grant the circuit whenever it is asked, and refuses it, is not dialled more often for that")
  func contradiction() throws {
    world.reasons["\(bob)"] = 0
    let host = try start()
    world.pass(.seconds(300))
    for dial in host.dials {
      #expect(host.dials.count { $0 >= dial && $0 < dial + .seconds(30) } <= 3)
    }
    #expect(host.dials.count < 20, "pauses grow")
    #expect(
      notices(host).first?.hasPrefix("peer bob: not reached: refused by Tor (SOCKS code 91); next try in") == true)
  }

  @Test("Tor's answer about the name that an address had before is nobody's")
  func nameBefore() throws {
    var random: any RandomNumberGenerator = SeededGenerator(seed: 7)
    var peer = Peer(address: bob.address, name: bob, user: UserIdentifier(using: &random))
    peer.question = CircuitIdentifier(slot: 1, serial: 1)
    peer.becomes(alice)
    #expect(peer.question == nil)
    peer.question = CircuitIdentifier(slot: 1, serial: 1)
    peer.forgetDials()
    #expect(peer.question == nil)
  }

  @Test("a server that does not know SOCKS5 leaves the code of SOCKS4 as the reason")
  func unanswered() throws {
    let host = try start()
    #expect(notices(host) == ["peer bob: not reached: refused by Tor (SOCKS code 91); next try in 10 s"])
  }

  @Test("a Tor that would grant the circuit now is dialled at once")
  func granted() throws {
    world.reasons["\(bob)"] = 0
    let host = try start()
    world.outcomes["\(bob)"] = .granted
    #expect(host.dials.count >= 2)
    world.pass(.seconds(31))
    #expect(notices(host).last == "peer bob: connected")
  }

  @Test("nobody asks for a peer that is not configured: nobody waits for the reason")
  func stranger() throws {
    world.reasons["\(bob)"] = 4
    let host = world.start(FakeHost(alice), knowing: [bob])
    world.send(host.packet(to: bob.address), from: host)
    #expect(host.dials.count == 1)
    #expect(host.questions.isEmpty)
  }

  @Test("a question that Tor does not answer ends after 20 s, and is no circuit of anybody")
  func silent() throws {
    world.outcomes["\(bob)"] = .refused(0x5b)
    world.reasons["\(bob)"] = 4
    let host = world.add(FakeHost(alice, peers: [ConfiguredPeer(name: bob, petname: Petname("bob"))]))
    host.start(at: world.now)
    world.pieces = 1...1
    world.settle()
    #expect(host.node.streams.count == 0)
    #expect(host.node.status(at: world.now).acceptedCircuits == 0)
  }
}
