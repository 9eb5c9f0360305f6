import Glibc
import OverlayCore
import Testing

@testable import OverlayIO

/// The device as all identities share it.
struct HostPortTests {
  @Test("What a link answers or drops is one read of a batch, as a packet is (a storm was read to its end)")
  func storm() throws {
    let loop = try #require(EventLoop())
    let ends = try socketPair(SOCK_SEQPACKET)
    let lan = FileDescriptor(owning: ends[0])
    let tunnel = TunnelDevice(
      attached: FileDescriptor(owning: ends[1]), name: "pair", index: 1, mode: .tap, framing: .bare)
    let station = try #require(MACAddress("02:00:00:00:00:01"))
    let link = EthernetLink(LinkSettings(macAddress: station, ownAddresses: [], mtu: 1_500))
    let port = try HostPort(LinkDevice(tunnel, link: link), Host(), on: loop)
    port.start(HostPort.Handlers(touched: { _ in }, told: { _ in }, failed: { _ in }, gone: {}))
    let addresses = [UInt8](repeating: 0xff, count: 6) + [2, 0, 0, 0, 0, 2]
    let broadcast = addresses + [0x12, 0x34] + [UInt8](repeating: 0, count: 46)
    for _ in 0..<3 {
      try SystemCall.perform("send") { Glibc.send(lan.number, broadcast, broadcast.count, 0) }
    }
    for _ in 0..<3 {
      guard case .ended = port.read() else { throw SystemError(call: "read", number: EINVAL) }
    }
    guard case .nothing = port.read() else { throw SystemError(call: "read", number: EINVAL) }
    #expect(port.host.nextTouched() == nil)
  }

  @Test(
    "A circuit is read whole where it is alone, and in small pieces in a crowd",
    arguments: [
      (0, 262_144, 262_144), (1, 262_144, 262_144), (1, 98_304, 98_304), (2, 262_144, 131_072), (2, 98_304, 98_304),
      (8, 262_144, 32_768), (9, 262_144, 7_281), (40, 262_144, 1_638), (64, 98_304, 1_024), (4_096, 262_144, 1_024),
    ])
  func readSize(crowd: Int, whole: Int, expected: Int) {
    #expect(HostPort.readSize(in: crowd, of: whole) == expected)
  }
}
