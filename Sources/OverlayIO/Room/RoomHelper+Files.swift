import Glibc
import OverlayCore

/// What the helper does about files and programs.
extension RoomHelper {
  func answerFile(
    _ request: RoomRequest, for client: RoomClient
  ) throws(SystemError) -> RoomReply {
    switch request {
    case .open(let path, let use):
      sent.append(try open(path, use, for: client))
      return .done
    case .fileEvents: return try makeQueue()
    case .endFileEvents(let number):
      guard queues.remove(number) != nil else { return refusal("close queue \(number)") }
      SystemCall.close(number)
      return .done
    case .watch(let path, let mask, let queue):
      guard queues.contains(queue), charter.allowsWatch(path, mask) else {
        return refusal("inotify_add_watch \(path)")
      }
      let file = try TrustedPath.open(path, SystemCall.placeFlag, serving: account?.user)
      return .number(try SystemCall.watch(file.pathByNumber, mask, in: queue))
    case .connect(let path):
      guard charter.allowsConnection(to: path, for: client) else { return refusal("connect to \(path)") }
      let file = try TrustedPath.open(path, SystemCall.placeFlag)
      let socket = try SystemCall.socket(AF_UNIX, SOCK_STREAM)
      // One that does not wait is connected at once, or never: nobody else is held up.
      _ = try SocketAddress.unix(file.pathByNumber).withSocketAddress { pointer, size throws(SystemError) in
        try SystemCall.connect(socket.number, to: pointer, size, "connect to unix:\(path)")
      }
      sent.append(try SystemCall.duplicate(socket.number))
      return .done
    case .remove(let path):
      try remove(path, for: client)
      return .done
    case .draft(let path):
      guard charter.isKept(path, by: client) else { return refusal("write \(path)") }
      let draft = try keptDirectory(of: path, isMade: true).draft(of: StateDirectory.name(of: path))
      drafts[path] = try SystemCall.status(draft.number).st_ino
      sent.append(try SystemCall.duplicate(draft.number))
      return .done
    case .finish(let path):
      guard charter.isKept(path, by: client), let draft = drafts.removeValue(forKey: path) else {
        return refusal("write \(path)")
      }
      let directory = try keptDirectory(of: path)
      let name = StateDirectory.name(of: path)
      do throws(SystemError) {
        try directory.finish(name, ifDraftIs: draft)
      } catch {
        try? directory.discard(name, ifDraftIs: draft)
        throw error
      }
      return .done
    case .discard(let path):
      guard charter.isKept(path, by: client), let draft = drafts.removeValue(forKey: path) else {
        return refusal("unlink \(path)")
      }
      try keptDirectory(of: path).discard(StateDirectory.name(of: path), ifDraftIs: draft)
      return .done
    case .addHosts(let new, let isFirst):
      // What somebody began who could not go on is not in the block of the next one.
      if isFirst { lines = [] }
      guard lines.count + new.count <= RoomHelper.mostHostsLines,
        new.allSatisfy({ $0.utf8.count <= RoomHelper.mostHostsLineBytes })
      else { return refusal("keep so many names") }
      lines += new
      return .done
    case .keepHosts(let path): return keepHosts(path)
    case .startHook(let hook, let name, let peer): return try start(hook, name, peer)
    case .hookEnding(let process):
      guard running.contains(process) else {
        guard let told = endings.last(where: { $0.process == process }) else {
          return refusal("wait for process \(process)")
        }
        return .ending(told.ending)
      }
      guard let ending = try hooks.ending(of: process) else { return .done }
      running.remove(process)
      endings = endings.suffix(RoomHelper.mostHooks - 1) + [(process, ending)]
      return .ending(ending)
    case .endHook(let process):
      guard running.remove(process) != nil else { return refusal("end process \(process)") }
      hooks.end(process)
      return .done
    default: return refusal("answer")
    }
  }

  // MARK: - Files

  private func open(_ path: String, _ use: RoomRequest.Use, for client: RoomClient) throws(SystemError) -> Int32 {
    if use == .read, charter.isKept(path, by: client) { return try openKept(path) }
    let isNamed = charter.allows(path, use, for: client)
    guard isNamed || use == .read && charter.mayBeCookie(path, for: client) else { throw refused("open \(path)") }
    let file = try TrustedPath.open(path, use.flags, mode: 0o640, serving: account?.user)
    if !isNamed {
      let status = try SystemCall.status(file.number)
      // So long is a cookie (control-spec, AUTHENTICATE).
      guard status.st_mode & S_IFMT == S_IFREG, status.st_size == 32 else { throw refused("open \(path)") }
    }
    return try SystemCall.duplicate(file.number)
  }

