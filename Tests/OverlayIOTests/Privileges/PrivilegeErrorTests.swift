import Glibc
import OverlayCore
import Testing

@testable import OverlayIO

@Suite("What is missing is said")
struct PrivilegeErrorTests {
  @Test("a namespace that is missing is named with its path")
  func namespaceMissing() throws {
    let name = try #require(NamespaceName("oncilla-none"))
    let settings = InterfaceSettings(namespace: name, prefix: OverlayNetwork.tor.prefix)
    #expect(throws: PrivilegeError.namespaceMissing("/run/netns/oncilla-none")) { _ = try Privileges(settings) }
  }

  @Test("every error is one line that ends without a full stop")
  func descriptions() throws {
    let errors: [PrivilegeError] = [
      .interfaceNameRefused("a"), .namespaceMissing("/x"),
      .notANamespace("/x"), .notPermitted(capability: "CAP_NET_ADMIN", act: "act"), .tunnelNodeMissing,
      .tunnelNodeRefused, .protocolDisabled(interface: nil), .protocolDisabled(interface: "oncilla0"),
      .interfaceExists("oncilla0"), .interfaceGone("oncilla0"),
      .leakGuardTaken(.ipv6(OverlayNetwork.tor.prefix), metric: 4096),
      .routeTaken(.ipv6(OverlayNetwork.tor.prefix), metric: 256), .outOfOrder(.openTunnel),
      .failed(act: "act", SystemError(call: "call", number: ENOMEM)),
    ]
    for error in errors {
      #expect(!"\(error)".contains("\n"))
      #expect("\(error)".last != ".")
    }
  }
}
