import Glibc
import OverlayCore
import SystemProbes
import Testing

@testable import OverlayIO

/// System calls of a whole life fail: what has to hold stands in `DaemonLife`, of a daemon, in `HelperLife`, of its
/// helper, and in `KeeperLife`, of Tor's keeper.
///
/// `make check` lets each kind of call fail where it is made first and last. `make faults` lets every call fail, with
/// each error that it can have, once and for a while.
@Suite("A process one of whose system calls fails", .timeLimit(.minutes(60)))
struct RunFaultTests {
  /// How many calls a fault lasts that is more than a moment.
  private static let aWhile = 12
  /// How many lives of a kind there are at the same time: they mostly wait.
  private static let workers = 12

  private let isWhole = SystemCall.variable("ONCILLA_FAULTS") == "all"

  @Test("A daemon goes on or ends with the reason, loses no descriptor, and carries whole packets in order after that")
  func wholeLives() throws { try sweep { try DaemonLife(.trusting, in: $0) } }

  @Test("So does one that carries Ethernet, lets in what a rule says, and has everybody prove who he is")
  func guardedLives() throws { try sweep { try DaemonLife(.guarded, in: $0) } }

  @Test("A helper goes on, answers each request with its answer, and leaves no descriptor, program or half a file")
  func helpers() throws { try sweep { try HelperLife(failing: .helper, in: $0) } }

  @Test("Whoever asks a helper gets each answer to his request, and lets nothing run on of which he was not told")
  func askers() throws { try sweep { try HelperLife(failing: .asking, in: $0) } }

  @Test("Tor's keeper goes on or tells the reason, loses no descriptor, and Tor has all again that it is to have")
  func keepers() throws { try sweep { _ in try KeeperLife() } }

  private func sweep(_ makeLife: @escaping (TestNamespace) throws -> any FaultyLife) throws {
    let clean = FaultPlan([], of: makeLife)
    try clean.live(in: TestNamespace())
    let calls = clean.cleanCalls
    #expect(!calls.isEmpty && clean.failures.isEmpty, "without a fault: \(clean.failures.joined(separator: "\n"))")
    let plan = FaultPlan(isWhole ? everyFault(in: calls) : fewFaults(in: calls), of: makeLife)
    var workers = try (0..<RunFaultTests.workers).map { _ in try worker(of: plan) }
    while !workers.isEmpty {
      try workers.removeFirst().join()
      if plan.isUnfinished { workers.append(try worker(of: plan)) }
    }
    print("\(plan.count) lives with a fault; \(plan.ended) ended by themselves, \(plan.complained) with complaints")
    #expect(plan.count == plan.total, "lives were left out")
    #expect(plan.failures.isEmpty, "\(plan.failures.joined(separator: "\n"))")
  }

  private func worker(of plan: FaultPlan) throws -> SeparateThread {
    // A thread without the descriptors of the others can start no program that makes one.
    let namespace = try TestNamespace()
    return try SeparateThread { try plan.live(in: namespace) }
  }

  private func everyFault(in calls: [String]) -> [FaultPlan.Fault] {
    calls.enumerated().flatMap { index, call in
      PossibleErrors.tried.filter { PossibleErrors.include($0.number, of: call) }.flatMap { error in
        [1, RunFaultTests.aWhile].map { FaultPlan.Fault(ordinal: index + 1, error: error, length: $0) }
      }
    }
  }

  /// Each kind of call at its first time and at its last, with another error and another length each. A call that a
  /// signal interrupts is made again in one place.
  private func fewFaults(in calls: [String]) -> [FaultPlan.Fault] {
    var faults: [FaultPlan.Fault] = []
    for (kind, places) in Dictionary(grouping: calls.indices, by: { calls[$0].prefix { $0 != "/" } }) {
      let errors = PossibleErrors.tried.filter { error in
        error.number != EINTR && PossibleErrors.include(error.number, of: "\(kind)")
      }
      guard let one = errors.first, let other = errors.last, let first = places.first, let last = places.last else {
        continue
      }
      faults.append(FaultPlan.Fault(ordinal: first + 1, error: one, length: 1))
      faults.append(FaultPlan.Fault(ordinal: last + 1, error: other, length: RunFaultTests.aWhile))
    }
    return faults
  }
}
