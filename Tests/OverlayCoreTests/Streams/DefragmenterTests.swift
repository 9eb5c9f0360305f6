import Testing

@testable import OverlayCore

@Suite("Defragmenter")
struct DefragmenterTests {
  /// Feeds `pieces` one after the other; the packets that came out.
  private static func packets(in pieces: some Sequence<some Collection<UInt8>>) throws -> [[UInt8]] {
    var defragmenter = Defragmenter()
    var store = PacketStore()
    var packets: [[UInt8]] = []
    for piece in pieces { packets += try defragmenter.packets(in: Array(piece), store: &store) }
    return packets
  }

  /// One of each kind that comes over a circuit, in an order that joins each with another kind.
  private static func assortment() -> [[UInt8]] {
    var random = SeededGenerator(seed: 50)
    return [
      Sample.packet(payload: 0, &random), Sample.packet(payload: 1, &random), Sample.version4(20, &random),
      Sample.packet(payload: 60, &random), Sample.version4(60, &random), Sample.packet(payload: 0, &random),
    ]
  }

  @Test("packets that came joined come out one by one")
  func joined() throws {
    let packets = Self.assortment()
    #expect(try Self.packets(in: [packets.flatMap { $0 }]) == packets)
  }

  @Test("packets split at any two places come out whole")
  func splits() throws {
    let packets = Self.assortment()
    let stream = packets.flatMap { $0 }
    for first in 0...stream.count {
      for second in [first, min(first + 1, stream.count), min(first + 5, stream.count), min(first + 41, stream.count)] {
        let pieces = [stream[..<first], stream[first..<second], stream[second...]]
        try #require(Self.packets(in: pieces) == packets, "split at \(first) and \(second)")
      }
    }
  }

  @Test("packets that come one byte at a time come out whole")
  func bytewise() throws {
    let packets = Self.assortment()
    #expect(try Self.packets(in: packets.flatMap { $0 }.map { [$0] }) == packets)
  }

  @Test("the longest packet, split at any offset, comes out whole and so does the one behind it")
  func longest() throws {
    var random = SeededGenerator(seed: 51)
    let packets = [Sample.packet(payload: 65_535, &random), Sample.packet(payload: 3, &random)]
    let stream = packets.flatMap { $0 }
    // Every offset near the ends and every power of two, where buffers grow; the rest in steps.
    let edges = Set(0...64).union(stream.count - 70...stream.count)
    let doublings = (6...16).flatMap { [(1 << $0) - 1, 1 << $0, (1 << $0) + 1] }
    for cut in edges.union(doublings).union(stride(from: 0, to: stream.count, by: 997)) {
      try #require(Self.packets(in: [stream[..<cut], stream[cut...]]) == packets, "split at \(cut)")
    }
    #expect(try Self.packets(in: stream.map { [$0] }) == packets)
  }

  @Test("thousands of packets in random pieces come out whole", arguments: 0..<8)
  func randomPieces(_ seed: UInt64) throws {
    var random = SeededGenerator(seed: 52 + seed)
    let packets = (0..<600).map { _ in
      switch Int.random(in: 0..<20, using: &random) {
      case 0: Sample.packet(payload: Int.random(in: 0...65_535, using: &random), &random)
      case 1..<6: Sample.version4(Int.random(in: 20...1_500, using: &random), &random)
      case 6..<10: Sample.packet(payload: 0, &random)
      default: Sample.packet(payload: Int.random(in: 0...1_460, using: &random), &random)
      }
    }
    var rest = packets.flatMap { $0 }[...]
    var pieces: [ArraySlice<UInt8>] = []
    while !rest.isEmpty {
      let most = Int.random(in: 0..<4, using: &random) == 0 ? 20_000 : 60
      pieces.append(rest.prefix(Int.random(in: 1...most, using: &random)))
      rest = rest.dropFirst(pieces[pieces.count - 1].count)
    }
    let found = try Self.packets(in: pieces)
    // Compared in one word: a failure must not print megabytes.
    let isSame = found == packets
    #expect(isSame)
  }

