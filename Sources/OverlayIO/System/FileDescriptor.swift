/// The owner of an open file descriptor, which is closed with it.
struct FileDescriptor: ~Copyable, Sendable {
  /// The number to make calls with, valid as long as the owner lives.
  let number: Int32

  /// Takes over an open descriptor.
  init(owning number: Int32) {
    self.number = number
  }

  /// Takes over the descriptor that `body` opens.
  init(_ call: @autoclosure () -> String, opening body: () -> Int32) throws(SystemError) {
    number = try SystemCall.perform(call(), body)
  }

  /// A path that leads to what this stands for, wherever that is (proc(5)). A thread may have descriptors of its own.
  var pathByNumber: String { "/proc/thread-self/fd/\(number)" }

  deinit { SystemCall.close(number) }
}
