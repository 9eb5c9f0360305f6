import Glibc

/// The daemon's end of the channel to its helper: requests, each with its reply.
///
/// `@unchecked Sendable`: what changes is touched with the mutex held alone.
final class RoomChannel: @unchecked Sendable {
  private let file: FileDescriptor
  private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
  // The replies that are still to come to requests that were given up: the next message is none to the next request.
  private var owed = 0

  /// Takes over the end of a channel.
  init(owning file: consuming FileDescriptor) {
    self.file = file
    pthread_mutex_init(mutex, nil)
  }

  deinit {
    pthread_mutex_destroy(mutex)
    mutex.deallocate()
  }

  /// Waits for what the helper says first, before it was asked.
  func greeting() throws(SystemError) -> RoomReply {
    let answer = try receive()
    RoomChannel.close(answer.descriptors)
    return answer.reply
  }

  /// Asks; the numbers of the descriptors that come with the reply are the caller's to close. With a failure come none.
  func ask(
    _ request: RoomRequest, with descriptor: Int32? = nil
  ) throws(SystemError) -> (reply: RoomReply, descriptors: [Int32]) {
    guard let bytes = request.message.bytes else { throw SystemError(call: "ask the helper", number: E2BIG) }
    pthread_mutex_lock(mutex)
    defer { pthread_mutex_unlock(mutex) }
    while owed > 0 {
      owed -= 1
      RoomChannel.close(try receive().descriptors)
    }
    try SystemCall.send(file.number, bytes, with: descriptor.map { [$0] } ?? [])
    let answer = try receive()
    if case .failed(let error) = answer.reply {
      RoomChannel.close(answer.descriptors)
      throw error
    }
    return answer
  }

  /// Closes descriptors that nobody wants.
  static func close(_ descriptors: [Int32]) {
    for descriptor in descriptors { SystemCall.close(descriptor) }
  }

  private func receive() throws(SystemError) -> (reply: RoomReply, descriptors: [Int32]) {
    let message: (bytes: [UInt8], descriptors: [Int32])
    do throws(SystemError) {
      message = try SystemCall.receive(file.number, limit: RoomMessage.mostBytes)
    } catch {
      owed += 1
      throw error
    }
    guard let reply = RoomMessage(message.bytes).flatMap({ RoomReply($0) }) else {
      RoomChannel.close(message.descriptors)
      throw SystemError(call: "ask the helper", number: message.bytes.isEmpty ? EPIPE : EBADMSG)
    }
    return (reply, message.descriptors)
  }
}
