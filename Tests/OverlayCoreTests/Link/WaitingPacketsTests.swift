import Testing

@testable import OverlayCore

@Suite("Packets that wait for a host on this side")
struct WaitingPacketsTests {
  private typealias Frame = EthernetFrame

  private static func packet(
    to destination: IPv6Address = LinkWorld.served, from source: IPv6Address = LinkWorld.peer, _ number: UInt8 = 0,
    payload: Int = 4
  ) -> [UInt8] {
    Sample.packet(from: source, to: destination, payload: [UInt8](repeating: number, count: payload))
  }

  /// The link's question who has `target`.
  private static func question(_ target: IPv6Address) -> [UInt8] {
    Frame.solicitation {
      $0.source = LinkWorld.mac.linkLocalAddress
      $0.station = LinkWorld.mac
      $0.target = target
    }
  }

  private static func answer(_ target: IPv6Address) -> [UInt8] {
    Frame.advertisement { $0.target = target }
  }

  @Test("an unknown host is asked three times, a second apart, from the link's own address, and given up after three")
  func givenUp() {
    var world = LinkWorld()
    let isKept = world.deliver(Self.packet())
    #expect(isKept)
    #expect(world.sent() == [Self.question(LinkWorld.served)])
    for _ in 0..<2 {
      world.pass(0.99)
      #expect(world.sent().isEmpty)
      world.pass(0.01)
      #expect(world.sent() == [Self.question(LinkWorld.served)])
    }
    world.pass(0.99)
    #expect(world.events().isEmpty)
    world.pass(0.01)
    #expect(world.sent().isEmpty)
    #expect(world.events() == [.undeliverable(Self.packet())])
    #expect(world.count(.neighbourUnreachable) == 1)
    #expect(world.link.nextDeadline == nil)
  }

  @Test("the question is sent to the group of the target's last three bytes")
  func group() {
    let question = Self.question(IPv6Address(high: 0x2001_0db8_0001_0000, low: 0x1234_5678))
    var world = LinkWorld()
    _ = world.deliver(Self.packet(to: IPv6Address(high: 0x2001_0db8_0001_0000, low: 0x1234_5678)))
    #expect(world.sent() == [question])
    #expect(question.prefix(6) == [0x33, 0x33, 0xff, 0x34, 0x56, 0x78])
  }

