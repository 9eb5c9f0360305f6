import Glibc
import OverlayCore

/// The process beside the daemon that keeps the rights which the daemon gave up, and answers a closed list of requests
/// from it. It believes nothing: the daemon may have been taken over by whoever sends it packets. What may be asked for
/// is what the configuration says, which it reads itself.
///
/// It is this program, executed anew and not forked: so it shares neither the daemon's secrets nor where things lie in
/// memory, which would tell whoever reads the one how to take over the other.
public final class RoomHelper {
  /// The name that it is started by.
  public static let name = "oncilla-helper"
  /// The number of its end of the channel.
  static let channel: Int32 = 3
  // More hooks than run at the same time, with those that the daemon ends itself.
  private static let mostHooks = 64
  private static let mostHostsLines = 1 << 16

  private var charter: RoomCharter
  private var privileges: Privileges
  private let hooks = OwnHookStarter()
  private var running: Set<Int32> = []
  private var lines: [String] = []
  // Descriptors that go with the next reply, which owns them.
  private var sent: [Int32] = []

  /// Reads the configuration, and opens what the interface needs.
  private init(_ source: ConfigurationSource) throws {
    let configuration = try source.load()
    charter = RoomCharter(configuration, from: source)
    privileges = try Privileges(configuration.settings.daemon.interface)
    try RoomHelper.keepLittle(configuration.settings.daemon)
  }

  /// Answers until the daemon ends; the exit status. Its end of the channel is descriptor 3.
  public static func run(_ source: ConfigurationSource) -> Int32 {
    SystemCall.ignoreEndings()
    SystemCall.setProcessName(name)
    let helper: RoomHelper
    do {
      helper = try RoomHelper(source)
    } catch {
      let isDenied = (error as? any PermissionError)?.isDenied == true
      reply(.refused("\(error)", isDenied: isDenied))
      return 1
    }
    reply(.done)
    while helper.answerNext() {}
    for process in helper.running { helper.hooks.end(process) }
    return 0
  }

  /// Keeps of the rights of whoever started the daemon those that requests need.
  private static func keepLittle(_ settings: DaemonSettings) throws(SystemError) {
    try SystemCall.refuseDumps()
    var wanted: [SystemCall.Capability] = [
      .administerNetwork, .changeOwner, .changeModes, .overridePermissions, .readEverything, .signalOthers,
    ]
    if settings.interface.namespace != nil { wanted.append(.enterNamespaces) }
    let kept = try SystemCall.capabilities() & wanted.reduce(0) { $0 | $1.bit }
    // Hooks that are not root's inherit what a service manager gave the daemon.
    try SystemCall.keepCapabilities(kept, isInherited: SystemCall.user != 0)
    try SystemCall.endWithParent()
  }

  private static func reply(_ reply: RoomReply, with descriptors: [Int32] = []) {
    let bytes = reply.message.bytes ?? RoomReply.refused("the answer is too long", isDenied: false).message.bytes ?? []
    // Where it fails the daemon is gone, which the next receipt tells.
    try? SystemCall.send(channel, bytes, with: descriptors)
  }

  /// Answers one request; false when there will be none.
  private func answerNext() -> Bool {
    let received: [FileDescriptorBox]
    let request: RoomRequest?
    do throws(SystemError) {
      let (bytes, descriptors) = try SystemCall.receive(RoomHelper.channel, limit: RoomMessage.mostBytes)
      received = descriptors.map { FileDescriptorBox(FileDescriptor(owning: $0)) }
      if bytes.isEmpty { return false }
      request = RoomMessage(bytes).flatMap { RoomRequest($0) }
    } catch {
      // A message that is too large is nobody's who keeps to the list.
      return false
    }
    // Whoever sends what is no request is not the daemon that was started.
    guard let request else { return false }
    let answer: RoomReply
    do throws(PrivilegeError) {
      // They are open until it is answered.
      answer = try withExtendedLifetime(received) { () throws(PrivilegeError) in
        try self.answer(request, received.first?.file.number)
      }
    } catch {
      if case .failed(_, let error) = error, !isAboutInterface(request) {
        answer = .failed(error)
      } else {
        answer = .refused("\(error)", isDenied: error.isDenied)
      }
    }
    RoomHelper.reply(answer, with: sent)
    for descriptor in sent { SystemCall.close(descriptor) }
    sent = []
    return true
  }