  @Test(
    "room is lent once a packet's length is known, and no more than twice what has come, or a short packet's",
    arguments: [
      (65_575, 1, 0), (65_575, 5, 0), (65_575, 6, 2_048), (65_575, 2_047, 2_048), (65_575, 2_048, 2_048),
      (65_575, 2_140, 4_096), (65_575, 10_000, 16_384), (65_575, 32_768, 32_768), (65_575, 32_769, 65_600),
      (65_575, 65_574, 65_600), (2_049, 2_048, 2_048), (16_385, 16_384, 16_384), (2_048, 2_047, 2_048),
      (1_500, 6, 2_048), (40, 39, 2_048),
    ])
  func room(_ length: Int, _ count: Int, _ memory: Int) throws {
    var random = SeededGenerator(seed: 53)
    let packet = Sample.packet(payload: length - 40, &random)
    var defragmenter = Defragmenter()
    var store = PacketStore()
    #expect(try defragmenter.packets(in: Array(packet[..<count]), store: &store) == [])
    #expect(defragmenter.memory == memory)
    var piecewise = Defragmenter()
    for piece in stride(from: 0, to: count, by: 498) {
      #expect(try piecewise.packets(in: Array(packet[piece..<min(count, piece + 498)]), store: &store) == [])
      #expect(piecewise.memory <= max(PacketStore.smallSize, 2 * (piece + 498) + 64))
    }
    #expect(piecewise.memory == memory)
    piecewise.abandon(store: &store)
    let isSame = try defragmenter.packets(in: Array(packet[count...]), store: &store) == [packet]
    #expect(isSame)
    #expect(defragmenter.memory == 0)
    store.releaseKept()
    #expect(store.byteCount == 0)
  }

  @Test("packets that come whole take no room at all")
  func straight() throws {
    var random = SeededGenerator(seed: 54)
    var defragmenter = Defragmenter()
    var store = PacketStore()
    let stream = (0..<100).flatMap { Sample.packet(payload: $0, &random) }
    #expect(try defragmenter.packets(in: stream, store: &store).count == 100)
    #expect(defragmenter.memory == 0)
  }

  @Test("all packets out of one input stay as they are until it is finished with")
  func validity() throws {
    var random = SeededGenerator(seed: 55)
    let packets = [500, 60_000, 3, 20_000].map { Sample.packet(payload: $0, &random) }
    let stream = packets.flatMap { $0 }
    var defragmenter = Defragmenter()
    var store = PacketStore()
    #expect(try defragmenter.packets(in: Array(stream[..<100]), store: &store) == [])
    var rest = Array(stream[100...].dropLast(1_000))
    try rest.withUnsafeMutableBytes {
      var input = $0
      var found: [UnsafeMutableRawBufferPointer] = []
      while let packet = try defragmenter.next(&input, store: &store) { found.append(packet) }
      let isSame = found.map { Array($0) } == Array(packets[..<3])
      #expect(isSame)
      let isWithinPacket = defragmenter.isWithinPacket
      #expect(isWithinPacket)
    }
    defragmenter.finish(store: &store)
    let last = try defragmenter.packets(in: Array(stream.suffix(1_000)), store: &store)
    let isSame = last == [packets[3]]
    #expect(isSame)
  }

  @Test("a circuit that is gone leaves nothing lent")
  func abandonment() throws {
    var random = SeededGenerator(seed: 59)
    let packet = Sample.packet(payload: 60_000, &random)
    var store = PacketStore()
    for _ in 0..<3_000 {
      var defragmenter = Defragmenter()
      #expect(try defragmenter.packets(in: Array(packet[..<50]), store: &store) == [])
      defragmenter.abandon(store: &store)
      #expect(defragmenter.memory == 0)
    }
  }

  @Test("a packet may be changed where it lies, and those behind it stay as they came")
  func changes() throws {
    var random = SeededGenerator(seed: 59)
    let packets = (0..<4).map { Sample.packet(payload: 100 + $0, &random) }
    var store = PacketStore()
    var defragmenter = Defragmenter()
    var found: [[UInt8]] = []
    for var piece in [Array(packets[0][..<70]), packets[0][70...] + packets[1] + packets[2] + packets[3]] {
      try piece.withUnsafeMutableBytes {
        var input = $0
        while let packet = try defragmenter.next(&input, store: &store) {
          found.append(Array(packet))
          for index in packet.indices { packet[index] = 0xff }
        }
      }
      defragmenter.finish(store: &store)
    }
    #expect(found == packets)
  }

