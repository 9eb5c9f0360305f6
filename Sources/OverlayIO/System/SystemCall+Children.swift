import CLinux
import Glibc

/// Child processes.
extension SystemCall {
  /// How a child process ended.
  enum Ending: Equatable {
    /// It ended by itself, with this status.
    case exit(Int32)
    /// This signal ended it.
    case signal(Int32)
  }

  /// Both ends of a pipe, which no child process inherits. Reading does not wait; writing does.
  static func pipe() throws(SystemError) -> (reading: Int32, writing: Int32) {
    var ends: [Int32] = [-1, -1]
    try perform("pipe") { oncilla_pipe(&ends) }
    let reading = ends[0]
    do throws(SystemError) {
      try perform("fcntl O_NONBLOCK") { Glibc.fcntl(reading, F_SETFL, O_NONBLOCK) }
    } catch {
      for end in ends { close(end) }
      throw error
    }
    return (ends[0], ends[1])
  }

  /// Starts the program at `path` without arguments, in a process group of its own, and returns the number of the
  /// process. It has these variables and no others, reads nothing, writes to `output`, and inherits no other
  /// descriptor, no handler of a signal and none that is blocked.
  static func start(_ path: String, environment: [String], output: Int32) throws(SystemError) -> Int32 {
    var variables: [UnsafeMutablePointer<CChar>?] = environment.map { strdup($0) } + [nil]
    defer { for text in variables { free(text) } }
    return try start(
      path, [path], variables: &variables, descriptors: [nil, output, output], flags: POSIX_SPAWN_SETPGROUP)
  }

  /// Starts this program anew, whatever file it was, with these arguments, the first of which is its name, and these
  /// descriptors beside standard error, from number 3 on. The number of the process.
  static func startAnew(_ arguments: [String], channels: [Int32]) throws(SystemError) -> Int32 {
    // None of them may have a number that another one gets there.
    var moved: [Int32] = []
    defer { for number in moved { close(number) } }
    for channel in channels { moved.append(try duplicate(channel, from: 16)) }
    return try start("/proc/self/exe", arguments, variables: environ, descriptors: [nil, nil, 2] + moved)
  }

  /// Starts a program with the `descriptors` as numbers 0 to their count, `nil` for /dev/null, and no others; with no
  /// handler of a signal, and none that is blocked.
  private static func start(
    _ path: String, _ arguments: [String], variables: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>,
    descriptors: [Int32?], flags: Int32 = 0
  ) throws(SystemError) -> Int32 {
    var process: pid_t = 0
    var words: [UnsafeMutablePointer<CChar>?] = arguments.map { strdup($0) } + [nil]
    defer { for text in words { free(text) } }
    var actions = posix_spawn_file_actions_t()
    var attributes = posix_spawnattr_t()
    posix_spawn_file_actions_init(&actions)
    posix_spawnattr_init(&attributes)
    defer {
      posix_spawn_file_actions_destroy(&actions)
      posix_spawnattr_destroy(&attributes)
    }
    for (number, descriptor) in descriptors.enumerated() {
      if let descriptor {
        posix_spawn_file_actions_adddup2(&actions, descriptor, Int32(number))
      } else {
        posix_spawn_file_actions_addopen(&actions, Int32(number), "/dev/null", O_RDWR, 0)
      }
    }
    // What the daemon itself inherited is not marked to be closed.
    try perform("posix_spawn_file_actions_addclosefrom_np") { oncilla_close_from(&actions, Int32(descriptors.count)) }
    var signals = sigset_t()
    sigemptyset(&signals)
    posix_spawnattr_setsigmask(&attributes, &signals)
    sigfillset(&signals)
    posix_spawnattr_setsigdefault(&attributes, &signals)
    posix_spawnattr_setpgroup(&attributes, 0)
    posix_spawnattr_setflags(&attributes, Int16(flags | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK))
    try perform("start \(path)") { () -> Int32 in
      let number = Glibc.posix_spawn(&process, path, &actions, &attributes, &words, variables)
      errno = number
      return number == 0 ? 0 : -1
    }
    return process
  }

  /// A descriptor that is readable once a child process has ended.
  static func watchProcess(_ process: Int32) throws(SystemError) -> FileDescriptor {
    try FileDescriptor("pidfd_open") { oncilla_process_descriptor(process) }
  }

  /// How a child process ended, after which its number means nothing; `nil` if it runs.
  static func ending(of process: Int32, waits: Bool = false) throws(SystemError) -> Ending? {
    var status: Int32 = 0
    guard try perform("waitpid", { Glibc.waitpid(process, &status, waits ? 0 : WNOHANG) }) == process else {
      return nil
    }
    // wait(2) has macros for these, which Swift does not import.
    let signal = status & 0x7f
    return signal == 0 ? .exit(status >> 8 & 0xff) : .signal(signal)
  }

  /// Ends a child process that leads a group of its own, and whoever else is in the group.
  static func killGroup(of process: Int32) {
    // Fails where nobody is left.
    _ = Glibc.kill(-process, SIGKILL)
  }

  /// Fails where this process may not run the program at `path`.
  static func findProgram(_ path: String) throws(SystemError) {
    try perform("run \(path)") { Glibc.access(path, X_OK) }
  }
}
