import Glibc

/// The owner of an open file descriptor, which is closed with it.
public struct FileDescriptor: ~Copyable {
  /// The number to make calls with, valid as long as the owner lives.
  public let number: Int32

  /// Takes over an open descriptor.
  public init(owning number: Int32) {
    self.number = number
  }

  /// Takes over the descriptor that `body` opens.
  public init(_ call: @autoclosure () -> String, opening body: () -> Int32) throws(SystemError) {
    number = try SystemCall.perform(call(), body)
  }

  deinit {
    // Linux closes the descriptor even where close(2) reports an error, so there is nothing to try again.
    _ = close(number)
  }
}
