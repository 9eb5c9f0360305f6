import OverlayCore
import Testing

@testable import OverlayIO

@Suite("Who looks at a network namespace")
struct NamespaceVisitTests {
  @Test("sees it from inside, and leaves it")
  func inside() throws {
    let namespace = try TestNamespace()
    try namespace.execute("sysctl", "-qw", "net.ipv6.conf.all.forwarding=1", "net.ipv4.ip_forward=0")
    let survey = try NamespaceSurvey(of: namespace.settings().namespace)
    #expect(survey.forwardsIPv6)
    #expect(!survey.forwardsIPv4)
    #expect(survey.addresses.map(\.interface) == ["lo"])
  }
}
