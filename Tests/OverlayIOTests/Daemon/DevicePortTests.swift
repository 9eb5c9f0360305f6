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
      if port.next(at: loop.now) != nil { loop.stop() }
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
}
