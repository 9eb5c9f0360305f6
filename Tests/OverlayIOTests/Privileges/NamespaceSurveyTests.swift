import OverlayCore
import Testing

@testable import OverlayIO

@Suite("What is found in a network namespace")
struct NamespaceSurveyTests {
  static let table = """
    00000000000000000000000000000001 01 80 10 80       lo
    fd87d87eeb435b1f3f7ed46dfe899b03 0a 30 00 80 oncilla1
    not a line of it
    """

  private var settings = DaemonSettings(identities: [])

  @Test("the kernel's table of addresses is read, and what is no line of it passed over")
  func addresses() {
    let found = NamespaceSurvey.addresses(in: Array(NamespaceSurveyTests.table.utf8))
    #expect(found.map(\.address.description) == ["::1", "fd87:d87e:eb43:5b1f:3f7e:d46d:fe89:9b03"])
    #expect(found.map(\.prefixLength) == [128, 48])
    #expect(found.map(\.interface) == ["lo", "oncilla1"])
  }

  @Test("another way into the overlay is told, unless the interface is to have no address")
  func rival() throws {
    var survey = NamespaceSurvey()
    survey.addresses = NamespaceSurvey.addresses(in: Array(NamespaceSurveyTests.table.utf8))
    var settings = settings
    #expect(settings.advice(for: survey).count == 1)
    #expect(settings.advice(for: survey).first?.hasPrefix("interface oncilla1 leads to fd87:d87e:eb43::/48") == true)
    settings.interface.name = try #require(InterfaceName("oncilla1"))
    #expect(settings.advice(for: survey).isEmpty)
    settings.interface.name = .standard
    settings.interface.hasAddress = false
    #expect(settings.advice(for: survey).isEmpty)
  }

  @Test(
    "what is served needs a kernel that forwards, where it is more than this host",
    arguments: [
      (["fd00:a::/48"], false, true, ["net.ipv6.conf.all.forwarding"]), (["fd00:a::/48"], true, false, []),
      (["10.10.0.0/16"], true, false, ["net.ipv4.ip_forward"]), (["10.10.0.0/16"], false, true, []),
      (
        ["fd00:a::/48", "fd00:b::/48", "10.10.0.0/16"], false, false,
        ["net.ipv6.conf.all.forwarding", "net.ipv4.ip_forward"]
      ),
      (["10.99.0.1/32", "2001:db8::5/128"], false, false, []),
      (["10.99.0.2/32"], false, false, ["net.ipv4.ip_forward"]),
      ([], false, false, []),
    ] as [([String], Bool, Bool, [String])])
  func forwarding(served: [String], ipv6: Bool, ipv4: Bool, keys: [String]) throws {
    var settings = settings
    settings.table = try RouteTable(routes: [], served: served.map { try #require(IPPrefix($0)) })
    settings.interface.ipv4Address = try IPv4InterfaceAddress(#require(IPv4Address("10.99.0.1")), length: 32)
    var survey = NamespaceSurvey()
    (survey.forwardsIPv6, survey.forwardsIPv4) = (ipv6, ipv4)
    survey.addresses = [
      .init(address: IPv6Address(high: 0x2001_0db8 << 32, low: 5), prefixLength: 128, interface: "lo")
    ]
    let advice = settings.advice(for: survey)
    #expect(advice.count == keys.count)
    #expect(zip(advice, keys).allSatisfy { $0.contains($1 + "=1") })
    settings.interface.mode = .tap
    #expect(settings.advice(for: survey).isEmpty)
  }
}
