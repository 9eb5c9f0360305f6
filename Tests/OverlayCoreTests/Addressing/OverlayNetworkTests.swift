import OverlayCore
import Testing

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

  @Test("only ten bytes make an address", arguments: [0, 9, 11, 16])
  func hostPart(count: Int) {
    #expect(OverlayNetwork.tor.address(hostPart: [UInt8](repeating: 1, count: count)) == nil)
  }
}
