import OverlayCore
import Testing

@testable import OverlayIO

@Suite("How many files there may be")
struct DescriptorLimitTests {
  /// So many identities, on so many listeners.
  private func identities(_ count: Int, listeners: Int) throws -> [DaemonSettings.Identity] {
    try (0..<count).map { number in
      let label = "a" + String(UnicodeScalar(UInt8(97 + number / 26))) + String(UnicodeScalar(UInt8(97 + number % 26)))
      let name = try OnionName("aaaaaaaaaaaaa\(label).onion")
      return .init(.onion(name), listen: [.ipv4(.loopback, port: UInt16(8_000 + number % listeners))])
    }
  }

  @Test(
    "circuits get what listeners, calls to be sorted, timers, claims and 64 other files leave",
    arguments: [
      (1_024, 1, 1, 955), (1_024, 128, 128, 320), (1_024, 128, 1, 446), (1_024, 3, 2, 819),
      (20_000, 128, 128, 16_384), (524_288, 1, 1, 16_384), (100, 128, 128, 1), (0, 1, 1, 1),
    ])
  func circuits(_ limit: Int, _ count: Int, _ listeners: Int, _ expected: Int) throws {
    #expect(DescriptorLimit.circuits(of: limit, for: try identities(count, listeners: listeners)) == expected)
  }

  @Test(
    "an eighth of the files is for calls to be sorted, within bounds",
    arguments: [(0, 64), (512, 64), (1_024, 128), (4_096, 512), (524_288, 1_024)])
  func calls(_ limit: Int, _ expected: Int) {
    #expect(DescriptorLimit.calls(of: limit) == expected)
  }

  @Test("an identity may have several listeners")
  func severalListeners() throws {
    var identity = try identities(1, listeners: 1)[0]
    identity.listen.append(.ipv4(.loopback, port: 9_000))
    #expect(DescriptorLimit.circuits(of: 1_024, for: [identity]) == 953)
  }
}
