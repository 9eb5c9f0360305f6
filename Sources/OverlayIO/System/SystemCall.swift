import Glibc

/// The one place that calls the kernel and reads `errno`. A call that a signal interrupted is made again; one that
/// would block answers `nil`; EBADF is a bug of ours and stops the program.
public enum SystemCall {
  /// The result of `body`, or the error that it left, named after `call`.
  @discardableResult
  public static func perform<Result: FixedWidthInteger>(
    _ call: @autoclosure () -> String, _ body: () -> Result
  ) throws(SystemError) -> Result {
    while true {
      let result = body()
      if result != -1 { return result }
      let number = errno
      if number != EINTR { throw failure(of: call(), number) }
    }
  }

  /// As `perform`, but `nil` where the call would have to wait: that is the rule at the end of every batch, and no error
  /// is made of it to be caught here.
  public static func attempt<Result: FixedWidthInteger>(
    _ call: @autoclosure () -> String, _ body: () -> Result
  ) throws(SystemError) -> Result? {
    while true {
      let result = body()
      if result != -1 { return result }
      let number = errno
      if number == EAGAIN || number == EWOULDBLOCK { return nil }
      if number != EINTR { throw failure(of: call(), number) }
    }
  }

  private static func failure(of call: String, _ number: Int32) -> SystemError {
    precondition(number != EBADF, "a closed descriptor was used")
    return SystemError(call: call, number: number)
  }
}