  private func isAboutInterface(_ request: RoomRequest) -> Bool {
    switch request {
    case .privileged, .survey, .configurationChanged: true
    default: false
    }
  }

  private func refusal(_ what: String) -> RoomReply { .failed(SystemError(call: what, number: EACCES)) }

  private func answer(_ request: RoomRequest, _ descriptor: Int32?) throws(PrivilegeError) -> RoomReply {
    switch request {
    case .privileged(let request):
      guard charter.allows(request) else { return .refused("the helper does not do \(request)", isDenied: true) }
      return try perform(request)
    case .survey: return .survey(try NamespaceSurvey(of: charter.interface.namespace))
    case .configurationChanged:
      do throws(SettingError) {
        try charter.readAgain()
        return .done
      } catch {
        var isDenied = false
        if case .unreadable(let cause) = error { isDenied = cause.isDenied }
        return .refused("\(error)", isDenied: isDenied)
      }
    case .checkHook(let hook):
      guard charter.allows(hook) else { return .line("the configuration has no hook \(hook.path.quotedLine())") }
      do throws(HookError) { try hook.check() } catch { return .line(error.description) }
      return .line("")
    default: break
    }
    do throws(SystemError) {
      return try answerFile(request, descriptor)
    } catch {
      throw .failed(act: "", error)
    }
  }

  // MARK: - The interface

  private func perform(_ request: PrivilegedRequest) throws(PrivilegeError) -> RoomReply {
    let reply = try privileges.perform(request)
    switch consume reply {
    case .done: return .done
    case .leakGuard(let report): return .leakGuard(report)
    case .missingSourceAddress(let line): return .line(line ?? "")
    case .tunnel(let device):
      try take { () throws(SystemError) in try SystemCall.duplicate(device.descriptor) }
      return .tunnel(index: device.index, device.framing, device.hardwareAddress)
    case .monitor(let monitor):
      try take { () throws(SystemError) in try SystemCall.duplicate(monitor.descriptor) }
      return .number(monitor.loopbackIsUp ? 1 : 0)
    case .guardedPrefixes: throw .outOfOrder(request)
    }
  }

  private func take(_ body: () throws(SystemError) -> Int32) throws(PrivilegeError) {
    do throws(SystemError) { sent.append(try body()) } catch { throw .failed(act: "hand over a descriptor", error) }
  }

  // MARK: - Files and programs

  private func answerFile(_ request: RoomRequest, _ descriptor: Int32?) throws(SystemError) -> RoomReply {
    switch request {
    case .open(let path, let use):
      if let (directory, name) = charter.kept(path), use == .read {
        sent.append(try RoomHelper.openKept(name, in: directory))
        return .done
      }
      let isCookie = use == .read && charter.usesTorControl && path.hasSuffix("cookie") && path.hasPrefix("/")
      guard charter.allows(path, use) || isCookie else { return refusal("open \(path)") }
      let file = try SystemCall.open(path, use.flags, mode: 0o640)
      if !charter.allows(path, use) {
        let status = try SystemCall.status(file.number)
        // So long is a cookie (control-spec, AUTHENTICATE).
        guard status.st_mode & S_IFMT == S_IFREG, status.st_size == 32 else { return refusal("open \(path)") }
      }
      sent.append(try SystemCall.duplicate(file.number))
      return .done
    case .watch(let path, let mask):
      guard let descriptor, charter.allowsWatch(path) else { return refusal("inotify_add_watch \(path)") }
      return .number(try SystemCall.watch(path, mask, in: descriptor))
    case .connect(let path):
      guard let descriptor, charter.allowsConnection(to: path) else { return refusal("connect to \(path)") }
      let isConnected = try SocketAddress.unix(path).withSocketAddress { pointer, size throws(SystemError) in
        try SystemCall.connect(descriptor, to: pointer, size, "connect to unix:\(path)")
      }
      return .number(isConnected ? 1 : 0)
    case .remove(let path):
      guard charter.allowsRemoval(of: path), let found = try SystemCall.look(at: path),
        found.st_mode & S_IFMT == S_IFSOCK
      else { return refusal("unlink \(path)") }
      try SystemCall.remove(path)
      return .done
    case .addHosts(let new):
      guard lines.count + new.count <= RoomHelper.mostHostsLines else { return refusal("keep so many names") }
      lines += new
      return .done
    case .keepHosts(let path): return keepHosts(path)
    case .startHook(let hook, let name, let peer): return try start(hook, name, peer)
    case .hookEnding(let process):
      guard running.contains(process) else { return refusal("wait for process \(process)") }
      guard let ending = try hooks.ending(of: process) else { return .done }
      running.remove(process)
      return .ending(ending)
    case .endHook(let process):
      guard running.remove(process) != nil else { return refusal("end process \(process)") }
      hooks.end(process)
      return .done
    default: return refusal("answer")
    }
  }

