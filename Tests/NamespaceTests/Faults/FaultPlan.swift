import Glibc
import SystemProbes

@testable import OverlayIO

/// Faults of which threads take one after the other, each for a life, and what came of them.
///
/// `@unchecked Sendable`: everything that changes is touched with the mutex held alone.
final class FaultPlan: @unchecked Sendable {
  /// A fault: the call that fails first, how, and how many calls it lasts.
  struct Fault {
    let ordinal: Int
    let error: (name: String, number: Int32)
    let length: Int
  }

  private let makeLife: (TestNamespace) throws -> any FaultyLife
  private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
  private var faults: [Fault]
  /// How many lives there are to be.
  let total: Int
  /// How many lives there were with a fault, and how many of them ended by themselves.
  private(set) var count = 0
  private(set) var ended = 0
  /// How many of them there is something to complain of.
  private(set) var complained = 0
  /// What was not as it has to be.
  private(set) var failures: [String] = []
  /// The calls of a life without a fault.
  private(set) var cleanCalls: [String] = []

  /// A plan of these faults, in lives that begin in a namespace.
  init(_ faults: [Fault], of makeLife: @escaping (TestNamespace) throws -> any FaultyLife) {
    self.makeLife = makeLife
    self.faults = faults.reversed()
    total = faults.count
    pthread_mutex_init(mutex, nil)
  }

  deinit {
    pthread_mutex_destroy(mutex)
    mutex.deallocate()
  }

  /// Whether faults are left that nobody has taken.
  var isUnfinished: Bool { locked { !faults.isEmpty } }

  /// Takes faults in a namespace until none is left, or until a life does not end, which has the namespace then. The
  /// calling thread moves there.
  func live(in namespace: TestNamespace) throws {
    let place = "/run/netns/\(namespace.name)"
    let home = try SystemCall.open("/proc/thread-self/ns/net", O_RDONLY)
    let file = try SystemCall.open(place, O_RDONLY)
    try SystemCall.enterNetworkNamespace(file.number, path: place)
    defer { SystemCall.returnToNetworkNamespace(home.number) }
    let life = try makeLife(namespace)
    let clean = try life.run(under: FaultInjection(failing: 0, with: 0), descriptors: .max)
    locked {
      cleanCalls = clean.lived ? clean.calls : []
      failures += clean.complaints
      // There is nothing to compare lives with.
      if !clean.lived || !clean.ended { faults = [] }
    }
    while let fault = locked({ faults.popLast() }) {
      let injection = FaultInjection(failing: fault.ordinal, for: fault.length, with: fault.error.number) {
        PossibleErrors.include(fault.error.number, of: $0)
      }
      let outcome = try life.run(under: injection, descriptors: clean.descriptors)
      locked { note(outcome, of: fault) }
      if !outcome.ended { return }
    }
  }

  private func note(_ outcome: FaultOutcome, of fault: Fault) {
    count += 1
    if !outcome.lived { ended += 1 }
    defer {
      if count % 200 == 0 {
        print("\(count) of \(total) lives, \(complained) with complaints")
        // Whoever waits for many minutes sees at once that it goes on.
        fflush(nil)
      }
    }
    guard !outcome.complaints.isEmpty else { return }
    complained += 1
    let lines = ["\(fault.error.name) at call \(fault.ordinal) for \(fault.length): \(outcome.failed)"]
    failures += lines + outcome.complaints
  }

  private func locked<Result>(_ body: () -> Result) -> Result {
    pthread_mutex_lock(mutex)
    defer { pthread_mutex_unlock(mutex) }
    return body()
  }
}
