import Testing

@testable import OverlayCore

@Suite("The door")
struct DoorTests {
  typealias Kind = DoorStage.Kind

  private static let protocols: [(Kind, number: UInt8)] = [
    (.tcp(DoorStage.syn), 6), (.udp, 17), (.echoRequest, 58), (.protocolNumber(50), 50),
  ]

  private static func answer(to kind: Kind) -> Kind {
    switch kind {
    case .tcp: .tcp(DoorStage.synAck)
    case .echoRequest: .echoReply
    case .udp, .echoReply, .protocolNumber: kind
    }
  }

  @Test("strangers may ping us, and begin nothing else", arguments: [false, true])
  func closed(isIPv4: Bool) {
    let stage = DoorStage()
    stage.isIPv4 = isIPv4
    #expect(stage.admits(.echoRequest, from: 5, to: 0))
    for kind: Kind in [
      .tcp(DoorStage.syn), .tcp(DoorStage.ack), .tcp(DoorStage.synAck), .tcp(DoorStage.rst), .udp, .echoReply,
      .protocolNumber(50), .protocolNumber(132),
    ] {
      #expect(!stage.admits(kind, from: 5, to: 22), "\(kind)")
    }
    #expect(stage.status.flows == 0)
  }

  @Test("answers to what we began come in, from whom we asked and to where it began", arguments: [false, true])
  func answers(isIPv4: Bool) {
    for (kind, number) in DoorTests.protocols {
      let stage = DoorStage()
      stage.isIPv4 = isIPv4
      let answer = DoorTests.answer(to: kind)
      let isEcho = number == 58
      stage.send(kind, from: 4_000, to: 80)
      #expect(stage.admits(answer, from: isEcho ? 4_000 : 80, to: 4_000), "\(kind)")
      #expect(!stage.admits(answer, from: isEcho ? 4_000 : 80, to: 4_000, peer: DoorStage.other), "\(kind)")
      if number != 50 {
        #expect(!stage.admits(answer, from: 81, to: 4_000), "\(kind)")
        if !isEcho { #expect(!stage.admits(answer, from: 80, to: 4_001), "\(kind)") }
      }
      #expect(stage.count(.flowBegun) == 1)
    }
  }

  @Test("where a route has changed the answers of the new peer come in, and those of the old one no more")
  func movedRoute() {
    for (kind, number) in DoorTests.protocols {
      let stage = DoorStage()
      let answer = DoorTests.answer(to: kind)
      let source: UInt16 = number == 58 ? 4_000 : 80
      let request = stage.packet(kind, from: (DoorStage.own, 4_000), to: (DoorStage.behind, 80))
      let reply = stage.packet(answer, from: (DoorStage.behind, source), to: (DoorStage.own, 4_000))
      stage.send(request, to: DoorStage.peer)
      #expect(stage.verdict(reply, from: DoorStage.peer) == .admitted)
      #expect(stage.verdict(reply, from: DoorStage.other) != .admitted)
      stage.send(request, to: DoorStage.other)
      #expect(stage.verdict(reply, from: DoorStage.other) == .admitted, "\(kind)")
      #expect(stage.verdict(reply, from: DoorStage.peer) != .admitted, "\(kind)")
      #expect(stage.status.flows == 1)
    }
  }

  @Test("a packet of ours that answers, resets or tells of an error begins nothing")
  func noBeginning() {
    let stage = DoorStage()
    stage.send(.tcp(DoorStage.synAck), from: 22, to: 4_000)
    stage.send(.tcp(DoorStage.rst), from: 22, to: 4_000)
    stage.send(.echoReply, from: 5, to: 0)
    stage.send(stage.error(about: .udp, from: 1, to: 2))
    #expect(stage.status.flows == 0)
    #expect(!stage.admits(.tcp(DoorStage.ack), from: 4_000, to: 22))
  }

  @Test("who asks for a connection where we have one is refused, and asks at the same time is not")
  func simultaneousOpen() {
    let stage = DoorStage()
    stage.send(.tcp(DoorStage.syn), from: 4_000, to: 80)
    #expect(stage.admits(.tcp(DoorStage.syn), from: 80, to: 4_000))
    #expect(stage.admits(.tcp(DoorStage.synAck), from: 80, to: 4_000))
    #expect(!stage.admits(.tcp(DoorStage.syn), from: 80, to: 4_000))
    #expect(stage.admits(.tcp(DoorStage.ack), from: 80, to: 4_000))
  }

  @Test("a connection that our side has is known by its next segment, after a restart too")
  func pickUp() {
    let stage = DoorStage()
    #expect(!stage.admits(.tcp(DoorStage.ack), from: 80, to: 4_000))
    stage.send(.tcp(DoorStage.ack), from: 4_000, to: 80)
    #expect(stage.admits(.tcp(DoorStage.ack), from: 80, to: 4_000))
    #expect(!stage.admits(.tcp(DoorStage.syn), from: 80, to: 4_000))
  }

  @Test("a rule lets its port in, for whom it names, and takes no memory of either side")
  func rules() {
    let stage = DoorStage([
      DoorRule(.ports(.tcp, 22...22)), DoorRule(.ports(.udp, 53...53), from: [DoorStage.other]),
    ])
    #expect(stage.admits(.tcp(DoorStage.syn), from: 4_000, to: 22))
    stage.send(.tcp(DoorStage.synAck), from: 22, to: 4_000)
    stage.send(.tcp(DoorStage.ack), from: 22, to: 4_000)
    #expect(stage.admits(.tcp(DoorStage.ack), from: 4_000, to: 22))
    #expect(!stage.admits(.tcp(DoorStage.syn), from: 4_000, to: 23))
    #expect(!stage.admits(.udp, from: 4_000, to: 22))
    #expect(!stage.admits(.udp, from: 4_000, to: 53))
    #expect(stage.admits(.udp, from: 4_000, to: 53, peer: DoorStage.other))
    stage.send(.udp, from: 53, to: 4_000, peer: DoorStage.other)
    #expect(stage.status.flows == 0)
    #expect(stage.status.rules.map(\.packets) == [2, 1])
  }

  @Test("with any, everything comes in: fragments, unknown headers, errors about nothing of ours")
  func open() throws {
    let stage = DoorStage(DoorPolicy.open.rules)
    for packet in DoorTests.unreadable { #expect(stage.verdict(packet) == .admitted) }
    #expect(stage.verdict(stage.error(about: .udp, from: 1, to: 2)) == .admitted)
    #expect(stage.admits(.protocolNumber(132), from: 0, to: 0))
    stage.send(.udp, from: 1, to: 2)
    #expect(stage.status.flows == 0)
  }

  @Test("any from a peer lets its fragments in, and nobody else's")
  func openToOne() {
    let stage = DoorStage([DoorRule(.any, from: [DoorStage.peer])])
    for packet in DoorTests.unreadable {
      #expect(stage.verdict(packet) == .admitted)
      #expect(stage.verdict(packet, from: DoorStage.other) == .refused(.doorUnreadable, .any))
    }
  }

  /// A first fragment, a later one, a whole packet with a fragment header, and chains that cannot be read.
  private static var unreadable: [[UInt8]] {
    let udp: [UInt8] = [0x0f, 0xa0, 0, 22, 0, 8, 0, 0]
    let header = { (number: UInt8, payload: [UInt8]) in
      DoorStage.version6(number, from: DoorStage.peer, to: DoorStage.own, payload)
    }
    return [
      header(44, [17, 0, 0, 1, 0, 0, 0, 9] + udp),
      header(44, [17, 0, 0, 0x10, 0, 0, 0, 9] + udp),
      header(44, [17, 0, 0, 0, 0, 0, 0, 9] + udp),
      header(60, [253, 0, 0, 0, 0, 0, 0, 0] + udp),
      header(60, [17, 9, 0, 0, 0, 0, 0, 0]),
      header(6, Array(udp)),
      header(17, Array(udp.prefix(4))),
      header(58, [128, 0, 0, 0]),
    ]
  }

  @Test("fragments and unreadable headers are refused, even to an open port or of a flow of ours")
  func unreadable() throws {
    let stage = DoorStage([DoorRule(.ports(.udp, 22...22))])
    stage.send(.udp, from: 22, to: 4_000)
    for packet in DoorTests.unreadable { #expect(stage.verdict(packet) == .refused(.doorUnreadable, .any)) }
    for fragment in [0x2000, 0x0010] as [UInt16] {
      let packet = try Sample.ipv4(
        from: "10.0.0.2", to: "10.0.0.1", fragment: fragment, payload: [0x0f, 0xa0, 0, 22, 0, 8, 0, 0])
      #expect(stage.verdict(packet) == .refused(.doorUnreadable, .any))
    }
  }

  @Test("what we begin in fragments is answered, if the answer comes whole")
  func fragmentsSent() throws {
    let stage = DoorStage()
    let udp = { (fragment: [UInt8]) in
      DoorStage.version6(
        44, from: DoorStage.own, to: DoorStage.peer,
        [17, 0] + fragment + [0, 0, 0, 9, 0x0f, 0xa0, 0, 22, 5, 0xdc, 0, 0])
    }
    stage.send(udp([0x05, 0xa1]))
    #expect(stage.status.flows == 0, "a later one does not tell")
    stage.send(udp([0, 1]))
    #expect(stage.status.flows == 1)
    #expect(stage.admits(.udp, from: 22, to: 4_000))
    #expect(!stage.admits(.udp, from: 23, to: 4_000))
    let answer = DoorStage.version6(
      44, from: DoorStage.peer, to: DoorStage.own, [17, 0, 0, 1, 0, 0, 0, 9, 0, 22, 0x0f, 0xa0, 5, 0xdc, 0, 0])
    #expect(stage.verdict(answer) == .refused(.doorUnreadable, .any))
    stage.isIPv4 = true
    let version4 = { (fragment: UInt16, ports: [UInt8], isOurs: Bool) in
      try Sample.ipv4(
        from: isOurs ? "10.0.0.1" : "10.0.0.2", to: isOurs ? "10.0.0.2" : "10.0.0.1", fragment: fragment,
        payload: ports + [5, 0xdc, 0, 0])
    }
    stage.send(try version4(0x2010, [0x0f, 0xa0, 0, 22], true))
    #expect(!stage.admits(.udp, from: 22, to: 4_000))
    stage.send(try version4(0x2000, [0x0f, 0xa0, 0, 22], true))
    #expect(stage.admits(.udp, from: 22, to: 4_000))
    #expect(stage.verdict(try version4(0x2000, [0, 22, 0x0f, 0xa0], false)) == .refused(.doorUnreadable, .any))
  }

  @Test("a first fragment that cuts off its transport header begins nothing")
  func cutFragmentSent() throws {
    let stage = DoorStage()
    stage.send(
      DoorStage.version6(
        44, from: DoorStage.own, to: DoorStage.peer, [6, 0, 0, 1, 0, 0, 0, 9, 0x0f, 0xa0, 0, 22, 0, 0, 0, 0]))
    #expect(stage.status.flows == 0)
  }

  @Test("behind extension headers that can be read, the ports count")
  func extensions() {
    let stage = DoorStage([DoorRule(.ports(.udp, 22...22))])
    let options: [UInt8] = [17, 0, 1, 4, 0, 0, 0, 0]
    let packet = { (port: UInt8) in
      DoorStage.version6(
        60, from: DoorStage.peer, to: DoorStage.own, options + [0x0f, 0xa0, 0, port, 0, 8, 0, 0])
    }
    #expect(stage.verdict(packet(22)) == .admitted)
    #expect(stage.verdict(packet(23)) == .refused(.doorClosed, .ports(.udp, 23...23)))
  }

  @Test("an error comes in that quotes a packet of ours, and no other", arguments: [false, true])
  func errors(isIPv4: Bool) {
    for (kind, number) in DoorTests.protocols where number != 50 {
      let stage = DoorStage()
      stage.isIPv4 = isIPv4
      #expect(stage.verdict(stage.error(about: kind, from: 4_000, to: 80)) == .refused(.doorQuote, .any))
      stage.send(kind, from: 4_000, to: 80)
      #expect(stage.verdict(stage.error(about: kind, from: 4_000, to: 80)) == .admitted, "\(kind)")
      #expect(stage.verdict(stage.error(about: kind, from: 4_001, to: 80)) == .refused(.doorQuote, .any))
      let isShort = isIPv4 ? 28 : 48
      #expect(stage.verdict(stage.error(about: kind, from: 4_000, to: 80, cutTo: isShort)) == .admitted, "\(kind)")
      #expect(
        stage.verdict(stage.error(about: kind, from: 4_000, to: 80, cutTo: isIPv4 ? 22 : 42))
          == .refused(.doorQuote, .any))
      #expect(
        stage.verdict(stage.error(about: kind, from: 4_000, to: 80), from: DoorStage.other)
          == .refused(.doorQuote, .any))
    }
  }

  @Test("an error about what we send by a rule comes in if that went to the caller")
  func errorsOfRules() {
    let stage = DoorStage([DoorRule(.ports(.tcp, 22...22))])
    let error = stage.error(about: .tcp(DoorStage.ack), from: 22, to: 4_000, quotedTo: DoorStage.other)
    #expect(stage.verdict(error) == .admittedAbout(DoorStage.other))
    #expect(stage.verdict(stage.error(about: .tcp(DoorStage.ack), from: 23, to: 4_000)) == .refused(.doorQuote, .any))
  }

  @Test("a policy that takes a rule away closes its port, and lets go on what our side goes on with")
  func change() {
    let stage = DoorStage([DoorRule(.ports(.tcp, 22...22)), DoorRule(.ports(.tcp, 80...80))])
    #expect(stage.admits(.tcp(DoorStage.syn), from: 4_000, to: 22))
    #expect(stage.admits(.tcp(DoorStage.syn), from: 4_000, to: 80))
    stage.use([DoorRule(.ports(.tcp, 80...80))])
    #expect(stage.status.rules.map(\.packets) == [1])
    #expect(!stage.admits(.tcp(DoorStage.syn), from: 4_001, to: 22))
    stage.send(.tcp(DoorStage.ack), from: 22, to: 4_000)
    #expect(stage.admits(.tcp(DoorStage.ack), from: 4_000, to: 22))
    #expect(!stage.admits(.tcp(DoorStage.syn), from: 4_000, to: 22))
  }

  // MARK: - Time

  @Test(
    "a flow is over after its time without a packet, and each packet of either side begins it anew",
    arguments: [(Kind.udp, 300), (.echoRequest, 120), (.tcp(DoorStage.syn), 240), (.tcp(DoorStage.ack), 7_440)])
  func timeouts(_ kind: Kind, _ seconds: Int) {
    let stage = DoorStage()
    var answer = DoorTests.answer(to: kind)
    if case .tcp(DoorStage.ack) = kind { answer = .tcp(DoorStage.ack) }
    let isEcho = if case .echoRequest = kind { true } else { false }
    let port: UInt16 = isEcho ? 4_000 : 80
    stage.send(kind, from: 4_000, to: 80)
    stage.pass(.seconds(seconds))
    #expect(stage.admits(answer, from: port, to: 4_000))
    stage.pass(.seconds(seconds))
    stage.send(kind, from: 4_000, to: 80)
    stage.pass(.seconds(seconds))
    #expect(stage.admits(answer, from: port, to: 4_000))
    stage.pass(.seconds(8_000))
    #expect(!stage.admits(answer, from: port, to: 4_000))
    #expect(stage.status.flows == 0)
  }

  @Test("a connection that both closed is over in minutes, one that was reset in seconds, one that one closed is not")
  func endings() {
    for (segments, seconds) in [
      ([(true, DoorStage.finAck), (false, DoorStage.finAck)], 240), ([(true, DoorStage.rst)], 10),
      ([(false, DoorStage.rst)], 10), ([(false, DoorStage.finAck)], 7_440), ([(true, DoorStage.finAck)], 7_440),
    ] {
      let stage = DoorStage()
      stage.send(.tcp(DoorStage.syn), from: 4_000, to: 80)
      #expect(stage.admits(.tcp(DoorStage.synAck), from: 80, to: 4_000))
      for (isSent, flags) in segments {
        if isSent {
          stage.send(.tcp(flags), from: 4_000, to: 80)
        } else {
          #expect(stage.admits(.tcp(flags), from: 80, to: 4_000))
        }
      }
      stage.pass(.seconds(seconds - 1))
      #expect(stage.status.flows == 1, "\(segments)")
      stage.pass(.seconds(62))
      #expect(stage.status.flows == 0, "\(segments)")
    }
  }

  @Test("new ports of an old pair begin anew: a request of ours after a reset opens again")
  func reopened() {
    let stage = DoorStage()
    stage.send(.tcp(DoorStage.syn), from: 4_000, to: 80)
    #expect(stage.admits(.tcp(DoorStage.rst), from: 80, to: 4_000))
    stage.send(.tcp(DoorStage.syn), from: 4_000, to: 80)
    stage.pass(.seconds(200))
    #expect(stage.admits(.tcp(DoorStage.synAck), from: 80, to: 4_000))
  }

  @Test("without flows the door waits for no time")
  func calm() {
    let stage = DoorStage()
    #expect(stage.nextDeadline == .distantFuture)
    stage.send(.udp, from: 1, to: 2)
    #expect(stage.nextDeadline == stage.now + DoorFlows.sweepInterval)
    stage.pass(.seconds(400))
    #expect(stage.nextDeadline == .distantFuture)
  }

  // MARK: - Bounds

  @Test("one peer's flows push out none of another that has fewer")
  func fairness() {
    let stage = DoorStage(flowLimit: 100)
    for port in 1...10 as ClosedRange<UInt16> { stage.send(.udp, from: port, to: 53, peer: DoorStage.other) }
    for port in 1...1_000 as ClosedRange<UInt16> {
      stage.send(.udp, from: port, to: 53)
      stage.pass(.milliseconds(1))
    }
    #expect(stage.status.flows == 100)
    #expect(stage.count(.flowEvicted) == 910)
    for port in 1...10 as ClosedRange<UInt16> {
      #expect(stage.admits(.udp, from: 53, to: port, peer: DoorStage.other))
    }
    #expect(stage.admits(.udp, from: 53, to: 1_000))
    #expect(stage.admits(.udp, from: 53, to: 911))
    #expect(!stage.admits(.udp, from: 53, to: 910))
    // Whoever comes later gets as much as anybody, from whoever has most.
    for port in 1...500 as ClosedRange<UInt16> {
      stage.send(.udp, from: port, to: 53, peer: IPv6Address(high: DoorStage.peer.high, low: 9))
    }
    #expect(stage.status.flows == 100)
    for port in 1...10 as ClosedRange<UInt16> {
      #expect(stage.admits(.udp, from: 53, to: port, peer: DoorStage.other))
    }
    let first = (1...1_000 as ClosedRange<UInt16>).count { stage.admits(.udp, from: 53, to: $0) }
    #expect(first == 45)
  }

  @Test("of a peer's flows the one that was silent for longest makes room")
  func leastRecent() {
    let stage = DoorStage(flowLimit: 3)
    for port in 1...3 as ClosedRange<UInt16> { stage.send(.udp, from: port, to: 53) }
    stage.pass(.seconds(2))
    #expect(stage.admits(.udp, from: 53, to: 1))
    stage.send(.udp, from: 4, to: 53)
    #expect(stage.admits(.udp, from: 53, to: 1))
    #expect(!stage.admits(.udp, from: 53, to: 2))
    #expect(stage.admits(.udp, from: 53, to: 3))
    #expect(stage.admits(.udp, from: 53, to: 4))
  }

  @Test("a full table is found through, emptied and filled again")
  func full() {
    let stage = DoorStage(flowLimit: 1_000)
    for round in 0..<3 {
      for port in 1...1_000 as ClosedRange<UInt16> {
        stage.send(.udp, from: port, to: 53, peer: IPv6Address(high: DoorStage.peer.high, low: UInt64(port % 97) + 10))
      }
      #expect(stage.status.flows == 1_000, "round \(round)")
      for port in 1...1_000 as ClosedRange<UInt16> {
        #expect(
          stage.admits(
            .udp, from: 53, to: port, peer: IPv6Address(high: DoorStage.peer.high, low: UInt64(port % 97) + 10)))
      }
      stage.pass(.seconds(301))
      #expect(stage.status.flows == 0)
    }
    #expect(stage.count(.flowEvicted) == 0)
  }
}
