import Glibc
import OverlayCore

/// The daemon's side of its helper, which does what the daemon has no right to do any more.
final class RoomLink: PrivilegeKeeper, HookStarter, HostsWriter {
  private let settings: InterfaceSettings
  private let process: Int32
  private var channel: RoomChannel?
  private var watch: EventSource<FileDescriptor>?
  // The end of the channel of whoever speaks with Tor's control port, until he is there.
  private var torKeepersEnd: FileDescriptor?

  /// Starts a helper with the arguments that it finds the configuration by, and waits until it has opened what it
  /// needs. `ended` is called when it ends, which it does before the daemon only when something is wrong.
  init(
    _ arguments: [String], _ settings: InterfaceSettings, on loop: EventLoop, ended: @escaping () -> Void
  ) throws {
    self.settings = settings
    let ends = try SystemCall.channel()
    let other = FileDescriptor(owning: ends.other)
    let channel = RoomChannel(owning: FileDescriptor(owning: ends.own))
    self.channel = channel
    let torKeepers = try SystemCall.channel()
    torKeepersEnd = FileDescriptor(owning: torKeepers.own)
    let otherOfTorKeepers = FileDescriptor(owning: torKeepers.other)
    process = try SystemCall.startAnew(
      [RoomHelper.name] + arguments, channels: [other.number, otherOfTorKeepers.number])
    _ = consume other
    _ = consume otherOfTorKeepers
    let source = EventSource(try SystemCall.watchProcess(process), on: loop)
    source.handle(.readable, by: ended)
    source.start(.readable)
    watch = source
    try RoomLink.check(try channel.greeting())
  }

  deinit {
    watch = nil
    // It is the end of the channel that ends the helper.
    channel = nil
    _ = try? SystemCall.ending(of: process, waits: true)
  }

  /// What does for this process what concerns paths.
  var paths: (any PathBroker)? { channel }

  /// The end of a channel to the helper for the process that speaks with Tor's control port; `nil` the second time.
  /// Where nobody takes it, it has to be dropped.
  func takeTorKeepersEnd() -> FileDescriptor? { torKeepersEnd.take() }

  // MARK: - Requests

  private func ask(_ request: RoomRequest) throws(SystemError) -> RoomAnswer {
    guard let channel else { throw SystemError(call: "ask the helper", number: EPIPE) }
    return try channel.ask(request)
  }

  private static func check(_ reply: RoomReply) throws(PrivilegeError) {
    if case .refused(let reason, let isDenied) = reply { throw .reported(reason, isDenied: isDenied) }
  }

  private func askAboutInterface(_ request: RoomRequest) throws(PrivilegeError) -> RoomAnswer {
    let answer: RoomAnswer
    do throws(SystemError) { answer = try ask(request) } catch { throw .failed(act: "ask the helper", error) }
    try RoomLink.check(answer.reply)
    return answer
  }

  // MARK: - The interface

  /// Has a request about the interface fulfilled.
  func perform(_ request: PrivilegedRequest) throws(PrivilegeError) -> PrivilegedReply {
    var answer = try askAboutInterface(.privileged(request))
    switch (answer.reply, answer.count) {
    case (.done, 0): return .done
    case (.leakGuard(let report), 0): return .leakGuard(report)
    case (.line(let line), 0): return .missingSourceAddress(line.isEmpty ? nil : line)
    case (.tunnel(let index, let framing, let hardwareAddress), 1):
      guard let device = answer.take() else { throw .outOfOrder(request) }
      return .tunnel(
        TunnelDevice(
          attached: device, name: settings.name.description, index: index, mode: settings.mode, framing: framing,
          hardwareAddress: hardwareAddress))
    case (.number(let loopback), 1):
      guard let socket = answer.take() else { throw .outOfOrder(request) }
      return .monitor(
        InterfaceMonitor(
          socket: NetlinkSocket(owning: socket), settings: settings, link: nil, loopbackIsUp: loopback == 1))
    default: throw .outOfOrder(request)
    }
  }

  /// What the namespace of the interface is like.
  func survey() throws(PrivilegeError) -> NamespaceSurvey {
    guard case .survey(let survey) = try askAboutInterface(.survey).reply else { return NamespaceSurvey() }
    return survey
  }

  /// Lets the helper read the configuration again.
  func configurationChanged() throws(PrivilegeError) { _ = try askAboutInterface(.configurationChanged) }

  /// Tells the helper whether the daemon does what it has read last, or goes on as before.
  func configurationSettled(isNew: Bool) { _ = try? ask(.configurationSettled(isNew: isNew)) }

  /// Puts a block into a hosts file.
  func keepHosts(_ lines: [String], in path: String) throws(KeptHosts.Obstacle) {
    let reply: RoomReply
    do throws(SystemError) {
      // The first part, empty or not, takes the place of what somebody began who could not go on.
      for start in stride(from: 0, to: max(1, lines.count), by: RoomRequest.mostLines) {
        let part = Array(lines[start...].prefix(RoomRequest.mostLines))
        _ = try ask(.addHosts(part, isFirst: start == 0))
      }
      reply = try ask(.keepHosts(path)).reply
    } catch {
      throw .system(error)
    }
    if case .line(let reason) = reply, !reason.isEmpty { throw .reported(reason) }
  }

  // MARK: - Hooks

  /// Throws if the program cannot be run, or if somebody else could replace it.
  func check(_ hook: Hook) throws(HookError) {
    let reply: RoomReply
    do throws(SystemError) { reply = try ask(.checkHook(hook)).reply } catch { throw HookError(hook, error.reason) }
    if case .line(let reason) = reply, !reason.isEmpty { throw HookError(described: reason) }
  }

  /// Starts the program.
  func start(_ hook: Hook, for occasion: HookOccasion) throws(SystemError) -> StartedHook {
    var answer = try ask(.startHook(hook, occasion.place.name, occasion.peer))
    guard case .number(let process) = answer.reply, let watch = answer.take(), let output = answer.take() else {
      throw SystemError(call: "start \(hook.path)", number: EBADMSG)
    }
    return StartedHook(process: process, watch: watch, output: output)
  }

  /// How a program ended.
  func ending(of process: Int32) throws(SystemError) -> SystemCall.Ending? {
    guard case .ending(let ending) = try ask(.hookEnding(process)).reply else { return nil }
    return ending
  }

  /// Ends a program.
  func end(_ process: Int32) { channel?.order(.endHook(process)) }
}
