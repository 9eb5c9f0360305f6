import Testing

@testable import OverlayCore

@Suite("A link with hostile neighbours")
struct EthernetLinkHostileTests {
  private typealias Frame = EthernetFrame

  /// One of each kind that is answered, learned from or handed on.
  private static let seeds: [[UInt8]] = [
    Frame.solicitation(),
    Frame.solicitation { ($0.source, $0.options) = (.unspecified, []) },
    Frame.advertisement(),
    Frame.solicitation { $0.type = 133 },
    Frame.arp(1, sender: (LinkWorld.hostA, 0x0a01_0005), target: (MACAddress(value: 0), 0x0a02_0007)),
    Frame.ip(Sample.echoRequest(from: LinkWorld.own, to: LinkWorld.peer)),
    Frame.ip(
      Sample.packet(
        from: LinkWorld.own, to: .allNodes, nextHeader: 17, payload: [2, 0x22, 2, 0x23, 0, 12, 0, 0, 1, 2, 3, 4])),
    Frame.ip(Frame.version4(from: 0x0a01_0005, to: 0x0a02_0007)),
  ]

  @Test("every truncation of every kind of frame is consumed, and answered by nothing", arguments: seeds.indices)
  func truncations(_ index: Int) {
    var world = LinkWorld.withIPv4()
    world.live = [LinkWorld.peer]
    let whole = Self.seeds[index]
    for count in 0..<whole.count {
      #expect(world.receive(Array(whole.prefix(count))) == .consumed)
      #expect(world.sent().isEmpty)
      #expect(world.link.table.count == 0)
    }
  }

  @Test("a hundred thousand mutated frames are survived, and nothing grows past its bound")
  func mutations() {
    var world = LinkWorld.withIPv4()
    world.live = [LinkWorld.peer]
    var random = SeededGenerator(seed: 4)
    var up = 0
    for round in 0..<100_000 {
      var frame = Self.seeds[Int(random.next() % UInt64(Self.seeds.count))]
      for _ in 0...(random.next() % 4) where !frame.isEmpty {
        let index = Int(random.next() % UInt64(frame.count))
        switch random.next() % 5 {
        case 0: frame.remove(at: index)
        case 1: frame.insert(UInt8(truncatingIfNeeded: random.next()), at: index)
        case 2: frame.removeLast(min(frame.count, Int(random.next() % 24)))
        default: frame[index] = UInt8(truncatingIfNeeded: random.next())
        }
      }
      let start = UInt16(truncatingIfNeeded: random.next() % 100)
      let offload: OffloadHeader =
        random.next() % 4 == 0 ? .checksum(at: start, UInt16(truncatingIfNeeded: random.next() % 100)) : .none
      switch world.receive(frame, offload) {
      case .packet(let range, let header):
        up += 1
        let isSound =
          range.lowerBound == 14 && range.upperBound <= frame.count && !range.isEmpty
          && range.upperBound <= 14 + 1_500 && header.segmentation == .none
        if !isSound { Issue.record("an unsound packet from \(frame)") }
      case .request(let range, _):
        if range.lowerBound != 14 || range.upperBound > frame.count { Issue.record("an unsound request: \(frame)") }
      case .consumed: break
      }
      if round % 16 == 0 {
        _ = world.deliver(Sample.packet(from: LinkWorld.peer, to: LinkWorld.overlay(random.next())))
        world.pass(0.01)
        world.wire.frames = []
        if round % 64 == 0 { _ = world.events() }
      }
    }
    #expect(up > 1_000)
    #expect(world.link.table.count <= NeighbourTable.limit)
    #expect(world.count(.badFrame) > 0 && world.count(.badNeighbour) > 0)
  }

  @Test("every answer to random solicitations has a sound checksum, and is for a station")
  func checksums() {
    var world = LinkWorld()
    var random = SeededGenerator(seed: 5)
    for _ in 0..<500 {
      let (source, target) = (LinkWorld.overlay(random.next()), LinkWorld.overlay(random.next()))
      let answers = world.answers(to: Frame.solicitation { ($0.source, $0.target) = (source, target) })
      for answer in answers {
        let fields = answer.withUnsafeBytes {
          (IPv6Address(loading: $0, at: 22), IPv6Address(loading: $0, at: 38))
        }
        let sum = NaiveChecksum.field(
          source: fields.0, destination: fields.1, nextHeader: 58, Array(answer[54...]))
        #expect(sum == 0)
        #expect(answer[0] & 1 == 0)
      }
      #expect(answers.count == 1)
    }
  }

  @Test("what is not taken away from the events is bounded")
  func events() {
    var world = LinkWorld()
    for number in 0..<40 as Range<UInt64> {
      for host in 0..<32 as Range<UInt64> {
        _ = world.deliver(
          Sample.packet(from: LinkWorld.peer, to: IPv6Address(high: 0x2001_0db8_0001_0000, low: number << 8 | host)))
      }
      world.pass(3)
    }
    #expect(world.count(.neighbourUnreachable) == 40 * 32)
    #expect(world.events().count == 256)
    #expect(world.count(.linkEventLimit) == 40 * 32 - 256)
  }
}
