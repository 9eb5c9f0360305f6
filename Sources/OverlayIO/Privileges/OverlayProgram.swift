import Glibc

/// A program that runs in the network namespace of a daemon, as a user, and takes the place of this one.
public struct OverlayProgram {
  /// The network namespace.
  let namespace: NamespaceName
  /// Who runs it.
  let account: UserFiles.Account
  /// The program and its arguments, one at least.
  let command: [String]
  /// Whom it asks about names.
  let resolver: OverlayResolver

  /// The reason why it did not start.
  public enum Failure: Error, CustomStringConvertible {
    /// The namespace cannot be entered, or the user's rights not be taken.
    case privilege(PrivilegeError)
    /// There is no such program.
    case notFound(String)
    /// The program cannot be started.
    case notExecutable(SystemError)

    /// The exit status that shells have for it.
    public var exitStatus: Int32 {
      switch self {
      case .privilege(let error): error.isDenied ? 4 : 1
      case .notFound: 127
      case .notExecutable: 126
      }
    }

    /// The line.
    public var description: String {
      switch self {
      case .privilege(let error): error.description
      case .notFound(let program): "\(program.quotedLine()): there is no such program"
      case .notExecutable(let error): "\(error)"
      }
    }
  }

  /// Makes a program of this command; `nil` if the path is none of a network namespace that has a name.
  public init?(_ command: [String], in path: String, as account: UserFiles.Account, asking resolver: OverlayResolver) {
    guard !command.isEmpty, let slash = path.lastIndex(of: "/") else { return nil }
    guard let namespace = NamespaceName(String(path[path.index(after: slash)...])), namespace.path == path else {
      return nil
    }
    (self.namespace, self.account, self.command, self.resolver) = (namespace, account, command, resolver)
  }

  /// Starts the program in place of this one, which needs root. It returns the reason alone why that failed.
  ///
  /// The mounts are the program's own: those of `resolver`, and `/sys` tells of the namespace's interfaces alone.
  /// Programs with capabilities in their files, such as ping, keep them.
  public func start() -> Failure {
    do throws(PrivilegeError) {
      try NetworkNamespace.enter(namespace)
      try OverlayProgram.attempt("prepare the program") { () throws(SystemError) in
        try SystemCall.separateMounts()
        try resolver.mount()
        try SystemCall.mount("sysfs", at: "/sys")
        try setEnvironment()
        try SystemCall.become(user: account.user, group: account.group, groups: account.groups)
      }
    } catch {
      return .privilege(error)
    }
    let error = SystemCall.execute(command)
    return error.number == ENOENT || isNowhere(command[0]) ? .notFound(command[0]) : .notExecutable(error)
  }

  /// Whether no directory of PATH has the program. One of them that this user may not look into makes the kernel say
  /// that the program is forbidden.
  private func isNowhere(_ program: String) -> Bool {
    guard !program.contains("/") else { return false }
    let path = SystemCall.variable("PATH") ?? "/usr/bin:/bin"
    return !path.split(separator: ":").contains { directory in
      do throws(SystemError) {
        try SystemCall.find("\(directory)/\(program)")
        return true
      } catch {
        return false
      }
    }
  }

  /// The variables that tell who the user is. Those of sudo tell of somebody who is not root any more.
  private func setEnvironment() throws(SystemError) {
    for name in SystemCall.variableNames where name.hasPrefix("SUDO_") || name == "MAIL" {
      try SystemCall.setVariable(name, nil)
    }
    try SystemCall.setVariable("HOME", account.home)
    try SystemCall.setVariable("USER", account.name)
    try SystemCall.setVariable("LOGNAME", account.name)
    try SystemCall.setVariable("SHELL", account.shell.isEmpty ? "/bin/sh" : account.shell)
  }

  private static func attempt(_ act: String, _ body: () throws(SystemError) -> Void) throws(PrivilegeError) {
    do throws(SystemError) { try body() } catch { throw .failed(act: act, error) }
  }
}
