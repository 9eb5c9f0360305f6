/// Who starts the programs of hooks: this process, or one that has kept rights which this one gave up.
protocol HookStarter: AnyObject {
  /// Throws if the program cannot be run, or if somebody could replace it who has fewer rights than the daemon.
  func check(_ hook: Hook) throws(HookError)
  /// Starts the program.
  func start(_ hook: Hook, for occasion: HookOccasion) throws(SystemError) -> StartedHook
  /// How a program ended that was started here, after which its number means nothing; `nil` if it runs.
  func ending(of process: Int32) throws(SystemError) -> SystemCall.Ending?
  /// Ends a program that was started here, and whoever else is in its group of processes.
  func end(_ process: Int32)
}

/// A program that runs.
struct StartedHook: ~Copyable {
  /// The number of its process.
  let process: Int32
  /// Readable once it has ended.
  let watch: FileDescriptor
  /// What it writes.
  let output: FileDescriptor

  /// Both descriptors as sources of events.
  consuming func watched(
    on loop: EventLoop
  ) -> (watch: EventSource<FileDescriptor>, output: EventSource<FileDescriptor>) {
    (EventSource(watch, on: loop), EventSource(output, on: loop))
  }
}

/// Starts them from this process, with the rights that it has.
final class OwnHookStarter: HookStarter {
  /// Throws if the program cannot be run, or if somebody else could replace it.
  func check(_ hook: Hook) throws(HookError) { try hook.check() }

  /// Starts the program.
  func start(_ hook: Hook, for occasion: HookOccasion) throws(SystemError) -> StartedHook {
    let ends = try SystemCall.pipe()
    let output = FileDescriptor(owning: ends.reading)
    let writing = FileDescriptor(owning: ends.writing)
    let process = try SystemCall.start(hook.path, environment: occasion.environment, output: writing.number)
    // It is open until here.
    _ = consume writing
    do throws(SystemError) {
      return StartedHook(process: process, watch: try SystemCall.watchProcess(process), output: output)
    } catch {
      end(process)
      throw error
    }
  }

  /// How a program ended.
  func ending(of process: Int32) throws(SystemError) -> SystemCall.Ending? { try SystemCall.ending(of: process) }

  /// Ends a program.
  func end(_ process: Int32) {
    SystemCall.killGroup(of: process)
    // It is gone at once; without the call it would stay as a zombie.
    _ = try? SystemCall.ending(of: process, waits: true)
  }
}
