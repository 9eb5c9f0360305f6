import Glibc
import OverlayCore

@testable import OverlayIO

/// All that a helper is asked for in its life.
final class HelperScript {
  private let run: HelperRun
  private let scene: FaultScene
  private let places: HelperPlaces
  // What goes with the daemon.
  private var tunnel: FileDescriptor?
  private var monitor: FileDescriptor?
  private var queue: FileDescriptor?
  // What came with the answer before.
  private var came: FileDescriptor?
  private var alsoCame: FileDescriptor?
  /// The errors that it answered with.
  private(set) var answers: [String] = []

  init(_ run: HelperRun, _ scene: FaultScene, _ places: HelperPlaces) {
    (self.run, self.scene, self.places) = (run, scene, places)
  }

  // MARK: - Asking

  /// Asks once, and takes what comes along; `nil` where the helper does not do it, with the reason in `answers`.
  private func ask(_ request: RoomRequest, _ channel: RoomChannel?) -> RoomReply? {
    guard let channel else { return nil }
    came = nil
    alsoCame = nil
    do throws(SystemError) {
      var answer = try channel.ask(request)
      let reply = answer.reply
      if case .refused(let reason, _) = reply {
        answers.append("\(request): \(reason)")
        return nil
      }
      came = answer.take()
      alsoCame = answer.take()
      return reply
    } catch {
      answers.append("\(request): \(error)")
      note(error)
      return nil
    }
  }

  private func note(_ error: SystemError) {
    if error.number == EPIPE || error.number == ECONNRESET { run.isCut = true }
  }

  /// Asks until there is an answer, which is the one that this request has, with so many descriptors, unless it says
  /// that it is still to come.
  private func get(
    _ request: RoomRequest, by channel: RoomChannel? = nil, _ descriptors: Int,
    _ isFitting: (RoomReply) -> Bool, isStill: (RoomReply) -> Bool = { _ in false }
  ) -> Bool {
    scene.until("\(request)") {
      guard let reply = ask(request, channel ?? run.pump) else { return false }
      if isStill(reply) { return false }
      if !isFitting(reply) || count != descriptors {
        scene.complain("\(reply) with \(count) descriptors is no answer to \(request)")
      }
      return true
    }
  }

  private var count: Int { (came == nil ? 0 : 1) + (alsoCame == nil ? 0 : 1) }

  private func get(_ request: RoomRequest) -> Bool { get(request, 0) { $0 == .done } }

  /// Asks for a descriptor, and whether it is the right one.
  private func get(_ request: RoomRequest, by channel: RoomChannel?, _ isRight: (Int32) -> Bool) -> Bool {
    guard get(request, by: channel, 1, { $0 == .done }) else { return false }
    if !isRight(came?.number ?? -1) { scene.complain("what came is no answer to \(request)") }
    return true
  }

  /// Ends something, of which the helper knows nothing any more where it has done so and could not say it.
  private func end(_ request: RoomRequest, _ act: String) -> Bool {
    var isAskedAgain = false
    return scene.until("\(request)") {
      defer { isAskedAgain = true }
      return ask(request, run.pump) != nil || isAskedAgain && answers.last == "\(request): \(act): Permission denied"
    }
  }

  /// Tries until it works.
  private func achieve(_ what: String, _ body: () throws -> Void) -> Bool {
    scene.until(what) {
      do {
        try body()
        return true
      } catch {
        answers.append("\(what): \(error)")
        if let error = error as? SystemError { note(error) }
        return false
      }
    }
  }

  // MARK: - The life

  /// What a daemon needs to start; false where it is refused, which ends the daemon.
  func begin() -> Bool {
    guard let greeting = try? run.pump?.greeting(), greeting == .done else { return false }
    guard case .number? = ask(.privileged(.openMonitor), run.pump) else { return false }
    monitor = came.take()
    guard case .leakGuard? = ask(.privileged(.installLeakGuard), run.pump),
      case .tunnel? = ask(.privileged(.openTunnel), run.pump)
    else { return false }
    tunnel = came.take()
    return ask(.privileged(.configureInterface([places.name.address])), run.pump) == .done
  }

  /// Everything else; whether it is done.
  func goOn() -> Bool { interface() && files() && watches() && sockets() && kept() && hosts() && hooks() && settings() }

  /// Begins to write two files, which nobody finishes: one of whoever goes before the helper does, and the daemon's.
  func leaveHalves() {
    _ = try? run.torKeeper?.draft(of: places.key.path)
    run.endTorKeeper()
    _ = try? run.pump?.draft(of: places.names.path)
  }

  private func interface() -> Bool {
    get(.privileged(.lookForSourceAddress), 0) { if case .line = $0 { true } else { false } }
      && get(.privileged(.setPrefixes(routes: [places.prefix], served: [])), 0) {
        if case .leakGuard = $0 { true } else { false }
      }
      && get(.privileged(.restoreInterface)) && get(.privileged(.forgetConnections))
      && get(.privileged(.becomeMulticastRouterPort))
      && get(.survey, 0) { if case .survey = $0 { true } else { false } }
  }

