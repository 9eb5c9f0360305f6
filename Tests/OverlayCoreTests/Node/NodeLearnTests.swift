import Testing

@testable import OverlayCore

@Suite("A name that a program of this host asked for")
struct NodeLearnTests {
  private let world = FakeWorld()
  private let alice: OnionName
  private let carol: OnionName

  init() throws {
    alice = try .sample(1)
    carol = try .sample(3)
  }

  private func start(_ lookup: LookupMode) -> FakeHost {
    world.start(FakeHost(NodeSettings(name: alice, policy: NodePolicy.trusting(lookup: lookup))))
  }

  private func learn(_ name: OnionName, at host: FakeHost) {
    host.turn.now = world.now
    host.node.learn(name, turn: &host.turn)
    world.settle()
  }

  @Test("is dialled by the first packet, and not before, and nobody is asked for it")
  func dialled() {
    let (host, other) = (start(.off), world.start(FakeHost(carol)))
    learn(carol, at: host)
    #expect(host.dials.isEmpty)
    world.send(host.packet(to: carol.address), from: host)
    #expect(host.dials.count == 1 && host.lookUps.isEmpty)
    #expect(other.takeDelivered().count == 1)
  }

  @Test("ends the search that goes on for it, and what waits is sent")
  func found() {
    let (host, other) = (start(.ask), world.start(FakeHost(carol)))
    world.lookUpServices[LookupKey(of: carol.address, index: 0).map { "\($0.name)" } ?? ""] = .isSilent
    world.send(host.packet(to: carol.address), from: host)
    #expect(host.node.peers.searches.count == 1)
    learn(carol, at: host)
    #expect(other.takeDelivered().count == 1)
    #expect(host.node.peers.searches.count == 0)
  }

  @Test("takes its address from a name that others have told and that was never reached")
  func claimed() throws {
    let (host, other) = (start(.off), world.start(FakeHost(carol)))
    let liar = try #require(try OnionName.madeUp.first)
    let call = try #require(world.call(host))
    world.say(FakeHost(liar).keepalive(to: alice.address), on: call)
    #expect(host.node.name(of: carol.address) == liar)
    #expect(host.node.knownNames.admits(carol))
    #expect(host.node.knownNames.name(of: carol.address) == nil, "no program is told what somebody claims")
    learn(carol, at: host)
    world.send(host.packet(to: carol.address), from: host)
    #expect(other.takeDelivered().count == 1)
    #expect(host.node.knownNames.admits(carol) && !host.node.knownNames.admits(liar))
  }

  @Test("takes no address from a host that was reached, nor from this one")
  func held() throws {
    let (host, _) = (start(.off), world.start(FakeHost(carol)))
    learn(carol, at: host)
    world.send(host.packet(to: carol.address), from: host)
    learn(try carol.twin, at: host)
    #expect(host.node.name(of: carol.address) == carol)
    learn(try alice.twin, at: host)
    learn(alice, at: host)
    #expect(host.node.name(of: alice.address) == nil)
  }
}
