import OverlayCore
import OverlayIO
import Testing

@Suite("The leak guard")
struct LeakGuardTests {
  @Test("makes the overlay unreachable when the interface is gone")
  func guardsAlone() throws {
    let namespace = try TestNamespace()
    try namespace.ip("link", "add", "clear0", "type", "veth", "peer", "name", "clear1")
    try namespace.ip("link", "set", "clear0", "up")
    try namespace.ip("-6", "route", "add", "default", "dev", "clear0")
    do {
      var privileges = try Privileges(namespace.settings())
      let state = try privileges.installLeakGuard()
      #expect(state == .installed)
      let tunnel = try privileges.openTunnel()
      _ = try privileges.perform(.configureInterface([.overlay(0x1234)]))
      #expect(try namespace.ip("-6", "route", "get", "fd87:d87e:eb43::1").contains("dev \(tunnel.name)"))
    }
    #expect(namespace.waitUntilGone())
    #expect(try namespace.routes() == [.leakGuard])
    let refusal = #expect(throws: TestNamespace.Failure.self) {
      try namespace.ip("-6", "route", "get", "fd87:d87e:eb43::1")
    }
    #expect(refusal?.description.contains("No route to host") == true)
    #expect(try namespace.ip("-6", "route", "get", "2001:db8::1").contains("dev clear0"))
  }

  @Test("of an earlier run is adopted")
  func adopted() throws {
    let namespace = try TestNamespace()
    do {
      var crashed = try Privileges(namespace.settings())
      let state = try crashed.installLeakGuard()
      #expect(state == .installed)
    }
    var privileges = try Privileges(namespace.settings())
    let state = try privileges.installLeakGuard()
    #expect(state == .adopted)
    #expect(try namespace.routes() == [.leakGuard])
  }

  @Test("is removed on request, and removing it twice is no error")
  func removed() throws {
    let namespace = try TestNamespace()
    var privileges = try Privileges(namespace.settings())
    _ = try privileges.installLeakGuard()
    _ = try privileges.perform(.removeLeakGuard)
    #expect(try namespace.routes() == [])
    _ = try privileges.perform(.removeLeakGuard)
  }

  @Test("does not pass for installed where another route has its place, which is left alone")
  func taken() throws {
    let namespace = try TestNamespace()
    try namespace.ip("-6", "route", "add", "blackhole", "fd87:d87e:eb43::/48", "metric", "4096", "proto", "static")
    var privileges = try Privileges(namespace.settings())
    #expect(throws: PrivilegeError.leakGuardTaken(.ipv6(OverlayNetwork.tor.prefix), metric: 4096)) {
      try privileges.installLeakGuard()
    }
    _ = try privileges.perform(.removeLeakGuard)
    #expect(try namespace.routes().map(\.type) == ["blackhole"])
  }

  @Test("stands, or says that it cannot, while lo is down")
  func loopbackDown() throws {
    let namespace = try TestNamespace(loopbackUp: false)
    var privileges = try Privileges(namespace.settings())
    let state = try privileges.installLeakGuard()
    #expect(try namespace.routes() == (state == .loopbackDown ? [] : [.leakGuard]))
    try namespace.ip("link", "set", "lo", "up")
    _ = try privileges.installLeakGuard()
    #expect(try namespace.routes() == [.leakGuard])
  }
}
