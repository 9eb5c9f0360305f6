import Testing

@testable import OverlayCore

@Suite("Calls of which Tor says which circuit they came through")
struct NodeTorCircuitTests {
  private let world = FakeWorld()
  private let host: FakeHost
  private let bob: FakeHost

  init() throws {
    bob = FakeHost(try .sample(2))
    host = world.start(
      FakeHost(NodeSettings(name: try .sample(1), policy: NodePolicy.trusting(), isToldTorCircuits: true)))
  }

  private func line(_ circuit: UInt32) -> [UInt8] { TorCircuitLine(circuit: circuit).bytes(port: 8_060) }

  @Test(
    "the line is no part of the packets behind it, whatever pieces both come in", arguments: [1...1, 1...70, 500...500])
  func pieces(_ pieces: ClosedRange<Int>) throws {
    world.pieces = pieces
    let call = try #require(world.call(host))
    world.say(line(9) + bob.keepalive(to: host.address) + bob.packet(to: host.address), on: call)
    #expect(host.takeDelivered().count == 1)
    #expect([.badTorLine, .badStream].map { host.count($0) } == [0, 0])
    // A second line is none.
    world.say(line(9), on: call)
    #expect(call.isClosed)
    #expect(host.count(.badStream) == 1)
  }

  @Test("a call without the line is closed, counted, and told once with what to change")
  func missing() throws {
    for start in [bob.keepalive(to: host.address), Array("PROXY UNKNOWN\r\n".utf8)] {
      let call = try #require(world.call(host))
      world.say(start, on: call)
      #expect(call.isClosed)
    }
    #expect([.badTorLine, .keepalive].map { host.count($0) } == [2, 0])
    let warnings = host.log.filter { $0.level == .warning }.map(\.text)
    #expect(warnings.count == 1 && warnings[0].contains("HiddenServiceExportCircuitID haproxy"))
  }

  @Test("who says nothing, or not all of it, is closed as any half-open call")
  func silent() throws {
    let calls = [try #require(world.call(host)), try #require(world.call(host))]
    world.say(Array(line(9).prefix(20)), on: calls[1])
    world.pass(.seconds(31))
    #expect(calls.map(\.isClosed) == [true, true])
    #expect(host.count(.halfOpen) == 2)
  }

  @Test("one circuit of Tor has 16 connections at a time, and another circuit's caller notices nothing")
  func limit() throws {
    let crowd = try (0..<40).map { _ in
      let call = try #require(world.call(host))
      world.say(line(9), on: call)
      return call
    }
    #expect(crowd.count { !$0.isClosed } == TorCircuits.most)
    #expect(host.count(.torCircuitLimit) == 24)
    let other = try #require(world.call(host))
    world.say(line(10) + bob.packet(to: host.address), on: other)
    #expect(host.takeDelivered().count == 1)
    world.cut(try #require(crowd.first { !$0.isClosed }))
    world.pass(.seconds(1))
    let late = try #require(world.call(host))
    world.say(line(9), on: late)
    #expect(!late.isClosed, "there is a place again")
  }

  @Test("who calls through one circuit again and again takes nothing of what is accepted in a second from others")
  func rate() throws {
    let host = world.start(
      FakeHost(
        NodeSettings(
          name: try .sample(3), policy: NodePolicy.trusting(), isToldTorCircuits: true,
          bounds: NodeBounds(circuits: 1_000, acceptsPerSecond: 20))))
    for _ in 0..<100 { world.say(line(9), on: try #require(world.call(host))) }
    #expect(host.count(.torCircuitLimit) == 84)
    #expect((0..<10).count { _ in world.call(host) != nil } == 4)
  }

  @Test("a circuit that we dialled has no line")
  func dialled() throws {
    world.replaceHosts(of: host, with: [bob.name])
    world.send(host.packet(to: bob.address), from: host)
    let circuit = try #require(world.circuits.last { $0.dialler === host })
    world.answer(bob.packet(to: host.address), on: circuit)
    #expect(host.takeDelivered().count == 1)
  }
}