  /// Opens a file of the state directory, which is neither a link nor a further name of another.
  private func openKept(_ path: String) throws(SystemError) -> Int32 {
    let flags = O_RDONLY | O_NONBLOCK | O_NOCTTY | O_NOFOLLOW
    let file = try TrustedPath.open(path, flags, serving: account?.user)
    let status = try SystemCall.status(file.number)
    guard status.st_mode & S_IFMT == S_IFREG, status.st_nlink == 1 else { throw refused("open \(path)") }
    return try SystemCall.duplicate(file.number)
  }

  /// The directory that a kept file is in, which is made, for its owner alone, where it is missing and `isMade` says
  /// so.
  private func keptDirectory(of file: String, isMade: Bool = false) throws(SystemError) -> OpenDirectory {
    let path = StateDirectory.parent(of: file)
    if isMade {
      let place = try TrustedPath.place(of: path, follows: true, serving: account?.user)
      do throws(SystemError) {
        if place.name != "." { try makeDirectory(at: place, path) }
      } catch {
        if error.number != EEXIST { throw error }
      }
    }
    return OpenDirectory(try TrustedPath.open(path, O_RDONLY | O_DIRECTORY, serving: account?.user), at: path)
  }

  /// Makes a directory, which belongs to whom the one belongs that it is in, as every file in it will.
  private func makeDirectory(at place: borrowing TrustedPath.Place, _ path: String) throws(SystemError) {
    try SystemCall.makeDirectory(place.name, in: place.directory.number, mode: 0o700, path: path)
    let owner = try SystemCall.status(place.directory.number)
    guard owner.st_uid != SystemCall.user else { return }
    let flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW
    let made = try SystemCall.open(place.name, in: place.directory.number, flags, path: path)
    // He may have put another of root's in its place, which he gets only if there is nothing in it.
    guard try SystemCall.names(in: made.number, path: path, limit: 1).isEmpty else { throw refused("mkdir \(path)") }
    try SystemCall.give(made.number, to: owner.st_uid, owner.st_gid, path: path)
  }

  /// Removes what a client began to write and did not finish, or all of that. A half of a key is nobody's.
  func discardDrafts(of client: RoomClient?) {
    for (path, draft) in drafts where client.map({ charter.isKept(path, by: $0) }) ?? true {
      drafts[path] = nil
      guard let directory = try? keptDirectory(of: path) else { continue }
      try? directory.discard(StateDirectory.name(of: path), ifDraftIs: draft)
    }
  }

  /// Makes a queue that the daemon gets and this process keeps.
  private func makeQueue() throws(SystemError) -> RoomReply {
    guard queues.count < RoomHelper.mostQueues else { return refusal("inotify_init1") }
    let queue = try SystemCall.fileEvents()
    sent.append(try SystemCall.duplicate(queue.number))
    let kept = try SystemCall.duplicate(queue.number)
    queues.insert(kept)
    return .number(kept)
  }

  private func remove(_ path: String, for client: RoomClient) throws(SystemError) {
    if charter.isKept(path, by: client) { return try keptDirectory(of: path).removeKept(StateDirectory.name(of: path)) }
    guard charter.allowsRemoval(of: path) else { throw refused("unlink \(path)") }
    let place = try TrustedPath.place(of: path, follows: false)
    let flags = SystemCall.placeFlag | O_NOFOLLOW
    let found = try SystemCall.open(place.name, in: place.directory.number, flags, path: path)
    guard try SystemCall.status(found.number).st_mode & S_IFMT == S_IFSOCK else { throw refused("unlink \(path)") }
    try SystemCall.remove(place.name, from: place.directory.number, path: path)
  }

  private func refused(_ call: String) -> SystemError { SystemError(call: call, number: EACCES) }

  private func keepHosts(_ path: String) -> RoomReply {
    defer { lines = [] }
    guard let (owner, zone) = charter.hosts(at: path) else { return refusal("write \(path)") }
    guard lines.allSatisfy({ RoomCharter.isHostsLine($0, zone: zone) }) else { return refusal("write \(path)") }
    do throws(KeptHosts.Obstacle) {
      try KeptHosts.put(HostsBlock(lines, of: owner), into: path) { path throws(SystemError) in
        OpenDirectory(try TrustedPath.open(path, O_RDONLY | O_DIRECTORY), at: path)
      }
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
