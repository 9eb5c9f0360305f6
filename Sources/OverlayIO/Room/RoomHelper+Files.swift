import Glibc
import OverlayCore

/// What the helper does about files and programs.
extension RoomHelper {
  func answerFile(_ request: RoomRequest, _ descriptor: Int32?) throws(SystemError) -> RoomReply {
    switch request {
    case .open(let path, let use):
      if use == .read, charter.isKept(path) {
        sent.append(try openKept(path))
        return .done
      }
      let isCookie = use == .read && charter.usesTorControl && path.hasSuffix("cookie") && path.hasPrefix("/")
      guard charter.allows(path, use) || isCookie else { return refusal("open \(path)") }
      let file = try TrustedPath.open(path, use.flags, mode: 0o640, serving: account?.user)
      if !charter.allows(path, use) {
        let status = try SystemCall.status(file.number)
        // So long is a cookie (control-spec, AUTHENTICATE).
        guard status.st_mode & S_IFMT == S_IFREG, status.st_size == 32 else { return refusal("open \(path)") }
      }
      sent.append(try SystemCall.duplicate(file.number))
      return .done
    case .watch(let path, let mask):
      guard let descriptor, charter.allowsWatch(path) else { return refusal("inotify_add_watch \(path)") }
      let file = try TrustedPath.open(path, SystemCall.placeFlag, serving: account?.user)
      return .number(try SystemCall.watch(file.pathByNumber, mask, in: descriptor))
    case .connect(let path):
      guard let descriptor, charter.allowsConnection(to: path) else { return refusal("connect to \(path)") }
      // Whoever waits here serves nobody.
      guard try SystemCall.isNonblocking(descriptor) else { return refusal("connect to \(path) and wait") }
      let file = try TrustedPath.open(path, SystemCall.placeFlag)
      let place = SocketAddress.unix(file.pathByNumber)
      let isConnected = try place.withSocketAddress { pointer, size throws(SystemError) in
        try SystemCall.connect(descriptor, to: pointer, size, "connect to unix:\(path)")
      }
      return .number(isConnected ? 1 : 0)
    case .remove(let path):
      guard charter.allowsRemoval(of: path) else { return refusal("unlink \(path)") }
      let place = try TrustedPath.place(of: path, follows: false)
      let flags = SystemCall.placeFlag | O_NOFOLLOW
      let found = try SystemCall.open(place.name, in: place.directory.number, flags, path: path)
      guard try SystemCall.status(found.number).st_mode & S_IFMT == S_IFSOCK else { return refusal("unlink \(path)") }
      try SystemCall.remove(place.name, from: place.directory.number, path: path)
      return .done
    case .addHosts(let new):
      guard lines.count + new.count <= RoomHelper.mostHostsLines,
        new.allSatisfy({ $0.utf8.count <= RoomHelper.mostHostsLineBytes })
      else { return refusal("keep so many names") }
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

  /// Opens a file of the state directory: one of the daemon's own, and neither a link nor a further name of another. The
  /// daemon could open it itself but for a directory on the way.
  private func openKept(_ path: String) throws(SystemError) -> Int32 {
    let flags = O_RDONLY | O_NONBLOCK | O_NOCTTY | O_NOFOLLOW
    let file = try TrustedPath.open(path, flags, serving: account?.user)
    let status = try SystemCall.status(file.number)
    guard status.st_mode & S_IFMT == S_IFREG, status.st_uid == account?.user ?? SystemCall.user, status.st_nlink == 1
    else { throw SystemError(call: "open \(path)", number: EACCES) }
    return try SystemCall.duplicate(file.number)
  }

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
