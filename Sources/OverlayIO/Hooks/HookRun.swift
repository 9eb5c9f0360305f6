import OverlayCore

/// A hook that runs. It is killed with the run, and when its time is over.
final class HookRun {
  /// How a run ended.
  enum Outcome: Equatable {
    /// The program ended by itself.
    case ended(SystemCall.Ending)
    /// It was killed because its time was over.
    case killed
  }

  /// What ran, and why.
  let hook: Hook
  /// The event.
  let occasion: HookOccasion

  private let starter: any HookStarter
  private let process: Int32
  private let watch: EventSource<FileDescriptor>
  private var pipe: EventSource<FileDescriptor>?
  private var timer: TimerSource?
  private var output = HookOutput()
  private var isOver = false
  private let write: (String) -> Void
  private let ended: (HookRun, Outcome) -> Void

  /// Starts a hook, which may run for so long. `write` gets the lines that it writes, and `ended` is called once.
  init(
    _ hook: Hook, for occasion: HookOccasion, by starter: any HookStarter, within limit: Duration,
    on loop: EventLoop, write: @escaping (String) -> Void, ended: @escaping (HookRun, Outcome) -> Void
  ) throws(SystemError) {
    self.hook = hook
    self.occasion = occasion
    self.starter = starter
    self.write = write
    self.ended = ended
    let started = try starter.start(hook, for: occasion)
    process = started.process
    let sources = started.watched(on: loop)
    watch = sources.watch
    let source = sources.output
    pipe = source
    // Where this fails, `deinit` ends the process.
    timer = try TimerSource(on: loop) { [unowned self] in finish(.killed) }
    source.handle(.readable) { [unowned self] in _ = read() }
    source.start(.readable)
    watch.handle(.readable) { [unowned self] in look() }
    watch.start(.readable)
    timer?.start(after: limit)
  }

  deinit {
    if !isOver { starter.end(process) }
  }

  private func look() {
    guard !isOver, let ending = (try? starter.ending(of: process)) ?? nil else { return }
    isOver = true
    finish(.ended(ending))
  }

  private func finish(_ outcome: Outcome) {
    timer = nil
    if !isOver {
      isOver = true
      starter.end(process)
    }
    // What a program that it left behind writes later is not waited for.
    while pipe != nil, read() {}
    pipe = nil
    if let line = output.finish() { write(line) }
    ended(self, outcome)
  }

  /// Reads what there is, and returns whether there may be more.
  private func read() -> Bool {
    guard let pipe else { return false }
    var lines: [String] = []
    let count = withUnsafeTemporaryAllocation(byteCount: 1 << 14, alignment: 8) { buffer in
      let count = (try? SystemCall.read(pipe.file.number, into: buffer)) ?? nil
      if let count { lines = output.take(UnsafeRawBufferPointer(rebasing: buffer[..<count])) }
      return count
    }
    for line in lines { write(line) }
    if count == 0 || output.isFull { self.pipe = nil }
    return count.map { $0 > 0 } ?? false
  }
}
