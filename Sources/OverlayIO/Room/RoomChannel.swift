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

  /// Whether all descriptors came that were sent.
  fileprivate var isWhole: Bool { message.isWhole }

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
  // What is to be made up for before the next request: a reply or its undoing, and an ending of each hook and queue.
  private var debts: [Debt] = []

  private enum Debt {
    /// This was sent, and its reply was not taken yet: the next message is none to the next request.
    case reply(to: RoomRequest)
    /// This has to be done, and could not be sent yet.
    case request(RoomRequest)
  }

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

  private func receive() throws(SystemError) -> SystemCall.Message {
    // A reply that is not there is still to come.
    guard let message = try SystemCall.receive(end.number, limit: RoomMessage.mostBytes) else {
      throw SystemError(call: "ask the helper", number: EAGAIN)
    }
    return message
  }

  private static func answer(_ message: consuming SystemCall.Message) throws(SystemError) -> RoomAnswer {
    guard let reply = RoomMessage(message.bytes).flatMap({ RoomReply($0) }) else {
      throw SystemError(call: "ask the helper", number: message.bytes.isEmpty ? EPIPE : EBADMSG)
    }
    return RoomAnswer(reply, message)
  }

  /// Asks.
  func ask(_ request: RoomRequest) throws(SystemError) -> RoomAnswer {
    pthread_mutex_lock(mutex)
    defer { pthread_mutex_unlock(mutex) }
    try settle()
    try send(request)
    debts = [.reply(to: request)]
    let answer = try takeReply(to: request)
    guard answer.isWhole else {
      // There is nobody to own what it was about.
      if let undoing = request.undoing(answer.reply) { debts = [.request(undoing)] }
      try? settle()
      throw SystemError(call: "receive a descriptor", number: EMFILE)
    }
    if case .failed(let error) = answer.reply { throw error }
    return answer
  }

  /// Has something done whose outcome does not matter, now or before the next request.
  func order(_ request: RoomRequest) {
    pthread_mutex_lock(mutex)
    defer { pthread_mutex_unlock(mutex) }
    debts.append(.request(request))
    try? settle()
  }

  private func settle() throws(SystemError) {
    while let debt = debts.first {
      switch debt {
      case .request(let request):
        try send(request)
        debts[0] = .reply(to: request)
      case .reply(let request):
        // Nobody knows of what was done for it.
        let undoing = request.undoing(try takeReply(to: request).reply)
        if let undoing { debts.insert(.request(undoing), at: 0) }
      }
    }
  }

  private func send(_ request: RoomRequest) throws(SystemError) {
    guard let bytes = request.message.bytes else { throw SystemError(call: "ask the helper", number: E2BIG) }
    try SystemCall.send(end.number, bytes, with: [])
  }

  /// Takes the reply that is the first debt.
  private func takeReply(to request: RoomRequest) throws(SystemError) -> RoomAnswer {
    let received: SystemCall.Message
    do throws(SystemError) {
      received = try receive()
    } catch {
      // What is too long is gone, and anything else is still there.
      if error.number == EMSGSIZE { debts.removeFirst() }
      throw error
    }
    debts.removeFirst()
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
  func endFileEvents(_ number: Int32) { order(.endFileEvents(number)) }

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
