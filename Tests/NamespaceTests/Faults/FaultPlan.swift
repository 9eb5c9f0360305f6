import Glibc
import SystemProbes

@testable import OverlayIO

/// Faults of which threads take one after the other, each for a life of a daemon, and what came of them.
///
/// `@unchecked Sendable`: everything that changes is touched with the mutex held alone.
final class FaultPlan: @unchecked Sendable {
  /// A fault: the call that fails first, how, and how many calls it lasts.
  struct Fault {
    let ordinal: Int
    let error: (name: String, number: Int32)
    let length: Int
  }

  private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
  private var faults: [Fault]
  /// How many lives there were with a fault, and how many of them ended by themselves.
  private(set) var count = 0
  private(set) var ended = 0
  /// What was not as it has to be.
  private(set) var failures: [String] = []
  /// The calls of a life without a fault.
  private(set) var cleanCalls: [String] = []

  /// A plan of these faults.
  init(_ faults: [Fault]) {
    self.faults = faults.reversed()
    pthread_mutex_init(mutex, nil)
  }

  deinit {
    pthread_mutex_destroy(mutex)
    mutex.deallocate()
  }

  /// Takes faults in a namespace until none is left. The calling thread moves there.
  func live(in namespace: TestNamespace) throws {
    let place = "/run/netns/\(namespace.name)"
    let home = try SystemCall.open("/proc/thread-self/ns/net", O_RDONLY)
    let file = try SystemCall.open(place, O_RDONLY)
    try SystemCall.enterNetworkNamespace(file.number, path: place)
    defer { SystemCall.returnToNetworkNamespace(home.number) }
    let life = try FaultyRun(in: namespace)
    let clean = try life.run(under: FaultInjection(failing: 0, with: 0))
    locked {
      cleanCalls = clean.lived ? clean.calls : []
      failures += clean.complaints
    }
    while let fault = locked({ faults.popLast() }) {
      let injection = FaultInjection(failing: fault.ordinal, for: fault.length, with: fault.error.number) {
        PossibleErrors.include(fault.error.number, of: $0)
      }
      let outcome = try life.run(under: injection, descriptors: clean.descriptors)
      locked { note(outcome, of: fault) }
    }
  }

  private func note(_ outcome: FaultyRun.Outcome, of fault: Fault) {
    count += 1
    if !outcome.lived { ended += 1 }
    guard !outcome.complaints.isEmpty else { return }
    let lines = ["\(fault.error.name) at call \(fault.ordinal) for \(fault.length): \(outcome.failed)"]
    failures += lines + outcome.complaints
  }

  private func locked<Result>(_ body: () -> Result) -> Result {
    pthread_mutex_lock(mutex)
    defer { pthread_mutex_unlock(mutex) }
    return body()
  }
}
