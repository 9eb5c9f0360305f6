import Glibc

@testable import OverlayIO

/// A life of something in a thread of its own, from its start to its end, in which system calls can be let fail. What
/// it has to do in its life is tried until it works: the fault ends by itself.
protocol FaultyLife {
  /// One life. `fewest` is how many descriptors one without a fault has open in the end.
  func run(under injection: FaultInjection, descriptors fewest: Int) throws -> FaultOutcome
}

/// What came of a life.
struct FaultOutcome {
  /// The calls, and those that failed.
  let calls: [String]
  let failed: [String]
  /// Whether it lasted until it was told to end.
  let lived: Bool
  /// Whether it ended in time. The one that did not has the namespace, for as long as it stands.
  let ended: Bool
  /// What was not as it has to be.
  let complaints: [String]
  /// The descriptors that were open before it was told to end, those of circuits left out.
  let descriptors: Int

  /// What came of a life under `injection`, with the `lines` that tell more of what is complained of.
  init(
    of injection: FaultInjection, lived: Bool, ended: Bool, complaints: [String], lines: [String], descriptors: Int
  ) {
    // The calls of a thread that goes on are its own.
    (calls, failed) = ended ? (injection.calls, injection.failed) : ([], [])
    (self.lived, self.ended, self.descriptors) = (lived, ended, descriptors)
    self.complaints = complaints.isEmpty ? [] : complaints + lines.map { "  " + $0 }
  }
}

extension FaultInjection {
  /// Whether a process takes a channel for gone at whose other end there is somebody.
  var hasCutChannel: Bool {
    (number == ECONNRESET || number == EPIPE) && failed.contains { $0.hasSuffix(" a message") }
  }
}