  private func content(_ file: Int32) -> String {
    var bytes = [UInt8](repeating: 0, count: 4096)
    let count = read(file, &bytes, bytes.count)
    return String(decoding: bytes.prefix(max(0, count)), as: UTF8.self)
  }

  private func isSame(_ file: Int32, as path: String) -> Bool {
    var (one, other) = (stat(), stat())
    return fstat(file, &one) == 0 && stat(path, &other) == 0 && one.st_ino == other.st_ino
  }

  private func files() -> Bool {
    let (hosts, log) = (places.path("hosts"), places.path("log"))
    return get(.open(hosts, .read), by: run.pump) { content($0).hasPrefix("\(places.name.address)") }
      && get(.open(log, .log), by: run.pump) { write($0, "a line\n", 7) == 7 && isSame($0, as: log) }
      && get(.open(hosts, .place), by: run.pump) { isSame($0, as: hosts) }
      && get(.open(places.directory.path, .directory), by: run.pump) { isSame($0, as: places.directory.path) }
      && get(.open(places.path("oncilla.conf"), .read), by: run.torKeeper) { content($0).hasPrefix("publish = tor") }
      && get(.open(places.path("control.authcookie"), .read), by: run.torKeeper) { content($0).hasPrefix("cccc") }
  }

  private func watches() -> Bool {
    let hosts = places.path("hosts")
    var number: Int32 = 0
    let isMade = get(.fileEvents, 1) { reply in
      if case .number(let new) = reply { number = new }
      return number > 0
    }
    queue = came.take()
    defer { queue = nil }
    guard isMade, get(.watch(hosts, FileWatcher.masks[1], queue: number), 0, { $0 != .done }) else { return false }
    let isWritten = achieve("a change of the hosts file") {
      try places.directory.write("hosts", "\(places.name.address) \(places.name)\n")
    }
    return isWritten && isReadable(queue?.number ?? -1) && end(.endFileEvents(number), "close queue \(number)")
  }

  private func sockets() -> Bool {
    let socket = places.path("control.sock")
    // The socket is there until it is removed.
    return get(.connect(places.path("socks")), by: run.pump) { _ in places.socks.accept() != nil }
      && get(.connect(places.path("torctl")), by: run.torKeeper) { _ in places.control.accept() != nil }
      && PlainSocket(.unix(socket), SOCK_DGRAM, isBound: true) != nil
      && achieve("its removal") {
        if access(socket, F_OK) == 0 { try run.pump?.remove(socket) }
      }
  }

  private func kept() -> Bool {
    guard let pump = run.pump, let torKeeper = run.torKeeper else { return false }
    let content = Array("content".utf8)
    for (file, channel) in [(places.names, pump), (places.key, torKeeper)] {
      guard achieve("a kept file", { try file.replace(with: content, by: channel) }),
        get(.open(file.path, .read), by: channel, { self.content($0) == "content" })
      else { return false }
    }
    return achieve("a draft that is discarded") {
      _ = try pump.draft(of: places.names.path)
      try pump.discard(places.names.path)
    }
  }

  private func hosts() -> Bool {
    let path = places.path("kept")
    let line = HostsBlock.line(own: places.name.address, zone: LocalNameServer.usualZone)
    let isDone = scene.until("the block of a hosts file") {
      guard ask(.addHosts([line], isFirst: true), run.pump) != nil, let reply = ask(.keepHosts(path), run.pump) else {
        return false
      }
      if reply != .line("") { answers.append("\(reply)") }
      return reply == .line("")
    }
    var written = ""
    let isRead = isDone && achieve("a look at it") { written = try places.directory.read("kept") }
    if isRead, written.split(separator: "\n").count(where: { $0 == line }) != 1 {
      scene.complain("the hosts file is \(written)")
    }
    return isRead
  }

  private func hooks() -> Bool {
    // What is wrong with it is told in a line, whatever that is.
    guard get(.checkHook(places.brief), 0, { $0 == .line("") }, isStill: { $0 != .line("") && $0 != .done }) else {
      return false
    }
    for hook in [places.brief, places.endless] {
      var process: Int32 = 0
      let isStarted = get(.startHook(hook, places.name, nil), 2) { reply in
        if case .number(let new) = reply { process = new }
        return process > 0
      }
      guard isStarted else { return false }
      let isOver =
        hook == places.endless
        ? end(.endHook(process), "end process \(process)")
        : get(.hookEnding(process), 0, { $0 == .ending(.exit(0)) }, isStill: { $0 == .done })
      guard isOver else { return false }
    }
    return true
  }

  private func settings() -> Bool {
    achieve("another configuration") { try places.configure() } && get(.configurationChanged)
      && get(.configurationSettled(isNew: true)) && get(.configurationSettled(isNew: true))
  }
}
