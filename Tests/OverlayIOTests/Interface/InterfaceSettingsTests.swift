import OverlayIO
import Testing

@Suite("What an interface is asked for")
struct InterfaceSettingsTests {
  @Test("a name that an interface can have is kept", arguments: ["a", "oncilla0", "...", "fifteen-letters"])
  func interfaceName(text: String) {
    #expect(InterfaceName(text)?.description == text)
  }

  @Test(
    "a name that no interface can have is refused",
    arguments: ["", ".", "..", "sixteen-letters0", "a/b", "a b", "a:b", "tun%d", "a\n", "größe"])
  func noInterfaceName(text: String) {
    #expect(InterfaceName(text) == nil)
  }

  @Test("a namespace is a file where ip-netns keeps it", arguments: ["n", "a b", String(repeating: "n", count: 255)])
  func namespaceName(text: String) {
    #expect(NamespaceName(text)?.path == "/run/netns/" + text)
  }

  @Test(
    "a text that names no namespace is refused",
    arguments: ["", ".", "..", "a\0b", "a/b", "/run/netns/n", String(repeating: "n", count: 256)])
  func noNamespaceName(text: String) {
    #expect(NamespaceName(text) == nil)
  }

  @Test("an MTU between IPv6's and the driver's bounds is kept", arguments: [1280, 1500, 65535])
  func mtu(bytes: Int) {
    #expect(InterfaceMTU(bytes: bytes)?.bytes == bytes)
  }

  @Test("an MTU outside these bounds is refused", arguments: [Int.min, 0, 1279, 65536, Int.max])
  func noMTU(bytes: Int) {
    #expect(InterfaceMTU(bytes: bytes) == nil)
  }
}
