import PacketSamples
import Testing

@testable import OverlayCore

@Suite("Scrubber")
struct ScrubberTests {
  private let scrubber: Scrubber

  init() {
    var random = SeededGenerator(seed: 17)
    scrubber = Scrubber(random: &random)
  }

  /// What a packet is when it leaves; `nil` if it must not.
  private func scrubbed(_ packet: [UInt8], _ offload: OffloadHeader = .none) throws -> [UInt8]? {
    var packet = packet
    let leaves = try packet.withUnsafeMutableBytes { scrubber.scrub(try #require(PacketView($0)), offload) }
    return leaves ? packet : nil
  }

  private func scrubbed(_ packet: SamplePacket) throws -> [UInt8]? { try scrubbed(packet.bytes) }

  private func changed(_ packet: SamplePacket, _ change: (inout SamplePacket) -> Void) -> SamplePacket {
    var packet = packet
    change(&packet)
    return packet
  }

  private func syn(_ options: [UInt8], flags: UInt8 = 0x02, payload: [UInt8] = []) -> SamplePacket {
    SamplePacket.tcp(payload) {
      $0.flags = flags
      $0.options = options
    }
  }

  // MARK: - IPv6's header

  @Test(
    "the flow label and the code point are zero, and the two bits of ECN stay", arguments: 0...3 as ClosedRange<UInt8>)
  func firstWord(_ congestion: UInt8) throws {
    for template in [SamplePacket.tcp([1, 2, 3]), .udp([1]), SamplePacket(.other(253), payload: [9])] {
      let packet = changed(template) {
        $0.flowLabel = 0xfedcb
        $0.trafficClass = 0b101110 << 2 | congestion
      }
      let clean = changed(template) {
        $0.flowLabel = 0
        $0.trafficClass = congestion
      }
      #expect(try scrubbed(packet) == clean.bytes)
    }
  }

  @Test(
    "a hop limit above 64 becomes 64, and none is raised",
    arguments: [(0, 0), (1, 1), (2, 2), (30, 30), (63, 63), (64, 64), (65, 64), (128, 64), (254, 64), (255, 64)]
      as [(UInt8, UInt8)])
  func hopLimit(_ before: UInt8, _ after: UInt8) throws {
    let packet = changed(.udp([1, 2])) { $0.hopLimit = before }
    #expect(try scrubbed(packet)?[7] == after)
    var ipv4 = try Sample.ipv4(from: "10.1.0.1", to: "10.2.0.1", payload: [1, 2, 3])
    ipv4[8] = before
    ipv4.complete()
    #expect(try scrubbed(ipv4)?[8] == after)
  }

  @Test("extension headers, and what they lead to, are as they were")
  func extensions() throws {
    let packet = changed(.udp([1, 2, 3])) { $0.extensions = SamplePacket.padding }
    #expect(try scrubbed(packet) == changed(packet) { $0.flowLabel = 0 }.bytes)
  }

  // MARK: - TCP's handshake

  private static let nothing: [UInt8] = [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]
  /// The options of Linux's SYN, and what is left of them.
  private static let linux: (before: [UInt8], after: [UInt8]) = (
    [2, 4, 5, 0xa0, 4, 2, 8, 10, 1, 2, 3, 4, 0, 0, 0, 0, 1, 3, 3, 7],
    [2, 4, 5, 0xa0, 4, 2] + nothing + [1, 3, 3, 7]
  )
  static let handshakes: [(name: String, before: [UInt8], after: [UInt8])] = [
    ("Linux", linux.before, linux.after),
    (
      "several paths",
      [2, 4, 5, 0xa0, 30, 12, 0, 0x81, 1, 2, 3, 4, 5, 6, 7, 8], [2, 4, 5, 0xa0] + [UInt8](repeating: 1, count: 12)
    ),
    ("at an odd place", [1, 8, 10, 9, 8, 7, 6, 5, 4, 3, 2, 0], [1] + nothing + [0]),
    ("twice", [8, 10, 1, 2, 3, 4, 5, 6, 7, 8] + [8, 10, 1, 2, 3, 4, 5, 6, 7, 8], nothing + nothing),
    ("longer than the rest", [4, 2, 8, 10, 1, 2, 3, 4], [4, 2, 1, 1, 1, 1, 1, 1]),
    ("of another length", [8, 3, 5, 0], [1, 1, 1, 0]),
    ("behind the end", [0, 8, 10, 0, 0, 0, 1, 0, 0, 0, 0, 0], [0, 8, 10, 0, 0, 0, 1, 0, 0, 0, 0, 0]),
    ("behind what is too long", [5, 200, 8, 2], [5, 200, 8, 2]),
    ("behind what is too short", [5, 1, 8, 2], [5, 1, 8, 2]),
    ("without a length", [1, 1, 1, 8], [1, 1, 1, 8]),
    ("none", [2, 4, 5, 0xa0], [2, 4, 5, 0xa0]),
    ("no options", [], []),
  ]

  @Test("SYN and SYN-ACK ask for no clock and no second path, and all else of them stays", arguments: handshakes)
  func options(_ handshake: (name: String, before: [UInt8], after: [UInt8])) throws {
    for flags in [0x02, 0x12, 0xc2, 0x52] as [UInt8] {
      for template in [syn(handshake.before, flags: flags), syn(handshake.before, flags: flags, payload: [1, 2, 3])] {
        for chain in [[], SamplePacket.padding] {
          let packet = changed(template) {
            $0.flowLabel = 0
            $0.extensions = chain
          }
          let clean = changed(packet) {
            guard case .tcp(var tcp) = $0.upper else { return }
            tcp.options = handshake.after
            $0.upper = .tcp(tcp)
          }
          #expect(try scrubbed(packet) == clean.bytes, "\(handshake.name)")
        }
      }
    }
  }

  @Test("segments behind the handshake keep their options", arguments: [0x10, 0x18, 0x11, 0x14, 0x04] as [UInt8])
  func established(_ flags: UInt8) throws {
    let packet = changed(syn(SamplePacket.TCP.timestamps(7, 9), flags: flags, payload: [1])) { $0.flowLabel = 0 }
    #expect(try scrubbed(packet) == packet.bytes)
  }

  @Test("a sum that the kernel leaves to the device is not touched, because it tells nothing of options")
  func partialChecksum() throws {
    for count in 0...40 where count % 4 == 0 {
      var random = SeededGenerator(seed: UInt64(count))
      let packet = changed(syn(random.bytes(count), payload: random.bytes(9))) { $0.checksum = .partial }
      let offload = OffloadHeader(
        segmentation: .none, checksum: OffloadHeader.Checksum(start: 40, offset: UInt16(TCPHeader.checksum)))
      let clean = try #require(try scrubbed(packet.bytes, offload))
      #expect(clean[56..<58] == packet.bytes[56..<58])
      // Whoever completes it makes it right.
      let completed = try completed(clean, offload)
      #expect(NaiveChecksum.ofTCP(completed) == 0)
    }
  }

  private func completed(_ packet: [UInt8], _ offload: OffloadHeader) throws -> [UInt8] {
    var packet = packet
    let left = packet.withUnsafeMutableBytes { bytes in
      PacketView(bytes).flatMap { ChecksumCompletion.prepare($0, offload) }
    }
    try #require(left == OffloadHeader.none)
    return packet
  }

  @Test("the checksum of every SYN stays right, and a wrong one stays as wrong as it was")
  func checksum() throws {
    var random = SeededGenerator(seed: 1624)
    for _ in 0..<20_000 {
      var options = random.bytes(Int.random(in: 0...10, using: &random) * 4)
      // Most random bytes are no options.
      let place = Int.random(in: 0...40, using: &random)
      if place + 10 <= options.count {
        options.replaceSubrange(0..<place, with: repeatElement(1, count: place))
        options.replaceSubrange(place..<place + 2, with: [Bool.random(using: &random) ? 8 : 30, 10])
      }
      let flags = UInt8.random(in: 0...0xff, using: &random) | 0x02
      let packet = changed(
        syn(options, flags: flags, payload: random.bytes(Int.random(in: 0...32, using: &random)))
      ) {
        $0.source.low = random.next()
        if Bool.random(using: &random) { $0.extensions = SamplePacket.padding }
      }
      let clean = try #require(try scrubbed(packet))
      #expect(clean.count == packet.bytes.count)
      #expect(NaiveChecksum.ofTCP(clean, start: packet.upperStart) == 0)
      let wrong = try #require(try scrubbed(changed(packet) { $0.checksum = .wrong }))
      #expect(NaiveChecksum.ofTCP(wrong, start: packet.upperStart) != 0)
    }
  }

  @Test("a handshake does not hide its options in a second fragment, and does not lose them in a first that has all")
  func fragments() throws {
    let whole = syn(Self.linux.before)
    let segment = Array(whole.bytes[40...])
    func fragment(_ count: Int) -> SamplePacket {
      changed(SamplePacket(.other(6), payload: Array(segment.prefix(count)))) {
        $0.extensions = [(44, [0, 0, 1, 0, 0, 0, 7])]
      }
    }
    #expect(try scrubbed(fragment(8)) == nil)
    #expect(try scrubbed(fragment(16)) == nil)
    #expect(try scrubbed(fragment(32)) == nil)
    let clean = try #require(try scrubbed(fragment(40)))
    #expect(clean[68...].elementsEqual(Self.linux.after))
    let together = changed(whole) { $0.flowLabel = 0 }.bytes[..<40] + clean[48...]
    #expect(NaiveChecksum.ofTCP(Array(together)) == 0)
    // What is no fragment and cut off is no segment.
    let short = changed(SamplePacket(.other(6), payload: Array(segment.prefix(16)))) { $0.flowLabel = 0 }
    #expect(try scrubbed(short) == short.bytes)
    let cut = changed(SamplePacket(.other(6), payload: Array(segment.prefix(32)))) { $0.flowLabel = 0 }
    #expect(try scrubbed(cut) == cut.bytes)
  }

  @Test("a super-packet is as clean as the packets that it is cut into")
  func superPackets() throws {
    let packet = changed(.tcp(SamplePacket.payload(5_000))) {
      $0.checksum = .partial
      $0.trafficClass = 0xbb
      $0.hopLimit = 255
    }
    let offload = OffloadHeader(
      segmentation: .tcp(size: 1_428, hasECN: false), checksum: OffloadHeader.Checksum(start: 40, offset: 16))
    var clean = try #require(try scrubbed(packet.bytes, offload))
    let expected = changed(packet) {
      $0.checksum = .full
      ($0.trafficClass, $0.hopLimit, $0.flowLabel) = (0x03, 64, 0)
    }
    #expect(split(&clean, offload) == expected.segments(1_428).map(\.bytes))
  }

  private func split(_ packet: inout [UInt8], _ offload: OffloadHeader) -> [[UInt8]] {
    packet.withUnsafeMutableBytes { bytes in
      var found: [[UInt8]] = []
      guard let view = PacketView(bytes), var splitter = SegmentSplitter(view, header: offload) else { return [] }
      while let length = splitter.nextLength {
        var segment = [UInt8](repeating: 0, count: length)
        _ = segment.withUnsafeMutableBytes { splitter.next(into: $0) }
        found.append(segment)
      }
      return found
    }
  }

  @Test("datagrams that were one need no identification either, if they are never cut again")
  func atomicDatagrams() throws {
    for (fragment, expected) in [(0x4000, [0, 0, 0]), (0, [7, 8, 9])] as [(UInt16, [UInt16])] {
      let length = 8 + 3_000
      let datagram: [UInt8] = [0, 1, 0, 2, UInt8(length >> 8), UInt8(length & 0xff), 0, 0]
      var packet = try Sample.ipv4(
        from: "10.1.0.1", to: "10.2.0.1", identification: fragment == 0 ? 7 : 0, fragment: fragment,
        payload: datagram + [UInt8](repeating: 5, count: 3_000))
      let offload = OffloadHeader(
        segmentation: .udp(size: 1_000), checksum: OffloadHeader.Checksum(start: 20, offset: 6))
      let segments = split(&packet, offload)
      #expect(segments.map { UInt16($0[4]) << 8 | UInt16($0[5]) } == expected)
      for segment in segments { #expect(NaiveChecksum.field(Array(segment[..<20])) == 0) }
    }
  }

  // MARK: - IPv4

  @Test("a packet of IPv4 that is never cut shows no count, no code point and a right checksum")
  func ipv4() throws {
    for identification in [0, 1, 0x1234, 0xffff] as [UInt16] {
      let packet = try Sample.ipv4(
        from: "10.1.0.1", to: "10.2.0.1", identification: identification, fragment: 0x4000, typeOfService: 0xbb,
        payload: [1, 2, 3])
      let clean = try Sample.ipv4(
        from: "10.1.0.1", to: "10.2.0.1", identification: 0, fragment: 0x4000, typeOfService: 0x03,
        payload: [1, 2, 3])
      #expect(try scrubbed(packet) == clean)
    }
  }

  @Test("fragments of one packet stay together, those of two stay apart, and nobody sees the count")
  func identifications() throws {
    func shown(_ number: UInt16, _ fragment: UInt16) throws -> UInt16 {
      let packet = try Sample.ipv4(
        from: "10.1.0.1", to: "10.2.0.1", identification: number, fragment: fragment, payload: [1, 2, 3, 4, 5, 6, 7, 8])
      let clean = try #require(try scrubbed(packet))
      #expect(NaiveChecksum.field(Array(clean[..<20])) == 0)
      return UInt16(clean[4]) << 8 | UInt16(clean[5])
    }
    var numbers: [UInt16] = []
    for number in 1...1_000 as ClosedRange<UInt16> {
      let first = try shown(number, 0x2000)
      // Of a packet that could be cut, in the middle, at the end, and with a bit that says that it is never cut again.
      for fragment in [0, 0x2001, 0x0001, 0x4001, 0x6000] as [UInt16] { #expect(try shown(number, fragment) == first) }
      numbers.append(first)
    }
    #expect(Set(numbers).count == numbers.count)
    // Neighbours of a count differ by one; by chance hardly any do.
    let near = zip(numbers, numbers.dropFirst()).count { ($1 &- $0) &+ 8 <= 16 }
    #expect(near < 10)
  }

  @Test("no two numbers become one")
  func permutation() {
    for seed in 0..<4 as Range<UInt64> {
      var random = SeededGenerator(seed: seed)
      let identifications = PacketIdentifications(random: &random)
      var isTaken = [Bool](repeating: false, count: 1 << 16)
      for number in UInt16.min ... .max { isTaken[Int(identifications.shown(number))] = true }
      #expect(isTaken.allSatisfy { $0 })
    }
  }

  @Test("each node shows other numbers")
  func ownNumbers() {
    var random = SeededGenerator(seed: 5)
    let (first, second) = (PacketIdentifications(random: &random), PacketIdentifications(random: &random))
    #expect((0..<1_000 as Range<UInt16>).count { first.shown($0) == second.shown($0) } < 5)
  }

  @Test("options of IPv4 record neither times nor addresses, and others stay")
  func ipv4Options() throws {
    let packet = try Sample.ipv4(
      from: "10.1.0.1", to: "10.2.0.1", fragment: 0x4000,
      options: [148, 4, 0, 0, 68, 8, 5, 0, 1, 2, 3, 4, 7, 7, 4, 10, 1, 0, 1, 0], payload: [1, 2, 3])
    let clean = try Sample.ipv4(
      from: "10.1.0.1", to: "10.2.0.1", identification: 0, fragment: 0x4000,
      options: [148, 4, 0, 0] + [UInt8](repeating: 1, count: 15) + [0], payload: [1, 2, 3])
    #expect(try scrubbed(packet) == clean)
  }

  @Test("ICMP's questions and answers about the time do not leave")
  func clock() throws {
    for type in 0...20 as ClosedRange<UInt8> {
      let message = [type, 0, 0, 0, 0, 1, 0, 1] + [UInt8](repeating: 7, count: 12)
      let packet = try Sample.ipv4(from: "10.1.0.1", to: "10.2.0.1", protocolNumber: 1, payload: message)
      #expect(try (scrubbed(packet) == nil) == (type == 13 || type == 14))
      let other = try Sample.ipv4(from: "10.1.0.1", to: "10.2.0.1", protocolNumber: 17, payload: message)
      #expect(try scrubbed(other) != nil)
    }
    #expect(try scrubbed(try Sample.ipv4(from: "10.1.0.1", to: "10.2.0.1", protocolNumber: 1)) != nil)
  }

  @Test("a handshake over IPv4 is cleaned alike")
  func ipv4Handshake() throws {
    let ports: [UInt8] = [0x9c, 0x40, 0, 80, 0, 0, 0, 1, 0, 0, 0, 0, 0xa0, 0x02, 1, 0, 0, 0, 0, 0]
    let packet = try Sample.ipv4(
      from: "10.1.0.1", to: "10.2.0.1", protocolNumber: 6, fragment: 0x4000, payload: ports + Self.linux.before)
    let clean = try #require(try scrubbed(packet))
    #expect(clean[40...].elementsEqual(Self.linux.after))
    let change = NaiveChecksum.field(Array(packet[20...])) &- NaiveChecksum.field(Array(clean[20...]))
    // The sum over both is the same, because the checksum took up what the options lost.
    #expect(change == 0 || change == 0xffff)
  }

  @Test("what comes from a peer loses nothing but the options of a handshake")
  func arriving() throws {
    let packet = changed(syn(Self.linux.before, flags: 0x12)) {
      $0.hopLimit = 200
      $0.trafficClass = 0xff
    }
    let clean = changed(packet) {
      guard case .tcp(var tcp) = $0.upper else { return }
      tcp.options = Self.linux.after
      $0.upper = .tcp(tcp)
    }
    var bytes = packet.bytes
    let arrives = try bytes.withUnsafeMutableBytes { Scrubber.scrubHandshake(try #require(PacketView($0))) }
    #expect(arrives)
    #expect(bytes == clean.bytes)
  }
}

extension NaiveChecksum {
  /// What is wrong with the checksum of the segment that begins at `start` in a packet of IPv6: zero if it is right.
  fileprivate static func ofTCP(_ packet: [UInt8], start: Int = 40) -> UInt16 {
    let segment = Array(packet[start...])
    let length = [UInt8(segment.count >> 8), UInt8(segment.count & 0xff)]
    return field(Array(packet[8..<40]) + [0, 0] + length + [0, 0, 0, 6] + segment)
  }
}

extension [UInt8] {
  /// Writes the checksum of an IPv4 header without options.
  fileprivate mutating func complete() {
    (self[10], self[11]) = (0, 0)
    let sum = NaiveChecksum.field(Array(self[..<20]))
    (self[10], self[11]) = (UInt8(sum >> 8), UInt8(sum & 0xff))
  }
}
