import Glibc
import OverlayCore
import PacketSamples
import SystemProbes
import Testing

@testable import OverlayIO

/// Each system call of what is opened fails once, as `FaultTests` has it for what needs no right.
@Suite("A system call that fails while the interface is made", .hangLimit)
struct InterfaceFaultTests {
  @Test("is told of, and leaves no interface")
  func interface() throws {
    let namespace = try TestNamespace()
    let (settings, log) = (try namespace.settings(), Log(level: .debug, sink: NoLines()))
    let outcomes = try outcomesOfFaults(EIO) {
      let loop = try #require(EventLoop())
      let interface = try OverlayInterface(settings, on: loop, log: log, mtuChanged: { _ in }, failed: {})
      _ = try interface.open([.overlay(1)])
    }
    #expect(namespace.waitUntilGone())
    // It can do without a switch for IPv6, what the kernel remembers of connections, and what is taken off the kernel,
    // and is waited for later where it cannot be at first.
    let needless = outcomes.filter { $0.hasSuffix(" -> done") }
    #expect(
      Set(needless.prefix { $0 != dispensable("TUNSETOFFLOAD") })
        == Set(
          [
            "open /proc/sys/net/ipv6/conf", "open netlink socket", "bind netlink socket", "setsockopt",
            "look for TCP metrics", "receive from netlink", "epoll_ctl",
          ].map(dispensable)))
    #expect(needless.last == dispensable("TUNSETOFFLOAD"))
    for outcome in outcomes where !needless.contains(outcome) {
      #expect(
        outcome.hasSuffix(": Input/output error") && outcome.contains(" -> cannot ")
          || outcome == refused("timerfd_create"))
    }
    for act in ["open /dev/net/tun", "TUNSETIFF oncilla0", "set the MTU", "set the address", "set the interface up"] {
      #expect(outcomes.contains { $0.hasPrefix(act + " -> cannot ") })
    }
  }
}
