import Glibc
import OverlayCore
import Testing

@testable import OverlayIO

/// The device as all identities share it.
struct DevicePortTests {
  private final class Journal {
    var reads = 0
  }

  @Test("What this host answers to a delivery is taken at once, and once; nothing is looked for without a delivery")
  func answers() throws {
    let loop = try #require(EventLoop())
    var ends: [Int32] = [0, 0]
    let type = Int32(SOCK_SEQPACKET.rawValue) | socketFlags
    try SystemCall.perform("socketpair") { socketpair(AF_UNIX, type, 0, &ends) }
    let kernel = FileDescriptor(owning: ends[0])
    let tunnel = TunnelDevice(attached: FileDescriptor(owning: ends[1]), name: "pair", index: 1, framing: .bare)
    let port = try DevicePort(OverlayDevice(tunnel, link: nil), on: loop)
    let journal = Journal()
    port.start(
      DevicePort.Handlers(
        readable: { [journal] _ in journal.reads += 1 }, requested: { _, _, _ in }, happened: { _, _ in },
        isLive: { _ in false }, gone: {}))

    port.takeAnswers()
    #expect(journal.reads == 0)
    let packet = [UInt8](repeating: 0x60, count: 104)
    let isTaken = packet.withUnsafeBytes { port.device.deliver($0) }
    port.takeAnswers()
    #expect(isTaken && journal.reads == 1)
    port.takeAnswers()
    #expect(journal.reads == 1)

    var arrived = [UInt8](repeating: 0, count: 200)
    let number = kernel.number
    let count = try SystemCall.perform("receive") { recv(number, &arrived, arrived.count, 0) }
    #expect(arrived[..<count] == packet[...])
  }
}
