import Testing

@testable import OverlayIO

@Suite("Whom a program in the namespace asks about names")
struct OverlayResolverTests {
  private static let servers: [([String], String?)] = [
    ([], nil), (["127.0.0.1:5354", "unix:/run/oncilla/names.sock"], nil), (["127.0.0.1:53"], "127.0.0.1"),
    (["127.0.0.1:5354", "[::1]:53"], "::1"), (["127.0.0.2:53"], nil),
  ]

  @Test("the daemon, where it answers at port 53", arguments: servers)
  func places(places: [String], server: String?) {
    let resolver = OverlayResolver(places, zone: "a.test")
    #expect(
      resolver.configuration == server.map { "# Mounted by oncilla exec.\nnameserver \($0)\nsearch a.test\n" })
  }

  private static let files: [(String, String)] = [
    ("", "hosts: files dns\n"), ("hosts: x", "hosts: files dns\n"),
    (
      "passwd: files sss\n\thosts: resolve [!UNAVAIL=return] dns\nnetworks: files\n",
      "passwd: files sss\nnetworks: files\nhosts: files dns\n"
    ), ("# hosts: x\n", "# hosts: x\nhosts: files dns\n"),
  ]

  @Test("and no other service", arguments: files)
  func services(before: String, after: String) {
    #expect(OverlayResolver(["127.0.0.1:53"], zone: "a.test").services(before) == after)
    let own = after.replacing("files dns", with: "files oncilla [NOTFOUND=return] dns")
    #expect(OverlayResolver([], zone: "a.test").services(before) == own, "its module, where it answers by no DNS")
  }
}
