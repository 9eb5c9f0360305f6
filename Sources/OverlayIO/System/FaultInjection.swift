#if DEBUG
  import Glibc

  /// Lets system calls of a thread fail in place of being made, so that a test finds out what a failure leaves behind.
  ///
  /// It is known to its thread alone: tests run side by side. It exists in debug builds only, so that a release pays
  /// nothing for it.
  final class FaultInjection {
    /// The calls that were begun, those that failed included, by the names that their errors give them.
    private(set) var calls: [String] = []
    /// The calls that were let fail.
    private(set) var failed: [String] = []
    /// The error number that they fail with.
    let number: Int32
    private let ordinal: Int
    private let length: Int
    private let mayFail: (String) -> Bool
    // The ordinal of the first call that did not fail any more because the fault was over.
    private var end = Int.max

    /// Makes an injection in which the call with this ordinal, 1 for the first, fails with this error number, or the
    /// first one behind it that `mayFail`. The fault lasts for `length` calls from that one on, of which all fail that
    /// may. With the ordinal 0 none fails.
    init(
      failing ordinal: Int, for length: Int = 1, with number: Int32,
      where mayFail: @escaping (String) -> Bool = { _ in true }
    ) {
      (self.ordinal, self.length, self.number, self.mayFail) = (ordinal, length, number, mayFail)
    }

    private static let key: pthread_key_t = {
      var key = pthread_key_t()
      let result = pthread_key_create(&key, nil)
      precondition(result == 0, "there is no room for a variable of each thread")
      return key
    }()

    /// The injection that the calling thread runs under, if any.
    static var current: FaultInjection? {
      pthread_getspecific(key).map { Unmanaged<FaultInjection>.fromOpaque($0).takeUnretainedValue() }
    }

    /// Runs `body` in the calling thread under this injection.
    func run(_ body: () -> Void) {
      pthread_setspecific(FaultInjection.key, Unmanaged.passUnretained(self).toOpaque())
      body()
      pthread_setspecific(FaultInjection.key, nil)
    }

    /// Runs `body`, in which the call with this ordinal, 1 for the first, fails with this error number; the names of
    /// the calls that were begun.
    static func run(failing ordinal: Int, with number: Int32, _ body: () -> Void) -> [String] {
      let injection = FaultInjection(failing: ordinal, with: number)
      injection.run(body)
      return injection.calls
    }

    /// Takes note of a call that is about to be made; the error number that it is to fail with, if it is.
    func next(_ call: String) -> Int32? {
      calls.append(call)
      guard ordinal > 0, calls.count >= ordinal, calls.count < end, mayFail(call) else { return nil }
      if end == .max { end = calls.count + length }
      failed.append(call)
      return number
    }
  }
#endif
