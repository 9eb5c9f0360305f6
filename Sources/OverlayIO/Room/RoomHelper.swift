import Glibc
import OverlayCore

/// The process beside the daemon that keeps the rights which the daemon gave up, and answers a closed list of requests
/// from it, and another one from whoever speaks with Tor's control port (`RoomClient`). It believes nothing: the daemon
/// may have been taken over by whoever sends it packets. What may be asked for is what the configuration says, which it
/// reads itself.
///
/// It is this program, executed anew and not forked: so it shares neither the daemon's secrets nor where things lie in
/// memory, which would tell whoever reads the one how to take over the other.
public final class RoomHelper {
  /// The name that it is started by.
  public static let name = "oncilla-helper"
  // More hooks than run at the same time, with those that the daemon ends itself.
  static let mostHooks = 64
  // Two files are watched, and one of them may be another one after the configuration was read again.
  static let mostQueues = 16
  static let mostHostsLines = 1 << 16
  // An address, a petname with its zone, and an onion name.
  static let mostHostsLineBytes = 512

  var charter: RoomCharter
  // Whom the daemon becomes; `nil` for whoever it was from the start.
  let account: UserFiles.Account?
  private var privileges: Privileges
  // The daemon, whose channel is nobody else's.
  private let parent = SystemCall.parent
  // Those who may still ask. Who is gone is not waited for.
  private var clients = RoomClient.allCases
  let hooks = OwnHookStarter()
  var running: Set<Int32> = []
  // How those hooks ended that the daemon was told of last, `mostHooks` of them: it asks again where no answer came.
  var endings: [(process: Int32, ending: SystemCall.Ending)] = []
  var lines: [String] = []
  // The inodes of the drafts of kept files, by the paths of these: one that another daemon began is not finished here.
  var drafts: [String: ino_t] = [:]
  // The queues of inotify(7) that the daemon has, too.
  var queues: Set<Int32> = []
  // Descriptors that go with the next reply, which owns them.
  var sent: [Int32] = []

  /// Reads the configuration, and opens what the interface needs.
  private init(_ source: ConfigurationSource) throws {
    // Who asks without end and reads no answer does not hold up the other one for longer than a second.
    for client in RoomClient.allCases { try SystemCall.refuseToWait(client.channel) }
    let configuration = try source.load()
    charter = RoomCharter(configuration, from: source)
    account = try RoomLock.account(configuration.settings.daemon.user)
    privileges = try Privileges(configuration.settings.daemon.interface)
    try RoomHelper.keepLittle(configuration.settings.daemon)
  }

  /// Answers until the daemon ends; the exit status.
  public static func run(_ source: ConfigurationSource) -> Int32 {
    SystemCall.ignoreEndings()
    SystemCall.setProcessName(name)
    return serve(source)
  }

  /// The same, in a thread of a test.
  static func serve(_ source: ConfigurationSource) -> Int32 {
    let helper: RoomHelper
    do {
      helper = try RoomHelper(source)
    } catch {
      let isDenied = (error as? any PermissionError)?.isDenied == true
      try? reply(.refused("\(error)", isDenied: isDenied), to: .pump)
      return 1
    }
    // The daemon waits for it, and finds the channel at its end.
    guard (try? reply(.done, to: .pump)) != nil else { return 1 }
    while helper.clients.contains(.pump) { helper.answerNext() }
    helper.discardDrafts(of: nil)
    for process in helper.running { helper.hooks.end(process) }
    for queue in helper.queues { SystemCall.close(queue) }
    return 0
  }

  /// Keeps of the rights of whoever started the daemon those that requests need.
  private static func keepLittle(_ settings: DaemonSettings) throws(SystemError) {
    try SystemCall.refuseDumps()
    try leaveOutCalls()
    var wanted: [SystemCall.Capability] = [
      .administerNetwork, .changeOwner, .changeModes, .overridePermissions, .readEverything, .signalOthers,
    ]
    if settings.interface.namespace != nil { wanted.append(.enterNamespaces) }
    let kept = try SystemCall.capabilities() & wanted.reduce(0) { $0 | $1.bit }
    // Hooks that are not root's inherit what a service manager gave the daemon.
    try SystemCall.keepCapabilities(kept, isInherited: SystemCall.user != 0)
  }

