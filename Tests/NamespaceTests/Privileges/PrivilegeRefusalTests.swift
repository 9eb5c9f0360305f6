import Foundation
import OverlayCore
import PacketSamples
import Testing

@testable import OverlayIO

/// capset(2), which the C library has and no header declares.
@_silgen_name("capset") private func capset(_ header: UnsafePointer<UInt32>, _ data: UnsafePointer<UInt32>) -> Int32
/// capget(2), as above.
@_silgen_name("capget") private func capget(
  _ header: UnsafePointer<UInt32>, _ data: UnsafeMutablePointer<UInt32>
) -> Int32

@Suite("What is refused is said")
struct PrivilegeRefusalTests {
  @Test("what is no network namespace is named with its path", arguments: ["/etc/passwd", "/proc/self/ns/uts"])
  func notANamespace(target: String) throws {
    let namespace = try TestNamespace()
    let path = "/run/netns/\(namespace.name)-none"
    try FileManager.default.createSymbolicLink(atPath: path, withDestinationPath: target)
    defer { unlink(path) }
    let name = try #require(NamespaceName("\(namespace.name)-none"))
    let settings = InterfaceSettings(namespace: name, prefix: OverlayNetwork.tor.prefix)
    #expect(throws: PrivilegeError.notANamespace(path)) { _ = try Privileges(settings) }
  }

  @Test("an interface that another program holds is not shared, and stays as it is")
  func busy() throws {
    let namespace = try TestNamespace()
    var first = try Privileges(namespace.settings())
    let tunnel = try first.openTunnel()
    var second = try Privileges(namespace.settings())
    #expect(throws: PrivilegeError.interfaceExists("oncilla0")) { _ = try second.openTunnel() }
    #expect(try namespace.link(tunnel.name).ifname == "oncilla0")
  }

  @Test("an interface that is no tunnel, or outlives its program, is not taken over", arguments: ["veth", "tun"])
  func exists(kind: String) throws {
    let namespace = try TestNamespace()
    if kind == "tun" {
      try namespace.ip("tuntap", "add", "oncilla0", "mode", "tun")
    } else {
      try namespace.ip("link", "add", "oncilla0", "type", kind)
    }
    var privileges = try Privileges(namespace.settings())
    #expect(throws: PrivilegeError.interfaceExists("oncilla0")) { _ = try privileges.openTunnel() }
  }

  @Test(
    "IPv6 that sysctl disables everywhere is enabled on our interface alone",
    arguments: [["all"], ["default"], ["all", "default"]])
  func protocolDisabled(places: [String]) throws {
    let namespace = try TestNamespace()
    for place in places { try namespace.execute("sysctl", "-qw", "net.ipv6.conf.\(place).disable_ipv6=1") }
    var privileges = try Privileges(namespace.settings())
    _ = try privileges.installLeakGuard()
    let tunnel = try privileges.openTunnel()
    _ = try privileges.perform(.configureInterface([.overlay(1)]))
    #expect(try namespace.link().addresses.map(\.local) == ["\(IPv6Address.overlay(1))"])
    #expect(try namespace.execute("sysctl", "-n", "net.ipv6.conf.\(tunnel.name).disable_ipv6") == "0\n")
    for place in places {
      #expect(try namespace.execute("sysctl", "-n", "net.ipv6.conf.\(place).disable_ipv6") == "1\n")
    }
  }

  @Test("IPv6 that sysctl disables later is enabled when the address is restored")
  func protocolDisabledLater() throws {
    let namespace = try TestNamespace()
    var privileges = try Privileges(namespace.settings())
    let tunnel = try privileges.openTunnel()
    _ = try privileges.perform(.configureInterface([.overlay(1)]))
    try namespace.execute("sysctl", "-qw", "net.ipv6.conf.\(tunnel.name).disable_ipv6=1")
    #expect(try namespace.link().addresses == [])
    _ = try privileges.perform(.restoreInterface)
    #expect(try namespace.link().addresses.map(\.local) == ["\(IPv6Address.overlay(1))"])
    #expect(try namespace.routes().map(\.dev).contains(tunnel.name))
  }

  @Test("an interface that was deleted is named")
  func gone() throws {
    let namespace = try TestNamespace()
    var privileges = try Privileges(namespace.settings())
    let tunnel = try privileges.openTunnel()
    try namespace.ip("link", "delete", tunnel.name)
    #expect(throws: PrivilegeError.interfaceGone("oncilla0")) { try privileges.perform(.restoreInterface).discard() }
  }

  @Test("requests that come too early or twice are refused")
  func outOfOrder() throws {
    let namespace = try TestNamespace()
    var privileges = try Privileges(namespace.settings())
    #expect(throws: PrivilegeError.outOfOrder(.restoreInterface)) {
      try privileges.perform(.restoreInterface).discard()
    }
    let tunnel = try privileges.openTunnel()
    #expect(tunnel.name == "oncilla0")
    #expect(throws: PrivilegeError.outOfOrder(.openTunnel)) { _ = try privileges.openTunnel() }
    let monitor = try privileges.openMonitor()
    #expect(monitor.descriptor >= 0)
    #expect(throws: PrivilegeError.outOfOrder(.openMonitor)) { _ = try privileges.openMonitor() }
  }

  @Test("a missing CAP_NET_ADMIN is named")
  func withoutNetAdmin() throws {
    let namespace = try TestNamespace()
    var privileges = try Privileges(namespace.settings())
    try without(capability: 12) {
      #expect(throws: PrivilegeError.notPermitted(capability: "CAP_NET_ADMIN", act: "create interface oncilla0")) {
        _ = try privileges.openTunnel()
      }
      #expect(throws: PrivilegeError.notPermitted(capability: "CAP_NET_ADMIN", act: "install the leak guard")) {
        _ = try privileges.installLeakGuard()
      }
    }
  }

  @Test("a missing CAP_SYS_ADMIN, which entering a namespace needs, is named")
  func withoutSysAdmin() throws {
    let namespace = try TestNamespace()
    let settings = try namespace.settings()
    try without(capability: 21) {
      let act = "enter network namespace /run/netns/\(namespace.name)"
      #expect(throws: PrivilegeError.notPermitted(capability: "CAP_SYS_ADMIN", act: act)) {
        _ = try Privileges(settings)
      }
    }
  }

  /// Runs `body` in a thread whose effective set lacks one capability (`<linux/capability.h>`); the kernel keeps the
  /// sets of each thread apart, so that other tests do not notice.
  private func without(capability: UInt32, _ body: () throws -> Void) throws {
    let header: [UInt32] = [0x2008_0522, 0]
    var sets = [UInt32](repeating: 0, count: 6)
    try SystemCall.perform("capget") { capget(header, &sets) }
    var reduced = sets
    reduced[0] &= ~(1 << capability)
    try SystemCall.perform("capset") { capset(header, reduced) }
    defer { #expect(capset(header, sets) == 0) }
    try body()
  }
}

extension PrivilegedReply {
  /// Drops the reply, which a closure that only throws has no use for.
  consuming func discard() {}
}
