import OverlayCore
import Testing

@Suite("IPv6 address")
struct IPv6AddressTests {
  static let bytes: [UInt8] = [
    0xfd, 0x87, 0xd8, 0x7e, 0xeb, 0x43, 0xf9, 0x47, 0xad, 0x24, 0xec, 0x81, 0x8a, 0xbe, 0x75, 0x3e,
  ]
  static let address = IPv6Address(high: 0xfd87_d87e_eb43_f947, low: 0xad24_ec81_8abe_753e)

  @Test("its bytes are in network order")
  func bytes() {
    #expect(IPv6Address(bytes: IPv6AddressTests.bytes) == IPv6AddressTests.address)
    #expect(IPv6AddressTests.address.bytes == IPv6AddressTests.bytes)
    #expect(
      IPv6AddressTests.address.groups == [0xfd87, 0xd87e, 0xeb43, 0xf947, 0xad24, 0xec81, 0x8abe, 0x753e])
  }

  @Test("any other number of bytes is no address", arguments: [0, 1, 15, 17, 32])
  func count(count: Int) {
    #expect(IPv6Address(bytes: [UInt8](repeating: 0, count: count)) == nil)
  }

  @Test("it is read and written at any offset of a packet", arguments: 0..<9)
  func packet(offset: Int) {
    var packet = [UInt8](repeating: 0xee, count: 32)
    packet.withUnsafeMutableBytes { IPv6AddressTests.address.store(into: $0, at: offset) }
    #expect(Array(packet[offset..<(offset + 16)]) == IPv6AddressTests.bytes)
    #expect(packet.filter { $0 == 0xee }.count == 16)
    #expect(packet.withUnsafeBytes { IPv6Address(loading: $0, at: offset) } == IPv6AddressTests.address)
  }

  @Test(
    "its scope is known by its first bits",
    arguments: [
      ("ff00::", true, false), ("ff02::1", true, false), ("fe80::1", false, true), ("febf::1", false, true),
      ("fec0::1", false, false), ("fe7f::1", false, false), ("::", false, false), ("fd87:d87e:eb43::1", false, false),
    ])
  func scope(text: String, isMulticast: Bool, isLinkLocal: Bool) throws {
    let address = try #require(IPv6Address(text))
    #expect(address.isMulticast == isMulticast)
    #expect(address.isLinkLocal == isLinkLocal)
  }
}
