import Testing

@testable import OverlayCore

@Suite("MAC addresses")
struct MACAddressTests {
  @Test(
    "what is written is read, and the other way round",
    arguments: [
      (0x02_11_22_33_44_55, "02:11:22:33:44:55"), (0, "00:00:00:00:00:00"), (0xffff_ffff_ffff, "ff:ff:ff:ff:ff:ff"),
    ])
  func text(_ value: UInt64, _ text: String) {
    #expect(MACAddress(value: value).description == text)
    #expect(MACAddress(text) == MACAddress(value: value))
    #expect(MACAddress(text.uppercased()) == MACAddress(value: value))
  }

  @Test(
    "what is no MAC address is refused",
    arguments: [
      "", "02:11:22:33:44", "02:11:22:33:44:55:66", "2:11:22:33:44:55", "02-11-22-33-44-55", "02:11:22:33:44:5g",
      "02:11:22:33:44:55 ", ":::::", "02:11:22:33:44:+5", "021:1:22:33:44:55",
    ])
  func refused(_ text: String) {
    #expect(MACAddress(text) == nil)
  }

  @Test("the bytes stand in the order in which they are written")
  func bytes() {
    let address = MACAddress(value: 0x02_11_22_33_44_55)
    var frame: [UInt8] = [9, 0, 0, 0, 0, 0, 0, 9]
    frame.withUnsafeMutableBytes { address.store(into: $0, at: 1) }
    #expect(frame == [9, 0x02, 0x11, 0x22, 0x33, 0x44, 0x55, 9])
    #expect(frame.withUnsafeBytes { MACAddress(loading: $0, at: 1) } == address)
  }

  @Test("a random address is locally administered and one station's, and no two are alike")
  func random() {
    var generator = SeededGenerator(seed: 1)
    let addresses = (0..<1_000).map { _ in MACAddress.random(using: &generator) }
    #expect(addresses.allSatisfy { $0.isLocal && !$0.isGroup && $0.value >> 48 == 0 })
    #expect(Set(addresses).count == 1_000)
  }

  @Test("groups are told from stations, local ones from makers'")
  func bits() {
    #expect(MACAddress.broadcast.isGroup)
    #expect(MACAddress(value: 0x3333_0000_0001).isGroup)
    #expect(!MACAddress(value: 0x02_11_22_33_44_55).isGroup)
    #expect(!MACAddress(value: 0x00_11_22_33_44_55).isLocal)
  }

  @Test("the link-local address is made of the modified EUI-64 (the example of RFC 4291 appendix A)")
  func linkLocal() {
    #expect(MACAddress(value: 0x34_56_78_9a_bc_de).linkLocalAddress.description == "fe80::3656:78ff:fe9a:bcde")
  }

  @Test("a group's frames go to 33:33 and its last four bytes (RFC 2464 section 7)")
  func group() throws {
    #expect(MACAddress(group: try .sample("ff02::1:ff28:9c5a")).description == "33:33:ff:28:9c:5a")
  }
}
