import Testing

@testable import OverlayCore

@Suite("MAC address")
struct MACAddressTests {
  @Test(
    "text and number say the same",
    arguments: [
      ("02:00:5e:10:00:01", 0x0200_5e10_0001), ("ff:ff:ff:ff:ff:ff", 0xffff_ffff_ffff), ("00:00:00:00:00:00", 0),
    ] as [(String, UInt64)])
  func text(_ text: String, _ value: UInt64) {
    #expect(MACAddress(text) == MACAddress(value: value))
    #expect(MACAddress(value: value).description == text)
  }

  @Test("capital digits are read, too")
  func capitals() {
    #expect(MACAddress("AA:bB:cc:DD:0e:0F") == MACAddress(value: 0xaabb_ccdd_0e0f))
  }

  @Test(
    "other text writes none",
    arguments: [
      "", ":", "02:00:5e:10:00", "02:00:5e:10:00:01:02", "02:00:5e:10:00:1", "02:00:5e:10:00:+1", "02-00-5e-10-00-01",
      "02:00:5e:10:00:0g", " 02:00:5e:10:00:01", "02:00:5e:10:00:001", "02:00:5e:10::01",
    ])
  func noText(_ text: String) {
    #expect(MACAddress(text) == nil)
  }

  @Test("the bytes stand in network order, and only the low 48 bits count")
  func bytes() {
    let address = MACAddress(value: 0xfeed_0200_5e10_0001)
    var frame = [UInt8](repeating: 0xaa, count: 8)
    frame.withUnsafeMutableBytes { address.store(into: $0, at: 1) }
    #expect(frame == [0xaa, 2, 0, 0x5e, 0x10, 0, 1, 0xaa])
    #expect(frame.withUnsafeBytes { MACAddress(loading: $0, at: 1) } == address)
    #expect(address.value == 0x0200_5e10_0001)
  }

  @Test("groups and locally administered addresses are told by their bits")
  func kinds() throws {
    let kinds = try ["01:00:5e:00:00:01", "33:33:00:00:00:01", "02:00:00:00:00:01", "00:16:3e:00:00:01"].map {
      let address = try #require(MACAddress($0))
      return [address.isGroup, address.isLocal]
    }
    #expect(kinds == [[true, false], [true, true], [false, true], [false, false]])
  }

  @Test("a random one is locally administered, of one station, and another each time")
  func random() {
    var random = SeededGenerator(seed: 1)
    let addresses = (0..<1_000).map { _ in MACAddress.random(using: &random) }
    #expect(addresses.allSatisfy { $0.isLocal && !$0.isGroup && $0.value >> 48 == 0 })
    #expect(Set(addresses).count == 1_000)
  }
}
