import OverlayCore
import Testing

@Suite("IPv6 prefix")
struct IPv6PrefixTests {
  @Test(
    "the bits past its length are cleared",
    arguments: [
      (0, "::/0"), (1, "8000::/1"), (48, "fd87:d87e:eb43::/48"), (63, "fd87:d87e:eb43:fffe::/63"),
      (64, "fd87:d87e:eb43:ffff::/64"), (65, "fd87:d87e:eb43:ffff:8000::/65"),
      (127, "fd87:d87e:eb43:ffff:ffff:ffff:ffff:fffe/127"), (128, "fd87:d87e:eb43:ffff:ffff:ffff:ffff:ffff/128"),
    ])
  func masked(length: Int, text: String) throws {
    let address = IPv6Address(high: 0xfd87_d87e_eb43_ffff, low: .max)
    let prefix = try #require(IPv6Prefix(address, length: length))
    #expect(prefix.description == text)
    #expect(prefix.length == length)
    #expect(prefix.contains(address))
  }

  @Test("lengths outside 0 to 128 make no prefix", arguments: [-1, 129, Int.min, Int.max])
  func length(length: Int) {
    #expect(IPv6Prefix(.unspecified, length: length) == nil)
  }

  @Test(
    "its borders are exact",
    arguments: [
      (48, "fd87:d87e:eb43::", true), (48, "fd87:d87e:eb43:ffff:ffff:ffff:ffff:ffff", true),
      (48, "fd87:d87e:eb42:ffff:ffff:ffff:ffff:ffff", false), (48, "fd87:d87e:eb44::", false),
      (128, "fd87:d87e:eb43::", true), (128, "fd87:d87e:eb43::1", false), (0, "ffff::", true),
      (65, "fd87:d87e:eb43:0:7fff::", true), (65, "fd87:d87e:eb43:0:8000::", false),
    ])
  func border(length: Int, text: String, isInside: Bool) throws {
    let prefix = try #require(IPv6Prefix(IPv6Address(high: 0xfd87_d87e_eb43_0000, low: 0), length: length))
    #expect(prefix.contains(try #require(IPv6Address(text))) == isInside)
  }
}