  /// Opens a file of the state directory, whose owner may have put anything there: a file of that owner's, and neither a
  /// link nor a further name of another.
  private static func openKept(_ name: String, in path: String) throws(SystemError) -> Int32 {
    let directory = try SystemCall.open(path, O_RDONLY | O_DIRECTORY)
    let flags = O_RDONLY | O_NONBLOCK | O_NOCTTY | O_NOFOLLOW
    let file = try SystemCall.open(name, in: directory.number, flags, path: "\(path)/\(name)")
    let (status, owner) = (try SystemCall.status(file.number), try SystemCall.status(directory.number).st_uid)
    guard status.st_mode & S_IFMT == S_IFREG, status.st_uid == owner, status.st_nlink == 1 else {
      throw SystemError(call: "open \(path)/\(name)", number: EACCES)
    }
    return try SystemCall.duplicate(file.number)
  }

  private func keepHosts(_ path: String) -> RoomReply {
    defer { lines = [] }
    guard let (owner, zone) = charter.hosts(at: path) else { return refusal("write \(path)") }
    guard lines.allSatisfy({ RoomCharter.isHostsLine($0, zone: zone) }) else { return refusal("write \(path)") }
    do throws(KeptHosts.Obstacle) {
      try KeptHosts.put(HostsBlock(lines, of: owner), into: path)
      return .line("")
    } catch {
      return .line(error.description)
    }
  }

  private func start(_ hook: Hook, _ name: OnionName, _ peer: ConfiguredPeer?) throws(SystemError) -> RoomReply {
    guard charter.allows(hook), running.count < RoomHelper.mostHooks else { return refusal("start \(hook.path)") }
    // One that is gone is told as such.
    _ = try SystemCall.status(at: hook.path)
    // Whoever could have put another program there since it was checked at the start has had time for it.
    do throws(HookError) { try hook.check() } catch { return refusal(error.description) }
    let place = HookOccasion.Place(charter.interface, as: name)
    let started = try hooks.start(hook, for: HookOccasion(event: hook.event, place: place, peer: peer))
    do throws(SystemError) {
      sent.append(try SystemCall.duplicate(started.watch.number))
      sent.append(try SystemCall.duplicate(started.output.number))
    } catch {
      hooks.end(started.process)
      throw error
    }
    running.insert(started.process)
    return .number(started.process)
  }
}

/// An owner of a descriptor that an array can hold.
private final class FileDescriptorBox {
  let file: FileDescriptor
  init(_ file: consuming FileDescriptor) { self.file = file }
}

extension RoomRequest.Use {
  /// The flags that a file is opened with, whatever the daemon would like.
  fileprivate var flags: Int32 {
    switch self {
    case .read: O_RDONLY | O_NONBLOCK | O_NOCTTY
    case .readPlain: O_RDONLY | O_NONBLOCK | O_NOCTTY | O_NOFOLLOW
    case .directory: O_RDONLY | O_DIRECTORY
    case .place: SystemCall.placeFlag
    case .placePlain: SystemCall.placeFlag | O_NOFOLLOW
    case .log: O_WRONLY | O_APPEND | O_CREAT | O_NONBLOCK | O_NOCTTY
    }
  }

  /// The use that a call with these flags makes; `nil` if it is none.
  init?(flags: Int32) {
    if flags & SystemCall.placeFlag != 0 {
      self = flags & O_NOFOLLOW == 0 ? .place : .placePlain
    } else if flags & O_ACCMODE == O_RDONLY {
      self = flags & O_DIRECTORY != 0 ? .directory : flags & O_NOFOLLOW == 0 ? .read : .readPlain
    } else if flags & O_ACCMODE == O_WRONLY, flags & O_APPEND != 0 {
      self = .log
    } else {
      return nil
    }
  }
}
