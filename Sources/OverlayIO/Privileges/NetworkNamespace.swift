import Glibc

/// A network namespace that files and sockets can be opened in. They go on acting there when the thread has returned.
enum NetworkNamespace {
  /// Runs `body` with the calling thread inside `name`. However it ends, the thread is back where it was.
  static func run<Result: ~Copyable>(
    in name: NamespaceName?, _ body: () throws(PrivilegeError) -> Result
  ) throws(PrivilegeError) -> Result {
    guard let name else { return try body() }
    let home = try openFile("/proc/thread-self/ns/net")
    let target = try openFile(name.path)
    // Entering where we already are shows, before anything moves, that the way back will be open: from a namespace of
    // its own user namespace a thread can be allowed to leave and not to return.
    try enter(home, path: name.path)
    try enter(target, path: name.path)
    defer { SystemCall.returnToNetworkNamespace(home.number) }
    return try body()
  }

  /// Moves the calling thread into a namespace for good: a program is to take the place of this one.
  static func enter(_ name: NamespaceName) throws(PrivilegeError) {
    let target = try openFile(name.path)
    try enter(target, path: name.path)
  }

  private static func openFile(_ path: String) throws(PrivilegeError) -> FileDescriptor {
    do throws(SystemError) {
      // O_NONBLOCK: whoever names a pipe must not make us wait.
      return try SystemCall.open(path, O_RDONLY | O_NONBLOCK)
    } catch {
      switch error.number {
      case ENOENT, ENOTDIR: throw .namespaceMissing(path)
      default: throw .failed(act: "use the network namespace", error)
      }
    }
  }

  private static func enter(_ namespace: borrowing FileDescriptor, path: String) throws(PrivilegeError) {
    do throws(SystemError) {
      try SystemCall.enterNetworkNamespace(namespace.number, path: path)
    } catch {
      switch error.number {
      case EPERM: throw .notPermitted(capability: "CAP_SYS_ADMIN", act: "enter network namespace \(path)")
      case EINVAL: throw .notANamespace(path)
      default: throw .failed(act: "enter network namespace \(path)", error)
      }
    }
  }
}
