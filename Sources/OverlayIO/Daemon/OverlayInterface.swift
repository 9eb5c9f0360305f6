import OverlayCore

/// The overlay's interface as long as the daemon runs: made, watched, and put right when somebody else changes it.
final class OverlayInterface {
  private let loop: EventLoop
  private let log: Log
  private let failed: () -> Void
  private var privileges: Privileges
  private var monitor: InterfaceMonitor?
  private var keeper: InterfaceKeeper
  private var changes: EventSource?
  private var timer: EventSource?

  /// The right to make the interface, and the leak guard in place. `failed` tells that the interface is gone for good;
  /// the log says why.
  init(
    _ settings: InterfaceSettings, on loop: EventLoop, log: Log, failed: @escaping () -> Void
  ) throws(PrivilegeError) {
    self.loop = loop
    self.log = log
    self.failed = failed
    privileges = try Privileges(settings)
    keeper = InterfaceKeeper(interface: settings.name, mtu: settings.mtu, prefix: settings.prefix)
    finish(.installLeakGuard, failure: try privileges.installLeakGuard().failure)
  }

  /// Makes the interface and sets it up with this address; it lives as long as the device that is handed out.
  func open(_ address: IPv6Address) throws(PrivilegeError) -> TunnelDevice {
    let device = try privileges.openTunnel()
    let opened = try privileges.openMonitor()
    _ = try privileges.perform(.configureInterface(address))
    changes = EventSource(.readable(opened.descriptor), on: loop) { [unowned self] in observe() }
    timer = EventSource(.timer, on: loop) { [unowned self] in act() }
    monitor = consume opened
    changes?.start()
    return device
  }

  /// Takes away what outlives the device: on an orderly stop, never after a failure.
  func removeLeakGuard() {
    do throws(PrivilegeError) {
      _ = try privileges.perform(.removeLeakGuard)
    } catch {
      log.warning("\(error)")
    }
  }

  private func observe() {
    monitor?.drain { change in keeper.observe(change) }
    act()
  }

  private func act() {
    for action in keeper.actions(at: loop.now) {
      switch action {
      case .report(let notice):
        log.write(notice.level, notice.text)
      case .perform(let request):
        perform(request)
      case .stop(let notice):
        log.write(notice.level, notice.text)
        return failed()
      }
    }
    if let next = keeper.nextTime { timer?.start(after: next - loop.now) }
  }

  private func perform(_ request: PrivilegedRequest) {
    do throws(PrivilegeError) {
      let reply = try privileges.perform(request)
      switch consume reply {
      case .leakGuard(let state): finish(request, failure: state.failure)
      default: finish(request, failure: nil)
      }
    } catch {
      finish(request, failure: "\(error)")
    }
  }

  private func finish(_ request: PrivilegedRequest, failure: String?) {
    if let notice = keeper.finished(request, failure: failure, at: loop.now) { log.write(notice.level, notice.text) }
  }
}
