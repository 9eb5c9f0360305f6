import PacketSamples
import Testing

@testable import OverlayCore

@Suite("Names for hosts of a LAN")
struct NameServiceTests {
  private typealias Flag = FakeResolver
  private let world: NameWorld
  private let answer: [String]

  init() throws {
    world = try NameWorld()
    answer = ["alice.oncilla.internal 60 AAAA \(world.names.alice.address)"]
  }

  /// The answers in a stream, each behind its length.
  private func answers(_ stream: [UInt8]) throws -> [[String]] {
    var rest = stream[...]
    var all: [[String]] = []
    while rest.count >= 2 {
      let length = Int(rest.removeFirst()) << 8 | Int(rest.removeFirst())
      try #require(length <= rest.count)
      all.append(try ReadAnswer(Array(rest.prefix(length)), to: world.question).answers)
      rest = rest.dropFirst(length)
    }
    return all
  }

  @Test("a question over UDP is answered to who asks, and the name that was asked for is told")
  func datagram() throws {
    let client = FakeResolver()
    let outcome = try world.receive(client.datagram(world.question))
    let packet = try #require(outcome.packet)
    #expect(Array(packet[8..<40]) == FakeResolver.server.bytes + client.address.bytes && packet[6] == 17)
    let body = Array(packet[40...])
    #expect(body.prefix(4) == [0, 53, UInt8(client.port >> 8), UInt8(client.port & 0xff)])
    #expect(
      NaiveChecksum.field(source: FakeResolver.server, destination: client.address, nextHeader: 17, body) == 0)
    #expect(try ReadAnswer(Array(body[8...]), to: world.question).answers == answer)
    #expect(outcome.answered == 1 && outcome.drop == nil && outcome.wanted.isEmpty)
    let stranger = try OnionName.sample(7)
    let onion = try world.receive(client.datagram(SampleMessage.question("\(stranger)")))
    #expect(onion.wanted == [stranger])
  }

  @Test("what is no question gets no answer, and is counted")
  func malformed() throws {
    let client = FakeResolver()
    var wrong = client.datagram(world.question)
    wrong[46] ^= 1
    let response = try SampleMessage.question("alice.oncilla.internal", flags: 0x8000)
    for packet in [
      wrong, client.datagram([]), client.datagram([1]), client.datagram(response),
      client.segment(Flag.syn, checksum: .wrong),
    ] {
      let outcome = try world.receive(packet)
      #expect(outcome.packet == nil && outcome.drop == .lanNameMalformed && outcome.answered == 0)
    }
  }

  @Test("a conversation over TCP, from its first segment to its last")
  func conversation() throws {
    var client = try world.connected()
    for _ in 0..<3 { #expect(try answers(world.ask(&client, FakeResolver.framed(world.question))) == [answer]) }
    let last = try #require(try world.say(client.segment(Flag.ack | Flag.fin), client))
    #expect(last.flags == Flag.ack | Flag.fin && last.sequence == client.expected)
    client.sequence &+= 1
    client.expected &+= 1
    #expect(last.acknowledgement == client.sequence)
    #expect(try world.say(client.segment(Flag.ack), client) == nil)
    // Nothing is left of it.
    #expect(try world.say(client.segment(Flag.ack, [1]), client)?.flags == Flag.rst)
  }

  @Test("a question may come a byte a segment, and two at once")
  func pieces() throws {
    var client = try world.connected()
    let framed = FakeResolver.framed(world.question)
    for byte in framed.dropLast() { #expect(try world.ask(&client, [byte]).isEmpty) }
    #expect(try answers(world.ask(&client, framed.suffix(1))) == [answer])
    #expect(try answers(world.ask(&client, framed + framed)) == [answer, answer])
    #expect(try answers(world.ask(&client, framed + framed.dropLast())) == [answer])
    #expect(try answers(world.ask(&client, framed.suffix(1))) == [answer])
  }

  @Test("of many questions at once two are answered, and two more when those have come")
  func many() throws {
    var client = try world.connected()
    let framed = FakeResolver.framed(world.question)
    var got = try answers(world.ask(&client, Array(repeatElement(framed, count: 5).joined())))
    while got.count < 5 {
      let before = got.count
      let reply = try #require(try world.say(client.segment(Flag.ack), client))
      client.expected &+= UInt32(reply.payload.count)
      got += try answers(reply.payload)
      #expect(got.count == min(before + 2, 5))
    }
    #expect(try world.say(client.segment(Flag.ack), client) == nil)
    #expect(got == [[String]](repeating: answer, count: 5))
  }

  @Test("what is sent again because the answer was lost is answered again with the same")
  func lost() throws {
    let client = try world.connected()
    let framed = FakeResolver.framed(world.question)
    let packet = client.segment(Flag.ack | Flag.psh, framed)
    let first = try #require(try world.say(packet, client))
    #expect(try world.say(packet, client) == first)
    var later = client
    later.sequence &+= UInt32(framed.count)
    later.expected &+= UInt32(first.payload.count)
    #expect(try world.say(later.segment(Flag.ack | Flag.fin), later)?.flags == Flag.ack | Flag.fin)
    #expect(try world.say(later.segment(Flag.ack | Flag.fin), later)?.flags == Flag.ack | Flag.fin)
  }

  @Test("what overlaps counts once, and what runs ahead is told what is missing")
  func disorder() throws {
    var client = try world.connected()
    let framed = FakeResolver.framed(world.question)
    _ = try world.ask(&client, Array(framed[..<10]))
    let missing = try #require(
      try world.say(client.segment(Flag.ack, Array(framed[12...]), back: UInt32(bitPattern: -2)), client))
    #expect(missing.acknowledgement == client.sequence && missing.payload.isEmpty)
    let reply = try #require(try world.say(client.segment(Flag.ack, Array(framed[4...]), back: 6), client))
    #expect(try answers(reply.payload) == [answer])
    #expect(reply.acknowledgement == client.sequence &+ UInt32(framed.count - 10))
  }

  @Test("a first segment that was lost, or that another one overtook, is waited for: what runs ahead ends nothing")
  func firstLost() throws {
    var client = try world.connected()
    let framed = FakeResolver.framed(world.question)
    for flags in [Flag.ack, Flag.ack | Flag.psh, Flag.ack | Flag.fin] {
      let ahead = client.segment(flags, Array(framed[2...]), back: UInt32(bitPattern: -2))
      #expect(try world.say(ahead, client) == nil)
    }
    #expect(try world.say(client.segment(Flag.ack | Flag.fin, back: UInt32(bitPattern: -50)), client) == nil)
    // The client sends it again, as it does with all that is not acknowledged.
    #expect(try world.ask(&client, Array(framed[..<2])).isEmpty)
    #expect(try answers(world.ask(&client, Array(framed[2...]))) == [answer])
  }

  @Test("who closes its side with the question is answered and the other side closed")
  func halfClosed() throws {
    var client = try world.connected()
    let reply = try #require(
      try world.say(client.segment(Flag.ack | Flag.fin, FakeResolver.framed(world.question)), client))
    #expect(reply.flags & Flag.fin != 0)
    #expect(try answers(reply.payload) == [answer])
    client.sequence = reply.acknowledgement
    client.expected &+= UInt32(reply.payload.count) + 1
    #expect(try world.say(client.segment(Flag.ack), client) == nil)
  }

  @Test(
    "who sends what is no question, or too long a one, is refused", arguments: [[0, 0], [0, 3, 1, 2, 3], [16, 1]])
  func refused(_ bytes: [UInt8]) throws {
    let client = try world.connected()
    let reply = try world.say(client.segment(Flag.ack, bytes), client)
    #expect(reply?.flags == Flag.rst && reply?.sequence == client.expected)
    let response = try SampleMessage.question("alice.oncilla.internal", flags: 0x8000)
    #expect(try world.say(client.segment(Flag.ack, FakeResolver.framed(response)), client)?.flags == Flag.rst)
  }

  @Test("who never had a handshake is refused, and takes no place")
  func strangers() throws {
    let client = try world.connected()
    for change: (inout FakeResolver) -> Void in [
      { $0.expected &+= 1 }, { $0.port += 1 }, { $0.address.low += 1 }, { $0.station = LinkWorld.hostB },
    ] {
      var stranger = client
      change(&stranger)
      let reply = try world.say(stranger.segment(Flag.ack, [0]), stranger)
      #expect(reply?.flags == Flag.rst)
    }
    for flags in [0, Flag.fin, Flag.psh, Flag.rst, Flag.syn | Flag.rst, 0xff] {
      #expect(try world.say(client.segment(flags, [0]), client) == nil)
    }
  }

  @Test("a conversation that was silent for ten seconds is over")
  func silent() throws {
    var client = try world.connected()
    _ = try world.ask(&client, FakeResolver.framed(world.question))
    world.now = world.now + .seconds(9)
    _ = try world.ask(&client, FakeResolver.framed(world.question))
    world.now = world.now + .seconds(10)
    #expect(try world.say(client.segment(Flag.ack, [0]), client)?.flags == Flag.rst)
  }

  @Test("a reset ends a conversation if it is the client's, and a new handshake does not")
  func reset() throws {
    var client = try world.connected()
    _ = try world.ask(&client, FakeResolver.framed(world.question))
    for packet in [client.segment(Flag.rst, back: 1), client.segment(Flag.rst, back: UInt32(bitPattern: -1))] {
      #expect(try world.say(packet, client) == nil)
    }
    let challenge = try world.say(client.segment(Flag.syn), client)
    #expect(challenge?.flags == Flag.ack | Flag.psh && challenge?.acknowledgement == client.sequence)
    #expect(try answers(world.ask(&client, FakeResolver.framed(world.question))) == [answer])
    #expect(try world.say(client.segment(Flag.rst), client) == nil)
    #expect(try world.say(client.segment(Flag.ack, [0]), client)?.flags == Flag.rst)
  }

  @Test("one station has eight conversations at most, and leaves room for others")
  func crowd() throws {
    var good = FakeResolver()
    good.station = LinkWorld.hostB
    good = try world.connected(good)
    _ = try world.ask(&good, [0])
    var clients: [FakeResolver] = []
    for port in 1...100 as ClosedRange<UInt16> {
      var client = FakeResolver()
      client.port = port
      client = try world.connected(client)
      _ = try world.ask(&client, [0])
      world.now = world.now + .milliseconds(10)
      clients.append(client)
    }
    let kept = try clients.reversed().prefix { try world.say($0.segment(Flag.ack, back: 1), $0)?.flags == Flag.ack }
    #expect(kept.count == NameConversations.limitOfStation)
    #expect(try world.say(good.segment(Flag.ack, back: 1), good)?.flags == Flag.ack)
  }

  @Test("a station that asks too much silences itself alone")
  func greedy() throws {
    var good = FakeResolver()
    (good.address, good.station) = (LinkWorld.second, LinkWorld.hostB)
    let greedy = FakeResolver()
    for _ in 0..<3 {
      for _ in 0..<1_000 { _ = try world.receive(greedy.datagram(world.question)) }
      #expect(try world.receive(greedy.datagram(world.question)).drop == .lanNameLimited)
      #expect(try world.receive(good.datagram(world.question), from: good.station).answered == 1)
      world.now = world.now + .milliseconds(100)
    }
  }

  @Test("who may know nothing is refused, over UDP and TCP")
  func stranger() throws {
    let client = try world.connected()
    let framed = FakeResolver.framed(world.question)
    for packet in [client.datagram(world.question), client.segment(Flag.ack, framed)] {
      let outcome = try world.receive(packet, isKnown: false)
      let answer = try #require(outcome.packet)
      #expect(try ReadAnswer(Array(answer[(answer[6] == 6 ? 62 : 48)...]), to: world.question) == ReadAnswer(code: 5))
    }
    #expect(try world.receive(client.datagram([1]), isKnown: false).drop == .lanNameMalformed)
  }

  @Test("a bucket that is full makes room for another station, and who finds none shares one")
  func buckets() {
    var buckets = StationBuckets()
    var now = Instant(nanoseconds: 5_000_000_000)
    func taken(by number: Int?, _ buckets: inout StationBuckets) -> Int {
      (0..<2_000).count { _ in buckets.take(for: number.map { MACAddress(value: UInt64($0)) }, at: now) }
    }
    for number in 1...StationBuckets.limit { #expect(taken(by: number, &buckets) == 400) }
    #expect(taken(by: 100, &buckets) == 1_000 && taken(by: nil, &buckets) == 0)
    now = now + .seconds(1)
    #expect(taken(by: 1, &buckets) == 200 && taken(by: 100, &buckets) == 1_000)
    now = now + .milliseconds(1_999)
    #expect(taken(by: 1, &buckets) == 399)
    now = now + .milliseconds(1)
    #expect(taken(by: 100, &buckets) == 400 && taken(by: 101, &buckets) == 400 && taken(by: nil, &buckets) == 1_000)
  }

  @Test("a flood of stations that are not known is answered a thousand times a second and takes no memory")
  func flood() throws {
    var random = SeededGenerator(seed: 4)
    var answered = 0
    for _ in 0..<10_000 {
      var client = FakeResolver()
      client.address.low = random.next()
      client.station = MACAddress(value: 0x0200_0000_0000 | random.next() & 0xffff)
      let outcome = try world.receive(client.segment(Flag.syn), from: client.station, isKnown: false)
      if outcome.packet == nil { #expect(outcome.drop == .lanNameLimited) } else { answered += 1 }
    }
    #expect(answered == 1_000)
    world.now = world.now + .seconds(1)
    var client = try world.connected()
    #expect(try answers(world.ask(&client, FakeResolver.framed(world.question))) == [answer])
  }

  @Test("whatever comes, each answer is a sound packet of its connection, and the number is bounded", arguments: 0..<4)
  func hostile(_ seed: UInt64) throws {
    var random = SeededGenerator(seed: 900 + seed)
    var conversations = NameConversations(using: &random)
    let framed = FakeResolver.framed(world.question)
    let server = try #require(LocalNameServer())
    var clients = (0..<100).map { number in
      var client = FakeResolver()
      client.port = UInt16(number)
      client.station = MACAddress(value: 0x0200_0000_0000 | UInt64(number % 20))
      return client
    }
    for _ in 0..<20_000 {
      let index = Int.random(in: clients.indices, using: &random)
      var client = clients[index]
      if Int.random(in: 0..<4, using: &random) == 0 { client.sequence &+= UInt32.random(in: 0...20, using: &random) }
      if Int.random(in: 0..<8, using: &random) == 0 { client.expected &+= UInt32.random(in: 0...20, using: &random) }
      let flags: UInt8 =
        [Flag.syn, Flag.ack, Flag.ack, Flag.ack | Flag.fin, random.next()].randomElement(using: &random) ?? 0
      var payload = Array(framed.prefix(Int.random(in: 0...framed.count, using: &random)))
      if random.next() & 7 == 0 { payload = (0..<Int.random(in: 0...1_400, using: &random)).map { _ in random.next() } }
      let packet = client.segment(flags, flags == Flag.syn ? [] : payload)
      let reply = try packet.withUnsafeBytes { bytes in
        let segment = try #require(PacketView(reading: bytes).flatMap { TCPSegment($0) })
        let key = NameConversations.Client(address: client.address, port: client.port, station: client.station)
        return conversations.receive(segment, from: key, at: world.now) {
          server.answer(to: $0, greatest: 512, from: world.names).message
        }
      }
      #expect(conversations.count <= NameConversations.limit)
      if let reply {
        let read = try client.read(reply.packet(from: (FakeResolver.server, 53), to: (client.address, client.port)))
        clients[index].sequence = read.acknowledgement
        clients[index].expected = read.sequence &+ UInt32(read.payload.count) &+ (read.flags & 3 == 0 ? 0 : 1)
      }
      world.now = world.now + .milliseconds(Int64.random(in: 0...20, using: &random))
    }
  }
}
