import Testing

@testable import OverlayCore

@Suite("What a peer sends and an option would admit")
struct NodeRefusedInputTests {
  private let world = FakeWorld()
  private let alice: OnionName
  private let bob: FakeHost

  init() throws {
    alice = try .sample(1)
    bob = FakeHost(try .sample(2))
  }

  private func call(_ host: FakeHost) throws -> FakeCircuit {
    let call = try #require(world.call(host))
    world.say(bob.keepalive(to: alice.address), on: call)
    return call
  }

  private func warnings(_ host: FakeHost) -> [String] { host.log.filter { $0.level == .warning }.map(\.text) }

  private func startConfigured() -> FakeHost {
    world.start(FakeHost(alice, peers: [ConfiguredPeer(name: bob.name, petname: Petname("bob"))]))
  }

  private func startSecond() -> FakeHost {
    let peer = ConfiguredPeer(name: bob.name, petname: Petname("bob"))
    return world.start(FakeHost(NodeSettings(name: alice, peers: [peer], dialsPeers: false)))
  }

  @Test("IPv4 while it is off is one line an hour with the option that switches it on")
  func ipv4() throws {
    let host = startConfigured()
    let call = try call(host)
    let packet = try Sample.ipv4(from: "10.1.0.1", to: "10.2.0.1", payload: [1])
    for _ in 0..<3 { world.say(packet, on: call) }
    #expect(warnings(host) == ["peer bob sends IPv4, which is not carried here: --ipv4 on both sides switches it on"])
    world.now = world.now + .seconds(3_601)
    let later = try self.call(host)
    world.say(packet, on: later)
    #expect(warnings(host).count == 2)
  }

  @Test("a prefix that is not served, and one that is not routed, are named with their options")
  func prefixes() throws {
    let host = startConfigured()
    let call = try call(host)
    world.say(
      Sample.packet(from: bob.address, to: try .sample("fd00:a::1"), payload: [1, 2, 3, 4]), on: call)
    world.say(
      Sample.packet(from: try .sample("fd00:b::1"), to: alice.address, payload: [1, 2, 3, 4]), on: call)
    #expect(
      warnings(host) == [
        "peer bob sends to fd00:a::1, which this host does not serve: --serve with a prefix that "
          + "holds it would admit that",
        "peer bob sends from fd00:b::1, which is not routed to it: --route PREFIX,via=NAME with a prefix that holds it "
          + "would admit that",
      ])
  }

  @Test("at a second identity a peer is called as at the first")
  func secondIdentity() throws {
    let host = startSecond()
    world.say(
      Sample.packet(from: bob.address, to: try .sample("fd00:a::1"), payload: [1, 2, 3, 4]), on: try call(host))
    #expect(warnings(host).first?.hasPrefix("peer bob sends to fd00:a::1") == true)
  }

  @Test("of IPv4 to a second identity, which no option lets it carry, the line says which one does")
  func ipv4AtSecond() throws {
    let host = startSecond()
    world.say(try Sample.ipv4(from: "10.1.0.1", to: "10.2.0.1", payload: [1]), on: try call(host))
    #expect(
      warnings(host) == [
        "peer bob sends IPv4 to \(alice.address), which carries none: with --ipv4 on both sides the first identity of "
          + "this host does"
      ])
    #expect(host.node.status(of: bob.address, at: world.now)?.drops.map(\.name) == ["ipv4"])
  }

  @Test("nothing is said of what no option admits: addresses of the overlay, groups, the loopback")
  func silent() throws {
    let host = startConfigured()
    let call = try call(host)
    let other = try OnionName.sample(3).address
    for destination in [other, try .sample("ff02::1"), try .sample("::1")] {
      world.say(Sample.packet(from: bob.address, to: destination, payload: [1, 2, 3, 4]), on: call)
    }
    world.say(Sample.packet(from: other, to: alice.address, payload: [1, 2, 3, 4]), on: call)
    #expect(warnings(host).isEmpty)
  }

  @Test("all who are not configured share a line, however many they are")
  func strangers() throws {
    let host = world.start(FakeHost(alice))
    for number in 0..<UInt64(5) {
      let stranger = FakeHost(try .sample(100 + number))
      let call = try #require(world.call(host))
      world.say(stranger.keepalive(to: alice.address), on: call)
      world.say(
        Sample.packet(from: stranger.address, to: try .sample("fd00:a::1"), payload: [1, 2, 3, 4]), on: call)
    }
    #expect(warnings(host).count == 1)
    #expect(warnings(host).first?.hasPrefix("a peer that is not configured sends to fd00:a::1") == true)
  }
}
