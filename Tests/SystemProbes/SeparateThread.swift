import Glibc

@testable import OverlayIO

/// A thread whose table of files begins empty but for the standard streams, so that the descriptors it leaves open can
/// be counted while other tests run beside it.
///
/// `@unchecked Sendable`: what the thread writes is read once it has ended, and its number once it has told it.
package final class SeparateThread: @unchecked Sendable {
  private let body: () throws -> Void
  private let handed: [Int32]
  private var failure: (any Error)?
  private var thread = pthread_t()
  private var began = sem_t()
  /// The thread's number, by which /proc knows it.
  package private(set) var number: Int32 = 0

  /// Begins to run `body` in such a thread, which gets copies of the `handed` descriptors, as number 3 and those behind
  /// it.
  package init(handing handed: [Int32] = [], _ body: @escaping () throws -> Void) throws {
    (self.body, self.handed) = (body, handed)
    sem_init(&began, 0, 0)
    let result = pthread_create(
      &thread, nil,
      { context in
        guard let context else { return nil }
        Unmanaged<SeparateThread>.fromOpaque(context).takeUnretainedValue().run()
        return nil
      }, Unmanaged.passUnretained(self).toOpaque())
    guard result == 0 else { throw SystemError(call: "pthread_create", number: result) }
    sem_wait(&began)
  }

  deinit { sem_destroy(&began) }

  /// Waits for its end. Throws what it threw.
  package func join() throws {
    pthread_join(thread, nil)
    if let failure { throw failure }
  }

  /// Whether it has ended, which it has where the kernel has no such thread any more.
  package var hasEnded: Bool { access("/proc/self/task/\(number)", F_OK) != 0 }

  /// How many descriptors it has open.
  package var openCount: Int { descriptors(in: "/proc/self/task/\(number)/fd").count }

  /// How many processes it has started that nobody has waited for.
  package var childCount: Int {
    get throws {
      do {
        return try readFile("/proc/self/task/\(number)/children").split(separator: UInt8(ascii: " ")).count
      } catch {
        // Those of a thread that has ended are no longer its own.
        if hasEnded { return 0 }
        throw error
      }
    }
  }

  /// The function of the kernel in which it waits, as root alone may know; "0" where it runs.
  package var place: String {
    (try? readFile("/proc/self/task/\(number)/wchan")).map { String(decoding: $0, as: UTF8.self) } ?? "an unknown place"
  }

  private static var ownNumber: Int32 {
    var buffer = [CChar](repeating: 0, count: 64)
    let count = readlink("/proc/thread-self", &buffer, buffer.count)
    let path = String(decoding: buffer.prefix(max(0, count)).map { UInt8(bitPattern: $0) }, as: UTF8.self)
    return path.split(separator: "/").last.flatMap { Int32($0) } ?? -1
  }

  private func run() {
    number = SeparateThread.ownNumber
    do {
      try forgetInheritedDescriptors(but: handed)
      sem_post(&began)
      try body()
    } catch {
      failure = error
      sem_post(&began)
    }
  }
}

/// Runs `body` in a separate thread, and waits for it.
package func onSeparateThread(_ body: @escaping () throws -> Void) throws { try SeparateThread(body).join() }

/// The descriptors that the calling thread has open, the one that reads the list left out.
package func openDescriptors() -> Set<Int> { descriptors(in: "/proc/thread-self/fd", exceptOwn: true) }

private func descriptors(in path: String, exceptOwn: Bool = false) -> Set<Int> {
  guard let stream = opendir(path) else { return [] }
  defer { closedir(stream) }
  var numbers: Set<Int> = []
  while let entry = readdir(stream) {
    let name = withUnsafeBytes(of: &entry.pointee.d_name) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
    if let number = Int(name), !exceptOwn || number != Int(dirfd(stream)) { numbers.insert(number) }
  }
  return numbers
}

/// A table of the thread's own, without what other tests have open, which must not live longer for this one.
private func forgetInheritedDescriptors(but handed: [Int32]) throws {
  let first = STDERR_FILENO + 1
  if handed.isEmpty { return try closeDescriptors(from: UInt32(first), isOwnTable: false) }
  // Beyond the last number there is nothing to close.
  try closeDescriptors(from: .max, isOwnTable: false)
  // None of them may have a number that another one gets.
  let moved = try handed.map { descriptor in
    try SystemCall.perform("fcntl") { fcntl(descriptor, F_DUPFD_CLOEXEC, first + Int32(handed.count)) }
  }
  for (place, descriptor) in moved.enumerated() {
    try SystemCall.perform("dup2") { dup2(descriptor, first + Int32(place)) }
  }
  try closeDescriptors(from: UInt32(first) + UInt32(handed.count), isOwnTable: true)
}

/// close_range(2), with CLOSE_RANGE_UNSHARE unless the thread has a table of its own; Swift's Glibc hides both.
private func closeDescriptors(from first: UInt32, isOwnTable: Bool) throws {
  typealias CloseRange = @convention(c) (_ first: UInt32, _ last: UInt32, _ flags: Int32) -> Int32
  guard let function = dlsym(nil, "close_range") else { throw SystemError(call: "close_range", number: ENOSYS) }
  let closeRange = unsafeBitCast(function, to: CloseRange.self)
  try SystemCall.perform("close_range") { closeRange(first, .max, isOwnTable ? 0 : 2) }
}
