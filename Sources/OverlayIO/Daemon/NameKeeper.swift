import CLinux
import OverlayCore

/// Keeps the names that a daemon has learned in its state directory, if the operator wants that (`remember = yes`):
/// they are a list of acquaintances. What was kept is learned again at the start.
///
/// The file is written some minutes after a name came or went, at the end, and at once when the operator has a name
/// forgotten. That a name was confirmed is no reason: it counts from the last write on as confirmed longer ago than it
/// was, and is tried the sooner.
final class NameKeeper {
  /// The time from one look at what has changed to the next.
  private static let interval = Duration.seconds(180)

  private let pump: Pump
  private let writer: StateWriter?
  private var timer: TimerSource?
  private var kept: UInt64

  /// Keeps the names of `pump` from now on, and has it learn those that were kept.
  init(_ pump: Pump, in state: StateDirectory, on loop: EventLoop, log: Log) throws(SystemError) {
    self.pump = pump
    let count = pump.remember(state.names())
    if count.damaged > 0 {
      let lines = "\(count.damaged) line\(count.damaged == 1 ? " is" : "s are")"
      log.warning("the remembered names, \(state.path ?? "")/names: \(lines) damaged, and left out")
    }
    if count.read > 0 {
      log.info("\(count.read) names were remembered")
      // What the reading of many took lies between them.
      oncilla_trim_memory()
    }
    writer = try state.nameWriter(on: loop)
    kept = pump.nameChanges
    let timer = try TimerSource(on: loop) { [unowned self] in look() }
    self.timer = timer
    timer.start(after: NameKeeper.interval)
  }

  /// Has the file written as the names are now.
  func keep() {
    kept = pump.nameChanges
    let names = pump.rememberedNames
    writer?.keep { NameFile.text(of: names) }
  }

  private func look() {
    if pump.nameChanges != kept { keep() }
    timer?.start(after: NameKeeper.interval)
  }
}

extension Daemon {
  /// Begins to keep the learned names, or ends it, as the settings say. What was kept is removed where nothing is to be
  /// remembered any more.
  func keepNames() {
    guard let pump else { return }
    let state = StateDirectory(settings.stateDirectory, log: log)
    guard settings.remembersNames else {
      nameKeeper = nil
      return state.removeNames()
    }
    guard nameKeeper == nil else { return }
    do throws(SystemError) {
      nameKeeper = try NameKeeper(pump, in: state, on: loop, log: log)
    } catch {
      log.warning("names are not remembered: \(error)")
    }
  }
}

extension Pump {
  /// Has the identities learn the names that stand in a file's content. It returns how many those were.
  fileprivate func remember(_ bytes: [UInt8]) -> (read: Int, damaged: Int) {
    let wallClock = HostPort.wallClock
    var names: [IPv6Address: [RememberedName]] = [:]
    var count = 0
    let damaged = NameFile.read(bytes) { name in
      names[name.identity, default: []].append(name)
      count += 1
    }
    _ = withEach { node, turn in
      for name in names[node.ownAddress] ?? [] { node.remember(name, wallClock: wallClock, at: turn.now) }
    }
    return (count, damaged)
  }

  /// A number that changes when a name comes or goes that is to be remembered.
  fileprivate var nameChanges: UInt64 { withEach { node, _ in node.nameChanges }.reduce(0, &+) }

  /// The names that are to be remembered.
  fileprivate var rememberedNames: [RememberedNames] {
    let wallClock = HostPort.wallClock
    return withEach { node, turn in node.rememberedNames(wallClock: wallClock, at: turn.now) }
  }
}
