import Testing

@testable import OverlayIO

/// What came of an act each of whose system calls failed once, in the order of the calls: `call -> outcome`, where the
/// outcome is the error that the act ended with, or `done`. Runs on a thread of its own. Each time no descriptor may be
/// left open that was not open before, and `holds` has to be true.
package func outcomesOfFaults(
  _ number: Int32, sourceLocation: SourceLocation = #_sourceLocation, holds: @escaping () -> Bool = { true },
  in act: @escaping () throws -> Void
) throws -> [String] {
  var outcomes: [String] = []
  var (leaks, breaches): ([String], [String]) = ([], [])
  try onSeparateThread {
    while true {
      let before = openDescriptors()
      var outcome = "done"
      let ordinal = outcomes.count + 1
      let calls = FaultInjection.run(failing: ordinal, with: number) {
        do { try act() } catch { outcome = "\(error)" }
      }
      // The last of all calls was made before this ordinal.
      guard calls.count >= ordinal else {
        if outcome != "done" { outcomes.append("nothing -> \(outcome)") }
        return
      }
      outcomes.append("\(calls[ordinal - 1]) -> \(outcome)")
      if openDescriptors() != before { leaks.append(calls[ordinal - 1]) }
      if !holds() { breaches.append(calls[ordinal - 1]) }
    }
  }
  #expect(leaks.isEmpty, "descriptors stay open where these calls fail", sourceLocation: sourceLocation)
  #expect(breaches.isEmpty, "what has to hold does not where these calls fail", sourceLocation: sourceLocation)
  return outcomes
}

/// What `outcomesOfFaults` tells of a call that fails with EIO and is named so by an error: nothing but the call and
/// why.
package func refused(_ call: String) -> String { "\(call) -> \(call): Input/output error" }

/// What `outcomesOfFaults` tells of a call without which the act goes on.
package func dispensable(_ call: String) -> String { "\(call) -> done" }
