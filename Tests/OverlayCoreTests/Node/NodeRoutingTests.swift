import Testing

@testable import OverlayCore

@Suite("Packets of this host")
struct NodeRoutingTests {
  private let world = FakeWorld()
  private let host: FakeHost

  init() throws {
    host = world.start(FakeHost(try .sample(1)))
  }

  @Test(
    "are answered or dropped, and counted, where they cannot go",
    arguments: [
      (nil, "fd87:d87e:eb43:1::1", [3], .unknownName), (nil, "2001:db8::1", [0], .outsideOverlay),
      ("2001:db8::1", "fd87:d87e:eb43:1::1", [1], .foreignSource),
      (nil, "ff02::1", [], .multicast), ("fe80::1", "ff02::2", [], .multicast), (nil, "fe80::1", [], .multicast),
    ] as [(String?, String, [UInt8], Counter)])
  func refused(_ source: String?, _ destination: String, _ codes: [UInt8], _ counter: Counter) throws {
    let packet = Sample.packet(from: try source.map { try .sample($0) } ?? host.address, to: try .sample(destination))
    world.send(packet, from: host)
    let errors = host.takeDelivered()
    #expect(errors.map { $0[41] } == codes)
    for error in errors {
      let header = try #require(error.withUnsafeBytes { IPv6Header($0) })
      #expect(header.source == OverlayNetwork.tor.localResponder)
      #expect(Array(error[48...]) == packet)
    }
    #expect(host.count(counter) == 1)
    #expect(host.count(.unreachable) == UInt64(codes.count))
    #expect(host.dials == [])
  }

  @Test("to this host itself are dropped")
  func loop() {
    world.send(host.packet(to: host.address), from: host)
    #expect(host.takeDelivered() == [])
    #expect(host.count(.loop) == 1)
  }

  @Test("that are malformed are dropped and counted")
  func malformed() {
    let packet = host.packet(to: host.address)
    let cases: [[UInt8]] = [[], [0x60], [0x45] + [UInt8](repeating: 0, count: 18), packet + [0], packet.dropLast()]
    for bytes in cases {
      world.send(bytes, from: host)
    }
    #expect(host.takeDelivered() == [])
    #expect(host.count(.malformed) == 5)
  }

  @Test("that fail in great number are answered ten times a second")
  func rateLimit() throws {
    let packet = host.packet(to: try .sample("2001:db8::1"))
    for _ in 0..<30 { world.queue(packet, from: host) }
    #expect(host.takeErrorCodes() == [UInt8](repeating: 0, count: 10))
    #expect(host.count(.unreachableLimited) == 20)
    world.pass(.seconds(1))
    for _ in 0..<30 { world.queue(packet, from: host) }
    #expect(host.takeErrorCodes().count == 10)
    #expect(host.count(.unreachable) == 20)
    #expect(host.count(.outsideOverlay) == 60)
  }

  @Test("to dead:beef come back, the request and then the answer")
  func localResponder() throws {
    let responder = OverlayNetwork.tor.localResponder
    let request = Sample.echoRequest(from: host.address, to: responder, data: [1, 2, 3])
    world.send(request, from: host)
    let asked = host.takeDelivered()
    #expect(asked == [Sample.echoRequest(from: responder, to: host.address, data: [1, 2, 3])])
    world.send(Sample.echoReply(to: asked[0]), from: host)
    #expect(host.takeDelivered() == [Sample.echoReply(to: request)])
    #expect(host.count(.reflected) == 2)
    #expect(host.dials == [])
  }

  @Test("to feed:beef come back through Tor, on one circuit that is dialled on demand", arguments: [1...1, 1...5_000])
  func circuitResponder(_ pieces: ClosedRange<Int>) throws {
    world.pieces = pieces
    let responder = OverlayNetwork.tor.circuitResponder
    for sequence in 1...3 as ClosedRange<UInt16> {
      let request = Sample.echoRequest(from: host.address, to: responder, sequence: sequence)
      world.send(request, from: host)
      let asked = host.takeDelivered()
      #expect(asked == [Sample.echoRequest(from: responder, to: host.address, sequence: sequence)])
      world.send(Sample.echoReply(to: asked[0]), from: host)
      #expect(host.takeDelivered() == [Sample.echoReply(to: request)])
    }
    #expect(world.circuits.map(\.request?.name) == ["\(host.name)"])
    #expect(host.count(.accepted) == 1)
    #expect(host.count(.reflected) == 6)
    let keepalive = try #require(world.circuits.first?.packets.whole.first)
    #expect(keepalive.count == 40 + 1 + 62 + 1 + 3 + 18)
  }

  @Test("to feed:beef are answered with code 3 when Tor does not build the circuit")
  func circuitResponderRefused() {
    world.outcomes["\(host.name)"] = .refused(0x5b)
    world.send(Sample.echoRequest(from: host.address, to: OverlayNetwork.tor.circuitResponder), from: host)
    #expect(host.takeErrorCodes() == [3])
  }

  @Test("that the device does not take back are counted")
  func deviceDown() {
    host.device.isUp = false
    world.send(Sample.echoRequest(from: host.address, to: OverlayNetwork.tor.localResponder), from: host)
    #expect(host.count(.deviceRefused) == 1)
  }
}
