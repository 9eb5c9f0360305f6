import Glibc

/// The one place that calls the kernel and reads `errno`: a function for each call stands in the extensions beside this
/// file. A call that a signal interrupted is made again, one that would have to wait answers `nil`, and EBADF is a bug
/// of ours and stops the program.
///
/// In a debug build, which the unit tests are, each call asks `FaultInjection` first whether it is to fail. A release
/// has no trace of that.
public enum SystemCall {
  /// The result of `body`, or the error that it left, named after `call`.
  @discardableResult
  static func perform<Result: FixedWidthInteger>(
    _ call: @autoclosure () -> String, _ body: () -> Result
  ) throws(SystemError) -> Result {
    while true {
      let result = make(call(), body)
      if result != -1 { return result }
      let number = errno
      if number != EINTR { throw failure(of: call(), number) }
    }
  }

  /// As `perform`, but `nil` where the call would have to wait: that is the rule at the end of every batch, and no
  /// error is made of it to be caught here.
  static func attempt<Result: FixedWidthInteger>(
    _ call: @autoclosure () -> String, _ body: () -> Result
  ) throws(SystemError) -> Result? {
    while true {
      let result = make(call(), body)
      if result != -1 { return result }
      let number = errno
      if number == EAGAIN || number == EWOULDBLOCK { return nil }
      if number != EINTR { throw failure(of: call(), number) }
    }
  }

  /// Closes a descriptor, whose number means nothing after that.
  static func close(_ descriptor: Int32) {
    // Linux closes the descriptor even where close(2) reports an error, so there is nothing to try again.
    let result = Glibc.close(descriptor)
    precondition(result == 0 || errno != EBADF, "a closed descriptor was closed")
  }

  @inline(__always)
  private static func make<Result: FixedWidthInteger>(
    _ call: @autoclosure () -> String, _ body: () -> Result
  ) -> Result {
    #if DEBUG
      if let number = FaultInjection.current?.next(call()) {
        errno = number
        return -1
      }
    #endif
    return body()
  }

  private static func failure(of call: String, _ number: Int32) -> SystemError {
    precondition(number != EBADF, "a closed descriptor was used")
    return SystemError(call: call, number: number)
  }
}