  /// Gives up the system calls that neither it nor a hook needs, for good. The daemon tells where the kernel has no
  /// such lists. Root gives no promise for that, so that its hooks run programs with rights of their own, such as su.
  private static func leaveOutCalls() throws(SystemError) {
    do throws(SystemError) {
      _ = try RoomLock.bind(to: .helper)
    } catch {
      guard error.isDenied else { throw error }
      try SystemCall.refuseNewPrivileges()
      _ = try RoomLock.bind(to: .helper)
    }
  }

  /// Hands over a reply.
  private static func reply(
    _ reply: RoomReply, to client: RoomClient, with descriptors: [Int32] = []
  ) throws(SystemError) {
    let bytes = reply.message.bytes ?? RoomReply.refused("the answer is too long", isDenied: false).message.bytes ?? []
    try SystemCall.deliver(client.channel, bytes, with: descriptors)
  }

  /// Answers a request of each who has one.
  private func answerNext() {
    let ready: [Bool]
    do throws(SystemError) {
      ready = try SystemCall.wait(forAnyOf: clients.map(\.channel))
    } catch {
      if (try? SystemCall.pause(after: error)) == nil { clients = [] }
      return
    }
    for (client, isReady) in zip(clients, ready) where isReady && !answerNext(of: client) {
      clients.removeAll { $0 == client }
      discardDrafts(of: client)
      // Whoever waits for an answer finds the channel at its end.
      SystemCall.close(client.channel)
    }
  }

  /// Answers one request; false when there will be none.
  private func answerNext(of client: RoomClient) -> Bool {
    do throws(SystemError) {
      guard let message = try SystemCall.receive(client.channel, limit: RoomMessage.mostBytes) else { return true }
      return answer(message, of: client)
    } catch {
      // A message that is too large is nobody's who keeps to the list. One that cannot be taken now is still there.
      return (try? SystemCall.pause(after: error)) != nil
    }
  }

  private func answer(_ message: borrowing SystemCall.Message, of client: RoomClient) -> Bool {
    // Descriptors that came along are closed, whatever they are: one that may be anything is not to be used.
    // Whoever sends what is no request is not the process that was started, nor is whoever got its end of the channel.
    guard let request = RoomMessage(message.bytes).flatMap({ RoomRequest($0) }), SystemCall.parent == parent else {
      return false
    }
    let answer: RoomReply
    do throws(PrivilegeError) {
      answer =
        client.mayAsk(for: request)
        ? try self.answer(request, for: client) : refusal("do that for this process")
    } catch {
      if case .failed(_, let error) = error, !isAboutInterface(request) {
        answer = .failed(error)
      } else {
        answer = .refused("\(error)", isDenied: error.isDenied)
      }
    }
    defer {
      for descriptor in sent { SystemCall.close(descriptor) }
      sent = []
    }
    do throws(SystemError) {
      try RoomHelper.reply(answer, to: client, with: sent)
      return true
    } catch {
      if let undoing = request.undoing(answer) { _ = try? self.answer(undoing, for: client) }
      // Whoever takes no answers is not waited for again.
      if error.number == EAGAIN { return false }
      // The client waits: it is told why it gets none, or finds the channel at its end.
      return (try? RoomHelper.reply(.failed(error), to: client)) != nil
    }
  }

  private func isAboutInterface(_ request: RoomRequest) -> Bool {
    switch request {
    case .privileged, .survey, .configurationChanged: true
    default: false
    }
  }

  func refusal(_ what: String) -> RoomReply { .failed(SystemError(call: what, number: EACCES)) }

  private func answer(
    _ request: RoomRequest, for client: RoomClient
  ) throws(PrivilegeError) -> RoomReply {
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
    case .configurationSettled(let isNew):
      charter.settle(isNew: isNew)
      return .done
    case .checkHook(let hook):
      guard charter.allows(hook) else { return .line("the configuration has no hook \(hook.path.quotedLine())") }
      do throws(HookError) { try hook.check() } catch { return .line(error.description) }
      return .line("")
    default: break
    }
    do throws(SystemError) {
      return try answerFile(request, for: client)
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
}
