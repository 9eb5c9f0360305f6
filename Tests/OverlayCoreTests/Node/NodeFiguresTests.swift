import Testing

@testable import OverlayCore

/// What a node measures beside its counters.
struct NodeFiguresTests {
  private let world = FakeWorld()
  private let alice: OnionName
  private let bob: OnionName

  init() throws {
    alice = try .sample(1)
    bob = try .sample(2)
  }

  private func start(_ outcome: DialOutcome, reason: UInt8? = nil) -> FakeHost {
    world.outcomes["\(bob)"] = outcome
    world.reasons["\(bob)"] = reason
    return world.start(FakeHost(alice, peers: [ConfiguredPeer(name: bob, petname: Petname("bob"))]))
  }

  private func status(_ host: FakeHost) -> NodeStatus { host.node.status(at: world.now) }

  @Test("A dial that is granted is timed, and the circuit is open; what is sent waits in a queue, and is counted")
  func granted() throws {
    let peer = world.add(FakeHost(bob))
    peer.start(at: world.now)
    let host = start(.granted)
    #expect(status(host).figures.dialTime.count >= 1)
    #expect(status(host).circuits.open >= 1)
    #expect(status(peer).circuits.accepted >= 1)
    let before = status(host).figures.queueDelay.count
    for number in 0..<5 { world.send(host.packet(to: bob.address, UInt8(number)), from: host) }
    #expect(status(host).figures.queueDelay.count == before + 5)
    #expect(status(host).figures.failedDials.isEmpty)
    #expect(status(host).traffic.sent > 0)
  }

  @Test(
    "A dial that Tor refuses counts by the reason that it tells, once",
    arguments: [(4, .notFound), (1, .generalFailure), (0xf5, .keyWrong), (nil, .refused)]
      as [(UInt8?, DialFailure.Kind)]
  )
  func refused(reason: UInt8?, kind: DialFailure.Kind) {
    let host = start(.refused(0x5b), reason: reason)
    #expect(status(host).figures.failedDials[kind] == 1)
    #expect(status(host).figures.failedDials.values.reduce(0, +) == host.count(.dialFailed))
  }

  @Test("A circuit that is lost counts at both ends, and its bytes are not forgotten")
  func lost() throws {
    let peer = world.add(FakeHost(bob))
    peer.start(at: world.now)
    let host = start(.granted)
    world.send(host.packet(to: bob.address), from: host)
    let sent = status(host).traffic.sent
    for circuit in host.dialledCircuits { world.cut(circuit) }
    #expect(status(host).figures.lostCircuits.values.reduce(0, +) >= 1)
    #expect(status(peer).figures.lostCalls.values.reduce(0, +) >= 1)
    #expect(status(host).traffic.sent >= sent)
  }

  @Test("A Tor that is gone is the reason of dials that fail for that")
  func torGone() {
    world.isTorReachable = false
    let host = start(.granted)
    world.pass(.seconds(5))
    #expect(status(host).circuits == CircuitCensus())
    #expect(host.count(.dialFailed) == status(host).figures.failedDials[.torUnreachable, default: 0])
  }

  @Test("A circuit that is being built is dialling")
  func dialling() {
    let host = start(.silence)
    #expect(status(host).circuits.dialling >= 1)
    #expect(status(host).circuits.open == 0)
    world.pass(PeerTable.dialTimeout + .seconds(1))
    #expect(status(host).figures.failedDials[.silence, default: 0] >= 1)
  }
}