  @Test("what waited goes out in order, once, when the host says where it is", arguments: 0..<3)
  func found(_ index: Int) {
    var world = LinkWorld()
    for number in 0..<3 as Range<UInt8> { _ = world.deliver(Self.packet(number), .checksum(at: 40, 0)) }
    #expect(world.sent() == [Self.question(LinkWorld.served)])
    let lessons = [
      Self.answer(LinkWorld.served),
      Frame.solicitation { ($0.source, $0.target) = (LinkWorld.served, LinkWorld.second) },
      Frame.ip(Sample.packet(from: LinkWorld.served, to: LinkWorld.peer)),
    ]
    _ = world.receive(lessons[index])
    #expect(world.wire.frames.map(\.header) == Array(repeating: .checksum(at: 54, 0), count: 3))
    #expect(
      world.sent()
        == (0..<3 as Range<UInt8>).map { Frame.ip(Self.packet($0), from: LinkWorld.mac, to: LinkWorld.hostA) })
    #expect(world.link.nextDeadline == nil)
    _ = world.receive(lessons[index])
    #expect(world.sent().isEmpty)
  }

  @Test("eight packets wait for a host, and the oldest go first")
  func packetLimit() {
    var world = LinkWorld()
    for number in 0..<20 as Range<UInt8> { _ = world.deliver(Self.packet(number)) }
    #expect(world.count(.neighbourQueueFull) == 12)
    _ = world.sent()
    _ = world.receive(Self.answer(LinkWorld.served))
    #expect(world.sent().map { $0.last } == (12..<20 as Range<UInt8>).map { $0 })
  }

  @Test("16 KiB wait for a host, and the oldest go first")
  func byteLimit() {
    var world = LinkWorld()
    for number in 0..<5 as Range<UInt8> { _ = world.deliver(Self.packet(number, payload: 5_000)) }
    _ = world.sent()
    _ = world.receive(Self.answer(LinkWorld.served))
    #expect(world.sent().map { $0.last } == [2, 3, 4])
  }

  @Test("a packet too long to wait is dropped, but its host is asked for")
  func tooLong() {
    var world = LinkWorld()
    let isKept = world.deliver(Self.packet(payload: 16_384))
    #expect(!isKept)
    #expect(world.count(.neighbourQueueFull) == 1)
    #expect(world.sent() == [Self.question(LinkWorld.served)])
    world.pass(3)
    #expect(world.events().isEmpty)
  }

  private static func host(_ number: Int) -> IPv6Address {
    IPv6Address(high: 0x2001_0db8_0001_0000, low: 0x10_0000 + UInt64(number))
  }

  @Test("packets wait for 32 hosts; the oldest stranger goes first, never an identity")
  func destinations() {
    var world = LinkWorld()
    _ = world.deliver(Self.packet(to: LinkWorld.own))
    for number in 0..<40 { _ = world.deliver(Self.packet(to: Self.host(number))) }
    #expect(world.count(.neighbourQueueFull) == 9)
    world.pass(3)
    let expected = [LinkWorld.own] + (9..<40).map { Self.host($0) }
    #expect(world.events() == expected.map { .undeliverable(Self.packet(to: $0)) })
  }

  @Test("a scan of the LAN asks 32 times at once, and as often as 500 hosts make room for others")
  func scan() {
    var world = LinkWorld()
    for number in 0..<5_000 { _ = world.deliver(Self.packet(to: Self.host(number))) }
    #expect(world.sent().count == 532)
    #expect(world.count(.neighbourQueueFull) == 500 + 5_000 - 532)
    #expect(world.count(.neighbourLimited) == 0)
  }

  @Test("who scans the LAN leaves others their questions, and what waits for the answer", arguments: [1, 2, 31, 100])
  func amongScanners(_ scanners: Int) {
    var world = LinkWorld()
    var scanned = 0
    for round in 0..<4 {
      for _ in 0..<1_100 {
        let scanner = LinkWorld.overlay(UInt64(1_000 + scanned % scanners))
        _ = world.deliver(Self.packet(to: Self.host(scanned), from: scanner))
        scanned += 1
      }
      _ = world.sent()
      let target = Self.host(1_000_000 + round)
      var isAsked = false
      // With a hundred identities the kernel at the other end may have to send its SYN once more.
      for _ in 0..<(scanners > 31 ? 10 : 1) where !isAsked {
        _ = world.deliver(Self.packet(to: target, 7))
        isAsked = world.sent() == [Self.question(target)]
        world.pass(0.01)
        _ = world.sent()
      }
      #expect(isAsked, "round \(round)")
      _ = world.receive(Self.answer(target))
      #expect(world.sent().map(\.last) == [7], "round \(round)")
      world.pass(0.3)
      _ = world.events()
    }
  }

  @Test("a host that could not be asked whether it is still there is not forgotten for having said nothing")
  func unasked() {
    var world = LinkWorld()
    _ = world.receive(Self.answer(LinkWorld.served))
    world.pass(31)
    for _ in 0..<3 {
      while world.link.solicitations.take(at: world.now) {}
      let isDelivered = world.deliver(Self.packet())
      #expect(isDelivered)
      #expect(world.sent() == [Frame.ip(Self.packet(), from: LinkWorld.mac, to: LinkWorld.hostA)])
      world.now = world.now + .milliseconds(1_100)
    }
    while world.link.solicitations.take(at: world.now) {}
    _ = world.deliver(Self.packet())
    #expect(world.sent() == [Frame.ip(Self.packet(), from: LinkWorld.mac, to: LinkWorld.hostA)])
  }

  @Test("who looks too late asks once for all turns that it missed, and gives up in time")
  func late() {
    var world = LinkWorld()
    _ = world.deliver(Self.packet())
    _ = world.sent()
    world.now = world.now + .milliseconds(2_500)
    world.pass(0)
    #expect(world.sent().count == 1)
    world.pass(0.5)
    #expect(world.events() == [.undeliverable(Self.packet())])
  }

  @Test("what no host can have is refused", arguments: ["ff02::1", "fe80::1", "::", "::1"])
  func refused(_ destination: String) throws {
    var world = LinkWorld()
    let destination = try IPv6Address.sample(destination)
    let isKept = world.deliver(Self.packet(to: destination))
    #expect(!isKept)
    #expect(world.sent().isEmpty)
    #expect(world.count(.multicast) == 1)
  }

  @Test("what is no packet is refused")
  func malformed() {
    var world = LinkWorld()
    for packet in [[], [0x60], [UInt8](Self.packet().prefix(39)), Frame.version4(from: 1, to: 2), [0x50, 0]] {
      let isKept = world.deliver(packet)
      #expect(!isKept)
    }
    #expect(world.count(.malformed) == 5)
  }

  @Test("an overlay address that is neither an identity's nor known is looked for here")
  func stranger() {
    var world = LinkWorld()
    _ = world.deliver(Self.packet(to: LinkWorld.peer))
    #expect(world.sent() == [Self.question(LinkWorld.peer)])
  }
}
