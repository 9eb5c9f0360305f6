import Glibc

/// The helper's reply, and the descriptors that came with it. They are closed with it unless somebody takes them.
struct RoomAnswer: ~Copyable {
  /// The reply.
  let reply: RoomReply
  private var message: SystemCall.Message

  fileprivate init(_ reply: RoomReply, _ message: consuming SystemCall.Message) {
    self.reply = reply
    self.message = message
  }

  /// How many descriptors came.
  var count: Int { message.count }

  /// Takes over the next descriptor; `nil` when there is none.
  mutating func take() -> FileDescriptor? { message.first.take() ?? message.second.take() }
}

/// The end of a channel to the helper that somebody has who gave up his rights. Each request waits for its reply.
///
/// `@unchecked Sendable`: nobody uses the channel without the mutex.
final class RoomChannel: PathBroker, @unchecked Sendable {
  private let end: FileDescriptor
  private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
  // Requests that were given up, whose replies are still to come: the next message is none to the next request.
  private var owed: [RoomRequest] = []

  /// Takes over an end of a channel.
  init(owning end: consuming FileDescriptor) {
    self.end = end
    pthread_mutex_init(mutex, nil)
  }

  deinit {
    pthread_mutex_destroy(mutex)
    mutex.deallocate()
  }

  /// Waits for what the helper says first, before it was asked.
  func greeting() throws(SystemError) -> RoomReply { try RoomChannel.answer(try receive()).reply }

  private func receive() throws(SystemError) -> SystemCall.Message? {
    try SystemCall.receive(end.number, limit: RoomMessage.mostBytes)
  }

  private static func answer(_ received: consuming SystemCall.Message?) throws(SystemError) -> RoomAnswer {
    guard let message = received else { throw SystemError(call: "ask the helper", number: EPIPE) }
    guard let reply = RoomMessage(message.bytes).flatMap({ RoomReply($0) }) else {
      throw SystemError(call: "ask the helper", number: message.bytes.isEmpty ? EPIPE : EBADMSG)
    }
    return RoomAnswer(reply, message)
  }

  /// Asks.
  func ask(_ request: RoomRequest) throws(SystemError) -> RoomAnswer {
    pthread_mutex_lock(mutex)
    defer { pthread_mutex_unlock(mutex) }
    while let late = owed.first {
      let received = try receive()
      owed.removeFirst()
      // Nobody knows of what was done for it.
      if let undoing = late.undoing(try RoomChannel.answer(received).reply) { _ = try exchange(undoing) }
    }
    let answer = try exchange(request)
    if case .failed(let error) = answer.reply { throw error }
    return answer
  }

  private func exchange(_ request: RoomRequest) throws(SystemError) -> RoomAnswer {
    guard let bytes = request.message.bytes else { throw SystemError(call: "ask the helper", number: E2BIG) }
    try SystemCall.send(end.number, bytes, with: [])
    let received: SystemCall.Message?
    do throws(SystemError) {
      received = try receive()
    } catch {
      owed.append(request)
      throw error
    }
    return try RoomChannel.answer(received)
  }

  /// Asks for what a descriptor comes with; `call` names it in an error.
  private func askForFile(_ request: RoomRequest, _ call: String) throws(SystemError) -> FileDescriptor {
    var answer = try ask(request)
    guard answer.count == 1, let file = answer.take() else { throw SystemError(call: call, number: EACCES) }
    return file
  }

  // MARK: - Paths

  /// Opens what stands at a path of the configuration's, or a file that is kept.
  func open(_ path: String, _ flags: Int32) throws(SystemError) -> FileDescriptor {
    guard let use = RoomRequest.Use(flags: flags) else { throw SystemError(call: "open \(path)", number: EACCES) }
    return try askForFile(.open(path, use), "open \(path)")
  }

  /// Makes a queue of changes, which the helper has, too.
  func fileEvents() throws(SystemError) -> FileEventQueue {
    var answer = try ask(.fileEvents)
    guard case .number(let number) = answer.reply, let queue = answer.take() else {
      throw SystemError(call: "inotify_init1", number: EACCES)
    }
    return FileEventQueue(owning: queue, number: number)
  }

  /// Has the helper close its own descriptor of a queue.
  func endFileEvents(_ number: Int32) { _ = try? ask(.endFileEvents(number)) }

  /// Lets a queue hear of changes at a path.
  func watch(_ path: String, _ mask: UInt32, in queue: Int32) throws(SystemError) -> Int32 {
    guard case .number(let number) = try ask(.watch(path, mask, queue: queue)).reply else {
      throw SystemError(call: "inotify_add_watch \(path)", number: EACCES)
    }
    return number
  }

  /// A connection to Tor's UNIX socket.
  func connect(toPath path: String) throws(SystemError) -> FileDescriptor {
    try askForFile(.connect(path), "connect to unix:\(path)")
  }

  /// Makes the draft of a file that is kept.
  func draft(of path: String) throws(SystemError) -> FileDescriptor {
    try askForFile(.draft(path), "write \(path)")
  }

  /// Puts the draft in the file's place.
  func finish(_ path: String) throws(SystemError) { _ = try ask(.finish(path)) }

  /// Removes the draft.
  func discard(_ path: String) throws(SystemError) { _ = try ask(.discard(path)) }

  /// Removes a socket or a kept file of the daemon's.
  func remove(_ path: String) throws(SystemError) { _ = try ask(.remove(path)) }
}
