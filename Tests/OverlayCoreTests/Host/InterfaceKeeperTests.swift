import OverlayCore
import Testing

@Suite("The interface keeper")
struct InterfaceKeeperTests {
  private let start = Instant(nanoseconds: 1_000_000_000_000)

  private func keeper() -> InterfaceKeeper {
    InterfaceKeeper(interface: "oncilla0", mtu: 1500, prefix: OverlayNetwork.tor.prefix)
  }

  @Test(
    "asks for what the change calls for",
    arguments: [
      ([.addressLost], [.restoreInterface], 1), ([.prefixRouteLost], [.restoreInterface], 1),
      ([.prefixRouteLost, .addressLost], [.restoreInterface], 1), ([.leakGuardLost], [.installLeakGuard], 1),
      ([.loopbackCameUp], [.installLeakGuard], 1), ([.overflow], [.installLeakGuard, .restoreInterface], 1),
      ([.mtuChanged(9000)], [], 1), ([.mtuChanged(1500)], [], 0), ([.wentDown], [], 1), ([.cameUp], [], 0),
      ([.wentDown, .prefixRouteLost, .addressLost], [], 1),
      ([.wentDown, .prefixRouteLost, .addressLost, .cameUp], [.restoreInterface], 1),
      ([.routeLost], [.restoreInterface], 1), ([.wentDown, .routeLost], [], 1),
      ([.routeLost, .addressLost], [.restoreInterface], 2), ([.joinedBridge], [.becomeMulticastRouterPort], 2),
      ([.wentDown, .joinedBridge], [.becomeMulticastRouterPort], 3),
      ([.linkLocalAddressAdded], [.restoreInterface], 1),
      ([.wentDown, .linkLocalAddressAdded], [.restoreInterface], 2),
      ([.addressLost, .wentDown], [], 1), ([.wentDown, .leakGuardLost], [.installLeakGuard], 2),
    ] as [([InterfaceChange], [InterfaceRepair], Int)])
  func asks(changes: [InterfaceChange], repairs: [InterfaceRepair], lines: Int) {
    var keeper = keeper()
    for change in changes { keeper.observe(change) }
    let actions = keeper.actions(at: start)
    #expect(actions.compactMap(\.repair) == repairs)
    #expect(actions.compactMap(\.line).count == lines)
    #expect(keeper.actions(at: start).isEmpty)
    #expect(keeper.nextTime == nil)
  }

  @Test("says once what comes in several messages, and again when it happens again")
  func saysOnce() {
    var keeper = keeper()
    let lines = [0, 1, 2, 1_500].map { milliseconds in
      keeper.observe(.leakGuardLost)
      let actions = keeper.actions(at: start + .milliseconds(milliseconds))
      #expect(actions.compactMap(\.repair) == [.installLeakGuard])
      return actions.compactMap(\.line).count
    }
    #expect(lines == [1, 0, 0, 1])
  }

  @Test("waits with the address until a link that was set down is up")
  func waits() {
    var keeper = keeper()
    keeper.observe(.wentDown)
    keeper.observe(.addressLost)
    #expect(keeper.actions(at: start).compactMap(\.repair) == [])
    #expect(keeper.nextTime == nil)
    keeper.observe(.cameUp)
    #expect(keeper.actions(at: start + .seconds(1)).compactMap(\.repair) == [.restoreInterface])
  }

  @Test("stops once when the interface is deleted, whatever else happened")
  func stops() {
    var keeper = keeper()
    for change in [.wentDown, .prefixRouteLost, .leakGuardLost, .deleted] as [InterfaceChange] {
      keeper.observe(change)
    }
    let line = InterfaceNotice(.error, "interface oncilla0 was deleted or moved to another network namespace")
    #expect(keeper.actions(at: start) == [.stop(line)])
    keeper.observe(.deleted)
    #expect(keeper.actions(at: start) == [])
    #expect(keeper.nextTime == nil)
  }

  @Test("restores ten times at once, then once every ten seconds, and forgets nothing meanwhile")
  func pace() throws {
    var keeper = keeper()
    var now = start
    for _ in 0..<10 {
      keeper.observe(.addressLost)
      #expect(keeper.actions(at: now).compactMap(\.repair) == [.restoreInterface])
      now = now + .milliseconds(1)
    }
    for _ in 0..<1000 {
      keeper.observe(.addressLost)
      #expect(keeper.actions(at: now).isEmpty)
    }
    let next = try #require(keeper.nextTime)
    #expect(next - start == .seconds(10))
    #expect(keeper.actions(at: next).compactMap(\.repair) == [.restoreInterface])
    keeper.observe(.addressLost)
    #expect(keeper.actions(at: next + .seconds(9)).isEmpty)
    #expect(keeper.actions(at: next + .seconds(10)).compactMap(\.repair) == [.restoreInterface])
  }

