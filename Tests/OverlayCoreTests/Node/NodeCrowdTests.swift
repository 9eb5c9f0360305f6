import Testing

@testable import OverlayCore
@testable import OverlayIO

@Suite("A crowd of strangers")
struct NodeCrowdTests {
  private let world = FakeWorld()
  private let host: FakeHost

  init() throws {
    host = world.start(FakeHost(try .sample(1)))
  }

  private func stranger(_ number: Int) throws -> FakeHost { FakeHost(try .sample(UInt64(1_000 + number))) }

  @Test("makes us dial ten of its names a minute, and no more, while known peers are dialled all the same")
  func dials() throws {
    for number in 0..<40 {
      let stranger = try stranger(number)
      world.say(stranger.keepalive(to: host.address), on: try #require(world.call(host)))
      world.send(host.packet(to: stranger.address), from: host)
    }
    #expect(host.count(.dialled) == 10)
    #expect(host.count(.strangerLimit) == 30)
    let known = try OnionName.sample(2)
    world.replaceHosts(of: host, with: [known])
    world.send(host.packet(to: known.address), from: host)
    #expect(host.count(.dialled) == 11)
    world.pass(.seconds(60))
    for number in 20..<40 { world.send(host.packet(to: try stranger(number).address), from: host) }
    #expect(host.count(.dialled) == 21)
  }

  @Test("that sent large packets in pieces costs nobody else the room for his")
  func reassembly() throws {
    for number in 0..<200 {
      let stranger = try stranger(number)
      let circuit = try #require(world.call(host))
      let packet = stranger.packet(to: host.address, size: 60_000)
      world.say(stranger.keepalive(to: host.address), on: circuit)
      world.say(Array(packet[..<30_000]), on: circuit)
      world.say(Array(packet[30_000...]), on: circuit)
    }
    #expect(host.node.cutPackets.memory == 0)
    let honest = try stranger(500)
    let circuit = try #require(world.call(host))
    world.say(honest.keepalive(to: host.address), on: circuit)
    world.say(Array(honest.packet(to: host.address, size: 60_000)[..<30_000]), on: circuit)
    #expect(!circuit.isClosed)
    #expect(host.count(.reassemblyLimit) == 0)
  }

  @Test("that comes and goes leaves no deadlines behind")
  func deadlines() throws {
    for _ in 0..<2_000 { world.cut(try #require(world.call(host))) }
    #expect(host.node.deadlineCount <= 4 * host.node.circuits.count + 64 + 1)
  }

  @Test("of peers is not told of one by one")
  func report() throws {
    for number in 0..<10 {
      let stranger = try stranger(number)
      world.say(stranger.keepalive(to: host.address), on: try #require(world.call(host)))
      world.send(host.packet(to: stranger.address), from: host)
      world.pass(.seconds(6))
    }
    #expect(host.node.status(at: world.now).lines.count { $0.hasPrefix("fd87:") && $0.contains(" sent, ") } == 10)
  }
}
