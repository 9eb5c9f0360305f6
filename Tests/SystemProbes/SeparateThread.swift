import Glibc

@testable import OverlayIO

/// Runs `body` in a thread whose table of files begins empty but for the standard streams, so that the descriptors it
/// leaves open can be counted while other tests run beside it; waits for it.
package func onSeparateThread(_ body: @escaping () throws -> Void) throws {
  final class Task {
    let body: () throws -> Void
    var failure: (any Error)?

    init(_ body: @escaping () throws -> Void) { self.body = body }
  }
  let task = Task(body)
  var thread = pthread_t()
  let number = pthread_create(
    &thread, nil,
    { context in
      guard let context else { return nil }
      let task = Unmanaged<Task>.fromOpaque(context).takeUnretainedValue()
      do {
        try forgetInheritedDescriptors()
        try task.body()
      } catch {
        task.failure = error
      }
      return nil
    }, Unmanaged.passUnretained(task).toOpaque())
  guard number == 0 else { throw SystemError(call: "pthread_create", number: number) }
  pthread_join(thread, nil)
  if let failure = task.failure { throw failure }
}

/// The descriptors that the calling thread has open, the one that reads the list left out.
package func openDescriptors() -> Set<Int> {
  guard let stream = opendir("/proc/thread-self/fd") else { return [] }
  defer { closedir(stream) }
  var numbers: Set<Int> = []
  while let entry = readdir(stream) {
    let name = withUnsafeBytes(of: &entry.pointee.d_name) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
    if let number = Int(name), number != Int(dirfd(stream)) { numbers.insert(number) }
  }
  return numbers
}

/// close_range(2) with CLOSE_RANGE_UNSHARE, which Swift's Glibc hides: a table of the thread's own, without what other
/// tests have open, which must not live longer for this one.
private func forgetInheritedDescriptors() throws {
  typealias CloseRange = @convention(c) (_ first: UInt32, _ last: UInt32, _ flags: Int32) -> Int32
  guard let function = dlsym(nil, "close_range") else { throw SystemError(call: "close_range", number: ENOSYS) }
  let closeRange = unsafeBitCast(function, to: CloseRange.self)
  try SystemCall.perform("close_range") { closeRange(UInt32(STDERR_FILENO) + 1, .max, 2) }
}
