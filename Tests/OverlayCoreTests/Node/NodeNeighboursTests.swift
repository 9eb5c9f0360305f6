import Testing

@testable import OverlayCore

@Suite("Peers that somebody asks for")
struct NodeNeighboursTests {
  private func isLive(_ host: FakeHost, _ address: IPv6Address) -> Bool { host.node.isLive(address) }

  @Test("a peer that is wanted is dialled once, by its address or by one that is behind it")
  func want() throws {
    for address in ["", "fd00:b::7"] {
      let lans = try TwoLANs()
      let wanted = address.isEmpty ? lans.bob.address : try .sample(address)
      for _ in 0..<3 { lans.alice.want(wanted, at: lans.world.now) }
      lans.world.settle()
      lans.alice.want(wanted, at: lans.world.now)
      lans.world.settle()
      #expect(lans.world.circuits.map(\.request?.name) == ["\(lans.bob.name)"])
    }
  }

  @Test(
    "nobody is dialled for an address without a known name, our own or no peer's",
    arguments: [
      "fd87:d87e:eb43:1::1", "own", "fd87:d87e:eb43::dead:beef", "fd87:d87e:eb43::feed:beef", "fd00:a::1", "::",
    ])
  func unwanted(_ address: String) throws {
    let lans = try TwoLANs()
    lans.alice.want(address == "own" ? lans.alice.address : try .sample(address), at: lans.world.now)
    lans.world.settle()
    #expect(lans.alice.dials == [])
  }

  @Test("a peer is live while a circuit to it is open or one of its own is there")
  func isLive() throws {
    let lans = try TwoLANs()
    #expect(!isLive(lans.alice, lans.bob.address))
    lans.world.outcomes["\(lans.bob.name)"] = .silence
    lans.alice.want(lans.bob.address, at: lans.world.now)
    lans.world.settle()
    #expect(!isLive(lans.alice, lans.bob.address), "a dial is no circuit")
    lans.world.grant(try #require(lans.world.circuits.first))
    #expect(isLive(lans.alice, lans.bob.address))
    lans.world.cut(try #require(lans.world.circuits.first))
    #expect(!isLive(lans.alice, lans.bob.address))
    let circuit = try #require(lans.world.call(lans.alice))
    #expect(!isLive(lans.alice, lans.bob.address), "nothing was claimed yet")
    lans.world.say(lans.bob.keepalive(to: lans.alice.address), on: circuit)
    #expect(isLive(lans.alice, lans.bob.address))
    #expect(!isLive(lans.alice, lans.alice.address))
    #expect(!isLive(lans.alice, try .sample("fd00:b::1")))
    lans.world.cut(circuit)
    #expect(!isLive(lans.alice, lans.bob.address))
  }

  @Test("peers that are not to be dialled at start are known by name, and dialled when they are wanted")
  func notDialled() throws {
    let world = FakeWorld()
    let bob = world.start(FakeHost(try .sample(2)))
    let host = world.start(
      FakeHost(NodeSettings(name: try .sample(1), peers: [ConfiguredPeer(name: bob.name)], dialsPeers: false)))
    world.pass(.seconds(600))
    #expect(host.dials == [])
    let packet = host.packet(to: bob.address)
    world.send(packet, from: host)
    #expect(bob.takeDelivered() == [packet])
    world.pass(.seconds(600))
    #expect(host.dialledCircuits.isEmpty)
  }
}
