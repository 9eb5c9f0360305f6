import OverlayCore

/// The hooks of a daemon: what they are run for, and what they get to know. Only configured peers are told of, for
/// strangers could have as many programs run as they like.
final class DaemonHooks {
  /// Who starts the programs.
  let starter: any HookStarter
  private let runner: HookRunner
  private var settings: DaemonSettings
  private var place: HookOccasion.Place?
  // The configured peers that hooks were told are up.
  private var up: Set<OnionName> = []

  /// Throws if a hook cannot be run.
  init(
    _ settings: DaemonSettings, by starter: any HookStarter, on loop: EventLoop, log: Log
  ) throws(HookError) {
    for hook in settings.hooks { try starter.check(hook) }
    self.starter = starter
    runner = HookRunner(settings.hooks, by: starter, on: loop, log: log)
    self.settings = settings
  }

  /// What became of hooks since the start.
  var counts: HookRunner.Counts { runner.counts }

  /// Notes that the interface stands, with this first identity.
  func interfaceUp(as name: OnionName) {
    let place = HookOccasion.Place(settings.interface, as: name)
    self.place = place
    runner.run(HookOccasion(event: .up, place: place))
  }

  /// Notes an event of an identity.
  func tell(_ event: NodeEvent) {
    switch event {
    case .connected(let peer) where peer.isNews: change(peer.name, isUp: true)
    case .disconnected(let peer, _) where peer.isNews: change(peer.name, isUp: false)
    default: break
    }
  }

  /// Does what these settings say from now on, whose hooks were checked. These peers are up.
  func apply(_ settings: DaemonSettings, up now: Set<OnionName>) {
    for name in up.subtracting(now) { change(name, isUp: false) }
    self.settings = settings
    runner.hooks = settings.hooks
    for name in now.subtracting(up) { change(name, isUp: true) }
  }

  /// Runs the hooks of the end, if the interface ever stood, and calls `done` after that.
  func stop(done: @escaping () -> Void) {
    guard let place else { return done() }
    runner.runLast(HookOccasion(event: .down, place: place), done: done)
  }

  private func change(_ name: OnionName, isUp: Bool) {
    guard let place, let peer = settings.peers.first(where: { $0.name == name }) else { return }
    let isChange = isUp ? up.insert(name).inserted : up.remove(name) != nil
    if isChange { runner.run(HookOccasion(event: isUp ? .peerUp : .peerDown, place: place, peer: peer)) }
  }
}
