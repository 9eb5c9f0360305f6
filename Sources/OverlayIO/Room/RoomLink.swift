import Glibc
import OverlayCore

/// The daemon's end of the channel to its helper, which does what the daemon has no right to do any more. Each request
/// waits for its reply.
///
/// `@unchecked Sendable`: nothing changes while there is more than one thread. Only requests about paths come from a
/// thread that writes files.
final class RoomLink: PrivilegeKeeper, PathBroker, HookStarter, HostsWriter, @unchecked Sendable {
  private let settings: InterfaceSettings
  private let process: Int32
  private var channel: RoomChannel?
  private var watch: EventSource<FileDescriptor>?

  /// Starts a helper with the arguments that it finds the configuration by, and waits until it has opened what it needs.
  /// `ended` is called when it ends, which it does before the daemon only when something is wrong.
  init(
    _ arguments: [String], _ settings: InterfaceSettings, on loop: EventLoop, ended: @escaping () -> Void
  ) throws {
    self.settings = settings
    let ends = try SystemCall.channel()
    let other = FileDescriptor(owning: ends.other)
    let channel = RoomChannel(owning: FileDescriptor(owning: ends.own))
    self.channel = channel
    process = try SystemCall.startAnew([RoomHelper.name] + arguments, channel: other.number)
    _ = consume other
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

  // MARK: - Requests

  private func ask(
    _ request: RoomRequest, with descriptor: Int32? = nil
  ) throws(SystemError) -> (reply: RoomReply, descriptors: [Int32]) {
    guard let channel else { throw SystemError(call: "ask the helper", number: EPIPE) }
    return try channel.ask(request, with: descriptor)
  }

  /// Asks for what no descriptor comes with.
  private func askPlainly(_ request: RoomRequest, with descriptor: Int32? = nil) throws(SystemError) -> RoomReply {
    let answer = try ask(request, with: descriptor)
    RoomChannel.close(answer.descriptors)
    return answer.reply
  }

  private static func check(_ reply: RoomReply) throws(PrivilegeError) {
    if case .refused(let reason, let isDenied) = reply { throw .reported(reason, isDenied: isDenied) }
  }

  private func askAboutInterface(
    _ request: RoomRequest
  ) throws(PrivilegeError) -> (reply: RoomReply, descriptors: [Int32]) {
    let answer: (reply: RoomReply, descriptors: [Int32])
    do throws(SystemError) { answer = try ask(request) } catch { throw .failed(act: "ask the helper", error) }
    if case .refused(let reason, let isDenied) = answer.reply {
      RoomChannel.close(answer.descriptors)
      throw .reported(reason, isDenied: isDenied)
    }
    return answer
  }

  // MARK: - The interface

  /// Has a request about the interface fulfilled.
  func perform(_ request: PrivilegedRequest) throws(PrivilegeError) -> PrivilegedReply {
    let (reply, descriptors) = try askAboutInterface(.privileged(request))
    switch (reply, descriptors.count) {
    case (.done, 0): return .done
    case (.leakGuard(let report), 0): return .leakGuard(report)
    case (.line(let line), 0): return .missingSourceAddress(line.isEmpty ? nil : line)
    case (.tunnel(let index, let framing, let hardwareAddress), 1):
      return .tunnel(
        TunnelDevice(
          attached: FileDescriptor(owning: descriptors[0]), name: settings.name.description, index: index,
          mode: settings.mode, framing: framing, hardwareAddress: hardwareAddress))
    case (.number(let loopback), 1):
      let socket = NetlinkSocket(owning: FileDescriptor(owning: descriptors[0]))
      return .monitor(InterfaceMonitor(socket: socket, settings: settings, link: nil, loopbackIsUp: loopback == 1))
    default:
      RoomChannel.close(descriptors)
      throw .outOfOrder(request)
    }
  }

  /// What the namespace of the interface is like.
  func survey() throws(PrivilegeError) -> NamespaceSurvey {
    let answer = try askAboutInterface(.survey)
    RoomChannel.close(answer.descriptors)
    guard case .survey(let survey) = answer.reply else { return NamespaceSurvey() }
    return survey
  }

  /// Lets the helper read the configuration again.
  func configurationChanged() throws(PrivilegeError) {
    RoomChannel.close(try askAboutInterface(.configurationChanged).descriptors)
  }

  /// Tells the helper whether the daemon does what it has read last, or goes on as before.
  func configurationSettled(isNew: Bool) { _ = try? askPlainly(.configurationSettled(isNew: isNew)) }

  // MARK: - Paths

  /// Opens what stands at a path of the configuration's.
  func open(_ path: String, _ flags: Int32) throws(SystemError) -> FileDescriptor {
    guard let use = RoomRequest.Use(flags: flags) else { throw SystemError(call: "open \(path)", number: EACCES) }
    let answer = try ask(.open(path, use))
    guard answer.descriptors.count == 1 else {
      RoomChannel.close(answer.descriptors)
      throw SystemError(call: "open \(path)", number: EACCES)
    }
    return FileDescriptor(owning: answer.descriptors[0])
  }

  /// Lets a queue hear of changes at a path.
  func watch(_ path: String, _ mask: UInt32, in queue: Int32) throws(SystemError) -> Int32 {
    guard case .number(let number) = try askPlainly(.watch(path, mask), with: queue) else {
      throw SystemError(call: "inotify_add_watch \(path)", number: EACCES)
    }
    return number
  }

  /// Begins to connect a socket to Tor's UNIX socket.
  func connect(_ socket: Int32, toPath path: String) throws(SystemError) -> Bool {
    guard case .number(let number) = try askPlainly(.connect(path), with: socket) else {
      throw SystemError(call: "connect to unix:\(path)", number: EACCES)
    }
    return number == 1
  }

  /// Removes a socket of the daemon's.
  func remove(_ path: String) throws(SystemError) { _ = try askPlainly(.remove(path)) }

  /// Puts a block into a hosts file.
  func keepHosts(_ lines: [String], in path: String) throws(KeptHosts.Obstacle) {
    let reply: RoomReply
    do throws(SystemError) {
      for start in stride(from: 0, to: lines.count, by: RoomRequest.mostLines) {
        _ = try askPlainly(.addHosts(Array(lines[start...].prefix(RoomRequest.mostLines))))
      }
      reply = try askPlainly(.keepHosts(path))
    } catch {
      throw .system(error)
    }
    if case .line(let reason) = reply, !reason.isEmpty { throw .reported(reason) }
  }

  // MARK: - Hooks

  /// Throws if the program cannot be run, or if somebody else could replace it.
  func check(_ hook: Hook) throws(HookError) {
    let reply: RoomReply
    do throws(SystemError) { reply = try askPlainly(.checkHook(hook)) } catch { throw HookError(hook, error.reason) }
    if case .line(let reason) = reply, !reason.isEmpty { throw HookError(described: reason) }
  }

  /// Starts the program.
  func start(_ hook: Hook, for occasion: HookOccasion) throws(SystemError) -> StartedHook {
    let answer = try ask(.startHook(hook, occasion.place.name, occasion.peer))
    guard case .number(let process) = answer.reply, answer.descriptors.count == 2 else {
      RoomChannel.close(answer.descriptors)
      throw SystemError(call: "start \(hook.path)", number: EBADMSG)
    }
    return StartedHook(
      process: process, watch: FileDescriptor(owning: answer.descriptors[0]),
      output: FileDescriptor(owning: answer.descriptors[1]))
  }

  /// How a program ended.
  func ending(of process: Int32) throws(SystemError) -> SystemCall.Ending? {
    guard case .ending(let ending) = try askPlainly(.hookEnding(process)) else { return nil }
    return ending
  }

  /// Ends a program.
  func end(_ process: Int32) { _ = try? askPlainly(.endHook(process)) }
}
