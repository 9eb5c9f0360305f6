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
    let ends = try pipe()
    let reading = FileDescriptor(owning: ends.reading)
    let process = try spawn(arguments, writingTo: FileDescriptor(owning: ends.writing), name)
    var output: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 4_096)
    reading: while true {
      switch try read(reading.number, into: &chunk, "read from \(name)") {
      case nil: _ = try wait(for: POLLIN, of: reading.number, milliseconds: -1)
      case 0: break reading
      case let count?: if output.count < mostOutput { output += chunk.prefix(count) }
      }
    }
    let status: Int32 =
      switch try ending(of: process, waits: true) {
      case .exit(let status): status
      case .signal(let number): 128 + number
      case nil: 0
      }
    return ProgramResult(status: status, output: String(decoding: output, as: UTF8.self))
  }

  /// Sends a signal to a process.
  static func signal(_ number: Int32, to process: Int32) throws(SystemError) {
    try perform("signal process \(process)") { Glibc.kill(process, number) }
  }

  private static func spawn(
    _ arguments: [String], writingTo output: consuming FileDescriptor, _ name: String
  ) throws(SystemError) -> pid_t {
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
