import OverlayCore
import SystemProbes

@testable import OverlayIO

/// What runs in a thread of its own in which system calls can be let fail.
protocol FaultyThread: AnyObject {
  /// The thread, once it has begun.
  var thread: SeparateThread? { get }
  /// The exit status; `nil` before the end, and where there was nothing to run.
  var status: Int32? { get }
  /// How many descriptors were open in the end that were not open before.
  var leaks: Int { get }
}

extension FaultyThread {
  /// Whether it has ended.
  var hasEnded: Bool { thread?.hasEnded ?? true }
  /// How many descriptors it has open.
  var openCount: Int { thread?.openCount ?? 0 }
}

extension FaultScene {
  /// How long an end may take. The kernel removes interfaces one after the other, those of all namespaces, and whoever
  /// closes one waits for that.
  private static let longestEnd = OverlayCore.Duration.seconds(30)

  /// Complains of descriptors of one who `lived` that a life without a fault does not have open.
  func judge(descriptors count: Int, atMost fewest: Int, lived: Bool) {
    if lived, count > fewest { complain("\(count) descriptors are open, and not \(fewest)") }
  }

  /// Waits for the end of one who was told to end, or had ended before that, and complains of how he does it. Returns
  /// whether he has ended: what a thread did that goes on may not be looked at.
  func judgeEnd(of run: some FaultyThread, lived: Bool) throws -> Bool {
    guard wait(FaultScene.longestEnd, orEnd: false, { run.hasEnded }) else {
      let place = run.thread?.place ?? "no thread"
      complain("it does not end within \(FaultScene.longestEnd.wholeSeconds) s: it waits in \(place)")
      return false
    }
    try run.thread?.join()
    if lived, run.status != 0 { complain("the exit status is \(run.status ?? -1)") }
    if run.leaks > 0 { complain("\(run.leaks) descriptors stay open behind it") }
    return true
  }
}
