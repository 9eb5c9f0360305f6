import OverlayCore

/// The overlay's leak guard and interface, as long as the daemon runs. It makes and watches them, and repairs them when
/// somebody else changes them.
final class OverlayInterface {
  private let loop: EventLoop
  private let log: Log
  private let mtuChanged: (_ bytes: Int) -> Void
  private let failed: () -> Void
  private var privileges: any PrivilegeKeeper
  private var keeper: InterfaceKeeper
  private let monitor: EventSource<InterfaceMonitor>
  private var timer: TimerSource?
  private var hasInterface = false
  private var hasSaidNoRules = false
  private var overridingRules: Set<UInt32> = []
  private var overridingRoutes: Set<IPPrefix> = []

  /// Gets the privilege to make the interface, from `keeper` if there is one, and installs and watches the leak guard.
  /// `mtuChanged` is called when
  /// somebody else sets the interface's MTU, and `failed` when the interface is gone for ever; the log tells why.
  init(
    _ settings: InterfaceSettings, by keeper: (any PrivilegeKeeper)? = nil, on loop: EventLoop, log: Log,
    mtuChanged: @escaping (_ bytes: Int) -> Void, failed: @escaping () -> Void
  ) throws {
    self.loop = loop
    self.log = log
    self.mtuChanged = mtuChanged
    self.failed = failed
    privileges = try keeper ?? OwnPrivileges(settings)
    monitor = EventSource(try privileges.openMonitor(), on: loop)
    self.keeper = InterfaceKeeper(
      interface: settings.name.description, mtu: settings.mtu.bytes, prefix: settings.prefix,
      hasAddress: settings.hasAddress)
    monitor.handle(.readable) { [unowned self] in observe() }
    timer = try TimerSource(on: loop) { [unowned self] in act() }
    let leakGuard = try privileges.installLeakGuard()
    finish(leakGuard)
    monitor.start(.readable)
    act()
  }

  /// Makes the interface, and sets it up with these addresses, if it has any. It lives as long as the device that is
  /// returned.
  func open(_ addresses: [IPv6Address]) throws(PrivilegeError) -> TunnelDevice {
    let device = try privileges.openTunnel()
    monitor.file.watch(device)
    _ = try privileges.perform(.configureInterface(addresses))
    hasInterface = true
    if let line = try privileges.lookForSourceAddress() { log.warning(line) }
    return device
  }

  /// Routes and guards these prefixes in place of those before, all or none.
  func setPrefixes(routes: [IPPrefix], served: [IPPrefix]) throws(PrivilegeError) {
    let report = try privileges.replacePrefixes(routes: routes, served: served)
    monitor.file.setPrefixes(routes: routes, served: served)
    finish(report)
    if hasInterface, let line = try? privileges.lookForSourceAddress() { log.warning(line) }
  }

  /// Removes traces of the overlay's connections that outlive the interface.
  func forgetConnections() {
    do throws(PrivilegeError) {
      _ = try privileges.perform(.forgetConnections)
    } catch {
      log.warning("\(error)")
    }
  }

  private func observe() {
    monitor.file.drain { change in
      keeper.observe(change)
      if case .mtuChanged(let bytes) = change { mtuChanged(bytes) }
    }
    act()
  }

  private func act() {
    for action in keeper.actions(at: loop.now) {
      switch action {
      case .report(let notice):
        log.write(notice.level, notice.text)
      case .perform(let repair):
        perform(repair)
      case .stop(let notice):
        log.write(notice.level, notice.text)
        return failed()
      }
    }
    if let next = keeper.nextTime { timer?.start(at: next) }
  }

  private func perform(_ repair: InterfaceRepair) {
    // After lost messages the keeper asks for both.
    guard hasInterface || repair == .installLeakGuard else { return }
    do throws(PrivilegeError) {
      let reply = try privileges.perform(PrivilegedRequest(repair))
      switch consume reply {
      case .leakGuard(let report): finish(report)
      default: finish(repair, failure: nil)
      }
    } catch {
      finish(repair, failure: "\(error)")
    }
  }

  private func finish(_ report: LeakGuardReport) {
    finish(.installLeakGuard, failure: report.state.failure)
    if !report.hasPolicyRules, !hasSaidNoRules {
      hasSaidNoRules = true
      log.warning("this kernel has no policy rules: the overlay's routes stand in the main table alone")
    }
    if let first = report.overridingRules.subtracting(overridingRules).min() {
      log.warning(
        "a policy rule of priority \(first) would lead what is for peers elsewhere before ours are asked: ours are "
          + "moved before it; 'ip rule' and 'ip -6 rule' show all of them")
    }
    if let first = report.overridingRoutes.subtracting(overridingRoutes).first {
      log.warning(
        "somebody's route to \(first) is better than ours and leads what is for peers elsewhere: 'ip route' and "
          + "'ip -6 route' show it")
    }
    (overridingRules, overridingRoutes) = (report.overridingRules, report.overridingRoutes)
  }

  private func finish(_ repair: InterfaceRepair, failure: String?) {
    if let notice = keeper.finished(repair, failure: failure, at: loop.now) { log.write(notice.level, notice.text) }
  }
}
