import Glibc
import OverlayCore
import Testing

@testable import OverlayIO

/// The device as all identities share it.
struct DevicePortTests {
  /// A port whose device is one end of a pair of sockets.
  private final class Fixture {
    let loop: EventLoop
    let port: DevicePort
    let kernel: FileDescriptor
    var reads = 0
    var isAnswering = true

    init() throws {
      loop = try #require(EventLoop())
      var ends: [Int32] = [0, 0]
      let type = Int32(SOCK_SEQPACKET.rawValue) | socketFlags
      try SystemCall.perform("socketpair") { socketpair(AF_UNIX, type, 0, &ends) }
      kernel = FileDescriptor(owning: ends[0])
      let tunnel = TunnelDevice(attached: FileDescriptor(owning: ends[1]), name: "pair", index: 1, framing: .bare)
      port = try DevicePort(OverlayDevice(tunnel, link: nil), on: loop)
      port.start(
        DevicePort.Handlers(
          readable: { [unowned self] _ in read() }, requested: { _, _, _ in }, happened: { _, _ in },
          isLive: { _ in false }, gone: {}))
    }

    private func read() -> Bool {
      reads += 1
      if case .packet = port.next(at: loop.now) { loop.stop() }
      return isAnswering
    }

    /// Delivers a packet, and looks for what answers it.
    func deliver(isAlone: Bool = true) {
      port.device.now = loop.now
      let packet = [UInt8](repeating: 0x60, count: 104)
      #expect(packet.withUnsafeBytes { port.device.deliver($0) })
      port.takeAnswers(toOnePacket: isAlone)
    }

    /// The kernel sends a packet, and the loop serves it.
    func send() throws {
      let number = kernel.number
      try SystemCall.perform("send") { Glibc.send(number, [UInt8](repeating: 0x60, count: 104), 104, 0) }
      loop.run()
    }
  }

  @Test("What this host answers to a delivery is taken at once, and once; nothing is looked for without a delivery")
  func answers() throws {
    let fixture = try Fixture()
    fixture.port.takeAnswers(toOnePacket: true)
    #expect(fixture.reads == 0)
    fixture.deliver()
    #expect(fixture.reads == 1)
    fixture.port.takeAnswers(toOnePacket: true)
    #expect(fixture.reads == 1)

    var arrived = [UInt8](repeating: 0, count: 200)
    let number = fixture.kernel.number
    let count = try SystemCall.perform("receive") { recv(number, &arrived, arrived.count, 0) }
    #expect(arrived[..<count] == [UInt8](repeating: 0x60, count: 104)[...])
  }

  @Test("Nobody asks for an answer to a packet that came alone where the last one had none, until one comes at once")
  func habit() throws {
    let fixture = try Fixture()
    fixture.isAnswering = false
    fixture.deliver()
    fixture.deliver()
    #expect(fixture.reads == 1)
    fixture.deliver(isAlone: false)
    #expect(fixture.reads == 2)

    // A test that did not get a processor in time tries again.
    let isAskedAgain = try (0..<1_000).contains { _ in
      let again = try Fixture()
      again.isAnswering = false
      again.deliver()
      again.deliver()
      try again.send()
      let reads = again.reads
      again.deliver()
      return again.reads == reads + 1
    }
    #expect(isAskedAgain)
  }

  @Test("What a link answers or drops is one read of a batch, as a packet is (a storm was read to its end)")
  func storm() throws {
    let loop = try #require(EventLoop())
    var ends: [Int32] = [0, 0]
    try SystemCall.perform("socketpair") {
      socketpair(AF_UNIX, Int32(SOCK_SEQPACKET.rawValue) | socketFlags, 0, &ends)
    }
    let lan = FileDescriptor(owning: ends[0])
    let tunnel = TunnelDevice(
      attached: FileDescriptor(owning: ends[1]), name: "pair", index: 1, mode: .tap, framing: .bare)
    let station = try #require(MACAddress("02:00:00:00:00:01"))
    let link = EthernetLink(LinkSettings(macAddress: station, ownAddresses: [], mtu: 1_500))
    let port = try DevicePort(OverlayDevice(tunnel, link: link), on: loop)
    port.start(
      DevicePort.Handlers(
        readable: { _ in true }, requested: { _, _, _ in }, happened: { _, _ in }, isLive: { _ in false }, gone: {}))
    let addresses = [UInt8](repeating: 0xff, count: 6) + [2, 0, 0, 0, 0, 2]
    let broadcast = addresses + [0x12, 0x34] + [UInt8](repeating: 0, count: 46)
    for _ in 0..<3 {
      try SystemCall.perform("send") { Glibc.send(lan.number, broadcast, broadcast.count, 0) }
    }
    for _ in 0..<3 {
      guard case .consumed = port.next(at: loop.now) else { throw SystemError(call: "next", number: EINVAL) }
    }
    guard case .nothing = port.next(at: loop.now) else { throw SystemError(call: "next", number: EINVAL) }
  }

  @Test(
    "A circuit is read whole where it is alone, and in small pieces in a crowd",
    arguments: [
      (0, 262_144, 262_144), (1, 262_144, 262_144), (1, 98_304, 98_304), (2, 262_144, 131_072), (2, 98_304, 98_304),
      (8, 262_144, 32_768), (9, 262_144, 7_281), (40, 262_144, 1_638), (64, 98_304, 1_024), (4_096, 262_144, 1_024),
    ])
  func readSize(crowd: Int, whole: Int, expected: Int) {
    #expect(DevicePort.readSize(in: crowd, of: whole) == expected)
  }
}
