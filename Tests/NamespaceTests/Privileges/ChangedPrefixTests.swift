import OverlayCore
import OverlayIO
import PacketSamples
import Testing

@Suite("Prefixes that change while the interface is there")
struct ChangedPrefixTests {
  private func prefixes(_ texts: String...) throws -> [IPPrefix] { try texts.map { try #require(IPPrefix($0)) } }

  private func lines(_ namespace: TestNamespace, _ part: String) throws -> [String] {
    try namespace.shownRoutes().filter { $0.contains(part) }.sorted()
  }

  @Test("new ones are guarded and routed, old ones are routed no more and stay guarded")
  func changed() throws {
    let namespace = try TestNamespace()
    var settings = try namespace.settings()
    settings.routes = try prefixes("fd00:1::/64", "fd00:2::/64")
    var privileges = try Privileges(settings)
    _ = try privileges.installLeakGuard()
    let tunnel = try privileges.openTunnel()
    _ = try privileges.perform(.configureInterface([.overlay(0x1234)]))
    var monitor = try privileges.openMonitor()
    let report = try privileges.replacePrefixes(routes: prefixes("fd00:2::/64", "fd00:3::/64"), served: [])
    monitor.setPrefixes(routes: try prefixes("fd00:2::/64", "fd00:3::/64"), served: [])
    #expect(report.state == .installed)
    #expect(try lines(namespace, "fd00:1::/64") == ["unreachable fd00:1::/64 dev lo proto 235 metric 4096"])
    for kept in ["fd00:2::/64", "fd00:3::/64"] {
      let shown = try lines(namespace, kept)
      #expect(shown.count == 2 && shown[0].hasPrefix("\(kept) dev \(tunnel.name) proto 235"))
    }
    // What was done here is no news of somebody else.
    monitor.drain { change in Issue.record("\(change)") }
    try namespace.ip("-6", "route", "del", "fd00:3::/64", "dev", tunnel.name)
    #expect(monitor.changes(through: .routeLost).contains(.routeLost))
    _ = try privileges.perform(.restoreInterface)
    #expect(try lines(namespace, "fd00:3::/64").count == 2)
    #expect(try lines(namespace, "fd00:1::/64").count == 1)
  }

  @Test("what is somebody else's place is refused, and everything is as before")
  func taken() throws {
    let namespace = try TestNamespace()
    var settings = try namespace.settings()
    settings.routes = try prefixes("fd00:1::/64")
    var privileges = try Privileges(settings)
    _ = try privileges.installLeakGuard()
    let tunnel = try privileges.openTunnel()
    _ = try privileges.perform(.configureInterface([.overlay(0x1234)]))
    try namespace.ip("-6", "route", "add", "fd00:3::/64", "dev", "lo", "metric", "256")
    let before = try namespace.shownRoutes()
    #expect(throws: PrivilegeError.self) {
      try privileges.replacePrefixes(routes: prefixes("fd00:2::/64", "fd00:3::/64"), served: [])
    }
    #expect(try namespace.shownRoutes() == before)
    _ = try privileges.perform(.restoreInterface)
    #expect(try namespace.shownRoutes() == before)
    withExtendedLifetime(tunnel.index) {}
  }
}
