import Glibc

/// Other programs, which commands for the operator run. The daemon runs none this way.
extension SystemCall {
  /// The result of a program that was run.
  public struct ProgramResult: Equatable, Sendable {
    /// Its exit status; 128 and the signal's number if a signal ended it.
    public let status: Int32
    /// What it wrote to standard output and standard error, at most 64 KiB of it.
    public let output: String
  }

  private static let mostOutput = 64 << 10

  /// Runs a program, which is found by `PATH`, without a shell and without standard input, and waits for its end.
  public static func run(_ arguments: [String]) throws(SystemError) -> ProgramResult {
    let name = arguments.first ?? ""
    var ends: [Int32] = [0, 0]
    try perform("pipe") { Glibc.pipe(&ends) }
    let reading = FileDescriptor(owning: ends[0])
    let process = try spawn(arguments, writingTo: FileDescriptor(owning: ends[1]), reading.number, name)
    var output: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 4_096)
    while let count = try read(reading.number, into: &chunk, "read from \(name)"), count > 0 {
      if output.count < mostOutput { output += chunk.prefix(count) }
    }
    var status: Int32 = 0
    try perform("wait for \(name)") { Glibc.waitpid(process, &status, 0) }
    let signal = status & 0x7f
    return ProgramResult(
      status: signal == 0 ? status >> 8 & 0xff : 128 + signal, output: String(decoding: output, as: UTF8.self))
  }

  /// Sends a signal to a process.
  static func signal(_ number: Int32, to process: Int32) throws(SystemError) {
    try perform("signal process \(process)") { Glibc.kill(process, number) }
  }

  private static func spawn(
    _ arguments: [String], writingTo output: consuming FileDescriptor, _ input: Int32, _ name: String
  ) throws(SystemError) -> pid_t {
    for end in [output.number, input] { try perform("fcntl") { Glibc.fcntl(end, F_SETFD, FD_CLOEXEC) } }
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0)
    posix_spawn_file_actions_adddup2(&actions, output.number, STDOUT_FILENO)
    posix_spawn_file_actions_adddup2(&actions, output.number, STDERR_FILENO)
    var words: [UnsafeMutablePointer<CChar>?] = arguments.map { strdup($0) }
    words.append(nil)
    defer { for word in words { free(word) } }
    var process: pid_t = 0
    let result = posix_spawnp(&process, name, &actions, nil, words, environ)
    guard result == 0 else { throw SystemError(call: "run \(name)", number: result) }
    return process
  }
}
