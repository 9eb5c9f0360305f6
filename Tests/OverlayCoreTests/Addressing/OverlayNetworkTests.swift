import Testing

@testable import OverlayCore

@Suite("Overlay network")
struct OverlayNetworkTests {
  @Test("Tor's prefix and responders are those of the field")
  func tor() {
    let tor = OverlayNetwork.tor
    #expect(tor.prefix.description == "fd87:d87e:eb43::/48")
    #expect(tor.localResponder.description == "fd87:d87e:eb43::dead:beef")
    #expect(tor.circuitResponder.description == "fd87:d87e:eb43::feed:beef")
    #expect(tor.contains(tor.localResponder) && tor.contains(tor.circuitResponder))
  }

  @Test(
    "an address of another network has no label",
    arguments: ["::1", "fd87:d87e:eb42::1", "fe80::1", "fd60:db4d:ddb5::1"])
  func foreign(text: String) throws {
    #expect(OverlayNetwork.tor.label(of: try #require(IPv6Address(text))) == nil)
  }

  @Test(
    "a host's part is the last ten bytes of its address",
    arguments: [
      (0, 0, "fd87:d87e:eb43::"), (0xf947, 0xad24_ec81_8abe_753e, "fd87:d87e:eb43:f947:ad24:ec81:8abe:753e"),
      (.max, .max, "fd87:d87e:eb43:ffff:ffff:ffff:ffff:ffff"),
    ] as [(UInt16, UInt64, String)])
  func hostPart(high: UInt16, low: UInt64, text: String) {
    #expect(OverlayNetwork.tor.address(hostPart: (high: high, low: low)).description == text)
  }
}
