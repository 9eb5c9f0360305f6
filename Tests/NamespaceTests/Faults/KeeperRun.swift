import Glibc
import OverlayCore
import SystemProbes

@testable import OverlayIO

/// Tor's keeper in a thread, from its start to its end, and what it tells the daemon. It gives up no rights, which
/// would be those of the whole test.
///
/// `@unchecked Sendable`: what the keeper's thread writes is read once it has ended.
final class KeeperRun: FaultyThread, @unchecked Sendable {
  private(set) var thread: SeparateThread?
  private var end: FileDescriptor?
  /// What is known of Tor by what was told.
  private(set) var state = TorState.initial
  /// The names that were told.
  private(set) var names: [OnionName] = []
  /// Why it cannot go on.
  private(set) var failure: String?
  /// The lines of the log.
  private(set) var lines: [String] = []
  /// What was wrong with what was told.
  private(set) var complaints: [String] = []
  /// The exit status.
  private(set) var status: Int32?
  /// How many descriptors were open that were not open before, the channel left out.
  private(set) var leaks = 0

  /// Starts a keeper that reads its configuration from `source`.
  init(_ source: ConfigurationSource, under injection: FaultInjection) throws {
    let ends = try SystemCall.channel()
    let other = FileDescriptor(owning: ends.other)
    end = FileDescriptor(owning: ends.own)
    thread = try SeparateThread(handing: [other.number]) { [self] in
      let before = openDescriptors()
      injection.run { status = TorKeeper.serve(source) { _, _ in true } }
      leaks = openDescriptors().subtracting(before).count
    }
    _ = consume other
    try SystemCall.refuseToWait(ends.own)
  }

  /// Asks for something.
  func ask(_ request: TorRequest) {
    if let number = end?.number, let bytes = request.message.bytes { try? SystemCall.send(number, bytes, with: []) }
  }

  /// Takes what was told.
  func step() {
    while let number = end?.number,
      let message = (try? SystemCall.receive(number, limit: RoomMessage.mostBytes)) ?? nil
    {
      if message.bytes.isEmpty { return }
      guard let report = RoomMessage(message.bytes).flatMap({ TorReport($0) }) else {
        complaints.append("what is no report came")
        continue
      }
      switch report {
      case .found(let new):
        if !names.isEmpty { complaints.append("the names were told again") }
        names = new
      case .failed(let reason, _): failure = reason
      case .line(let level, let text): lines.append("\(level.name): \(text)")
      case .link, .progress, .publication, .keyed: state.take(report)
      case .changed: break
      }
    }
  }

  /// Lets the daemon end.
  func endDaemon() { end = nil }
}
