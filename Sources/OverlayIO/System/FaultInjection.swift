#if DEBUG
  import Glibc

  /// Lets one system call of a thread fail in place of being made, so that a test finds out what a failure leaves
  /// behind.
  ///
  /// It is known to its thread alone: tests run side by side. It exists in debug builds only, so that a release pays
  /// nothing for it.
  final class FaultInjection {
    /// The calls that were begun, the one that failed included, by the names that their errors give them.
    private(set) var calls: [String] = []
    private let ordinal: Int
    private let number: Int32

    private init(_ ordinal: Int, _ number: Int32) {
      self.ordinal = ordinal
      self.number = number
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

    /// Runs `body`, in which the call with this ordinal, 1 for the first, fails with this error number; the names of
    /// the calls that were begun.
    static func run(failing ordinal: Int, with number: Int32, _ body: () -> Void) -> [String] {
      let injection = FaultInjection(ordinal, number)
      pthread_setspecific(key, Unmanaged.passUnretained(injection).toOpaque())
      body()
      pthread_setspecific(key, nil)
      return injection.calls
    }

    /// Takes note of a call that is about to be made; the error number that it is to fail with, if it is.
    func next(_ call: String) -> Int32? {
      calls.append(call)
      return calls.count == ordinal ? number : nil
    }
  }
#endif
