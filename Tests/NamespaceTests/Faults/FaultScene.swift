import Glibc
import OverlayCore

@testable import OverlayIO

/// What a test waits for while a thread runs under a fault, and what is played around it goes on.
final class FaultScene {
  // No peer is dialled more than three times in thirty seconds: what a fault took of that is missing later.
  private static let patience = OverlayCore.Duration.seconds(50)
  /// How long an answer may take before it is asked for anew.
  private static let askingInterval = OverlayCore.Duration.milliseconds(700)

  private let hasEnded: () -> Bool
  private let step: () -> Void
  /// What was not as it has to be.
  var complaints: [String] = []
  /// What else goes on.
  var each: () -> Void = {}

  /// A scene of a thread that may have ended; `step` lets go on what is played.
  init(hasEnded: @escaping () -> Bool, step: @escaping () -> Void = {}) {
    (self.hasEnded, self.step) = (hasEnded, step)
  }

  func complain(_ complaint: String) { complaints.append(complaint) }

  /// Waits until `condition` holds; whether it did before this time was over, or the daemon had ended.
  @discardableResult
  func wait(_ time: OverlayCore.Duration, orEnd: Bool = true, _ condition: () -> Bool) -> Bool {
    let end = SystemCall.now + time
    while true {
      step()
      each()
      if condition() { return true }
      if SystemCall.now > end || orEnd && hasEnded() { return false }
      usleep(1_000)
    }
  }

  /// Waits for what has to come unless the thread ends.
  func until(_ what: String, _ condition: () -> Bool) -> Bool {
    until(what, every: FaultScene.patience, {}, condition)
  }

  /// The same, and does `act` every so often.
  func until(
    _ what: String, every interval: OverlayCore.Duration, _ act: () -> Void, _ condition: () -> Bool
  ) -> Bool {
    let end = SystemCall.now + FaultScene.patience
    while SystemCall.now < end, !hasEnded() {
      act()
      if wait(min(interval, FaultScene.patience), condition) { return true }
    }
    if !hasEnded() { complain("waited in vain for \(what)") }
    return false
  }

  /// Asks until there is such an answer.
  func exchange(
    _ what: String, at address: SocketAddress, _ type: __socket_type, _ question: [UInt8],
    _ isAnswer: ([UInt8]) -> Bool
  ) -> Bool {
    var (socket, answer) = (nil as PlainSocket?, [UInt8]())
    return until(
      what, every: FaultScene.askingInterval,
      {
        socket = PlainSocket(address, type, isBound: false)
        socket?.write(question)
        answer = []
      },
      {
        answer += socket?.read() ?? []
        return isAnswer(answer)
      })
  }
}