  @Test(
    "restores the guard at once, whatever happened to the interface, ten times and then every second (flaps used it up)"
  )
  func guardPace() throws {
    var keeper = keeper()
    for _ in 0..<100 {
      keeper.observe(.addressLost)
      _ = keeper.actions(at: start)
    }
    for _ in 0..<10 {
      keeper.observe(.leakGuardLost)
      #expect(keeper.actions(at: start).compactMap(\.repair) == [.installLeakGuard])
    }
    keeper.observe(.leakGuardLost)
    #expect(keeper.actions(at: start).isEmpty)
    #expect(try #require(keeper.nextTime) - start == .seconds(1))
    #expect(keeper.actions(at: start + .seconds(1)).compactMap(\.repair) == [.installLeakGuard])
    #expect(try #require(keeper.nextTime) - start == .seconds(10))
  }

  @Test("logs no more often than it restores")
  func boundedLog() {
    var keeper = keeper()
    var lines = 0
    for millisecond in 0..<10_000 {
      keeper.observe(millisecond % 2 == 0 ? .wentDown : .cameUp)
      keeper.observe(.mtuChanged(1400 + millisecond % 2))
      lines += keeper.actions(at: start + .milliseconds(millisecond)).compactMap(\.line).count
    }
    #expect(lines <= 3 * 11)
  }

  @Test("tries again what failed, says so once, and says when it is over")
  func failure() throws {
    var keeper = keeper()
    keeper.observe(.addressLost)
    #expect(keeper.actions(at: start).compactMap(\.repair) == [.restoreInterface])
    let first = keeper.finished(.restoreInterface, failure: "IPv6 is disabled", at: start)
    #expect(first == InterfaceNotice(.error, "IPv6 is disabled"))

    var now = start
    for _ in 0..<20 {
      now = try #require(keeper.nextTime)
      #expect(keeper.actions(at: now) == [.perform(.restoreInterface)])
      #expect(keeper.finished(.restoreInterface, failure: "IPv6 is disabled", at: now) == nil)
    }
    #expect(now - start == .seconds(200))
    now = try #require(keeper.nextTime)
    #expect(keeper.actions(at: now) == [.perform(.restoreInterface)])
    let last = keeper.finished(.restoreInterface, failure: nil, at: now)
    #expect(last == InterfaceNotice(.notice, "interface oncilla0 has its address and route again"))
    #expect(keeper.nextTime == nil)
  }

  @Test("a port without an address is not promised one")
  func withoutAddress() {
    var keeper = InterfaceKeeper(
      interface: "oncilla0", mtu: 1500, prefix: OverlayNetwork.tor.prefix, hasAddress: false)
    for change in [.wentDown, .cameUp, .joinedBridge] as [InterfaceChange] { keeper.observe(change) }
    let lines = keeper.actions(at: start).compactMap(\.line)
    #expect(lines.map(\.level) == [.notice, .notice])
    #expect(!lines.contains { $0.text.contains("address") })
  }

  @Test("a port without an address is told to be so again, not to have one")
  func withoutAddressAgain() {
    var keeper = InterfaceKeeper(
      interface: "oncilla0", mtu: 1500, prefix: OverlayNetwork.tor.prefix, hasAddress: false)
    keeper.observe(.linkLocalAddressAdded)
    #expect(keeper.actions(at: start).compactMap(\.repair) == [.restoreInterface])
    #expect(keeper.finished(.restoreInterface, failure: "it cannot", at: start)?.text == "it cannot")
    let line = keeper.finished(.restoreInterface, failure: nil, at: start)
    #expect(line == InterfaceNotice(.notice, "interface oncilla0 has no address again"))
  }

  @Test("a bridge that refuses its multicast is told once, and not asked again")
  func bridge() {
    var keeper = keeper()
    keeper.observe(.joinedBridge)
    #expect(keeper.actions(at: start).compactMap(\.repair) == [.becomeMulticastRouterPort])
    let line = keeper.finished(.becomeMulticastRouterPort, failure: "it cannot", at: start)
    #expect(line == InterfaceNotice(.warning, "it cannot"))
    #expect(keeper.nextTime == nil)
    keeper.observe(.joinedBridge)
    #expect(keeper.actions(at: start).compactMap(\.repair) == [.becomeMulticastRouterPort])
    #expect(keeper.finished(.becomeMulticastRouterPort, failure: nil, at: start) == nil)
  }

  @Test("a leak guard that could not be installed at the start is installed when lo comes up")
  func loopback() {
    var keeper = keeper()
    let line = keeper.finished(.installLeakGuard, failure: "there is no leak guard while lo is down", at: start)
    #expect(line?.level == .error)
    keeper.observe(.loopbackCameUp)
    let now = start + .seconds(1)
    #expect(keeper.actions(at: now).compactMap(\.repair) == [.installLeakGuard])
    #expect(keeper.finished(.installLeakGuard, failure: nil, at: now) != nil)
    #expect(keeper.nextTime == nil)
  }
}

extension InterfaceAction {
  fileprivate var repair: InterfaceRepair? {
    if case .perform(let repair) = self { repair } else { nil }
  }

  fileprivate var line: InterfaceNotice? {
    if case .report(let line) = self { line } else { nil }
  }
}