  @Test("where all room is lent, a cut packet ends its stream, short or long; whole ones pass all the same")
  func noRoom() throws {
    var random = SeededGenerator(seed: 60)
    let long = Sample.packet(payload: 65_535, &random)
    let short = Sample.packet(payload: 500, &random)
    var store = PacketStore()
    while store.lend(65_575) != nil {}
    var defragmenter = Defragmenter()
    #expect(throws: StreamError.noRoom) { try defragmenter.packets(in: Array(long[..<5_000]), store: &store) }
    defragmenter.abandon(store: &store)
    while store.lend(1) != nil {}
    #expect(throws: StreamError.noRoom) { try defragmenter.packets(in: Array(short[..<50]), store: &store) }
    var other = Defragmenter()
    let isSame = try other.packets(in: short + long + short, store: &store) == [short, long, short]
    #expect(isSame)
  }

  @Test("a web request is told as one, whole or in pieces", arguments: 1...18)
  func webRequest(_ size: Int) {
    let request = Array("GET / HTTP/1.1\r\n\r\n".utf8)
    let pieces = stride(from: 0, to: request.count, by: size).map { request[$0..<min($0 + size, request.count)] }
    #expect(throws: StreamError.webRequest) { try Self.packets(in: pieces) }
  }

  @Test("a PROXY line is told as one, and only at the beginning")
  func proxyLine() {
    let line = Array("PROXY TCP6 fc00:dead:beef:4dad::0:29 ::1 65535 8060\r\n".utf8)
    var random = SeededGenerator(seed: 57)
    #expect(throws: StreamError.proxyLine) { try Self.packets(in: [line]) }
    #expect(throws: StreamError.version(5)) { try Self.packets(in: [Sample.packet(payload: 9, &random) + line]) }
    #expect(throws: StreamError.version(5)) { try Self.packets(in: [Array("PROXIMITY".utf8)]) }
  }

  @Test("the same bytes later in a stream are an IPv4 packet like any other")
  func webRequestLater() throws {
    var random = SeededGenerator(seed: 56)
    // 'G': version 4, a header of 28 bytes; 'T ' is a total length of 21,536.
    let look = Array("GET ".utf8) + random.bytes(0x5420 - 4)
    let packets = [Sample.packet(payload: 9, &random), look, Sample.packet(payload: 0, &random)]
    #expect(try Self.packets(in: [packets.flatMap { $0 }]) == packets)
    #expect(try Self.packets(in: packets.flatMap { $0 }.map { [$0] }) == packets)
  }

  @Test(
    "bytes that are no packet end the stream, wherever pieces are cut",
    arguments: [
      ("5000", .version(5)), ("0000", .version(0)), ("f0", .version(15)), ("4400", .headerLength(16)),
      ("40", .headerLength(0)), ("4500 0013 0000", .totalLength(19)),
    ] as [(String, StreamError)])
  func bad(_ text: String, _ error: StreamError) throws {
    var random = SeededGenerator(seed: 57)
    for packetsBefore in [0, 1, 3] {
      let stream = (0..<packetsBefore).flatMap { Sample.packet(payload: $0, &random) } + (try hexadecimal(text))
      #expect(throws: error) { try Self.packets(in: [stream]) }
      #expect(throws: error) { try Self.packets(in: stream.map { [$0] }) }
    }
  }

  @Test("what came before the bad bytes comes out first")
  func beforeBad() throws {
    var random = SeededGenerator(seed: 58)
    let packet = Sample.packet(payload: 8, &random)
    var defragmenter = Defragmenter()
    var store = PacketStore()
    var found: [[UInt8]] = []
    var stream = packet + [0x90]
    #expect(throws: StreamError.version(9)) {
      try stream.withUnsafeMutableBytes {
        var input = $0
        while let packet = try defragmenter.next(&input, store: &store) { found.append(Array(packet)) }
      }
    }
    #expect(found == [packet])
  }
}

extension Defragmenter {
  /// The packets that `bytes` complete, as one input.
  mutating func packets(in bytes: [UInt8], store: inout PacketStore) throws -> [[UInt8]] {
    var bytes = bytes
    var packets: [[UInt8]] = []
    try bytes.withUnsafeMutableBytes {
      var input = $0
      while let packet = try next(&input, store: &store) { packets.append(Array(packet)) }
      try #require(input.isEmpty)
    }
    finish(store: &store)
    return packets
  }
}
