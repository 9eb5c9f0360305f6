import Glibc
import OverlayCore
import SystemProbes

@testable import OverlayIO

/// A helper in a thread, from its start to its end, in a network namespace; it shares nothing with whoever asks it but
/// the channels.
///
/// `@unchecked Sendable`: what the helper's thread writes is read once it has ended.
final class HelperRun: FaultyThread, @unchecked Sendable {
  private(set) var thread: SeparateThread?
  /// The ends of the channels of those who ask, until these end.
  private(set) var pump: RoomChannel?
  private(set) var torKeeper: RoomChannel?
  /// Whether somebody who asks has found a channel at its end.
  var isCut = false
  /// The exit status.
  private(set) var status: Int32?
  /// How many descriptors were open that were not open before, the channels left out.
  private(set) var leaks = 0

  /// Starts a helper that reads its configuration from `source`.
  init(_ source: ConfigurationSource, in namespace: String, under injection: FaultInjection) throws {
    let (pumps, keepers) = (try SystemCall.channel(), try SystemCall.channel())
    let (pumpsOther, keepersOther) = (pumps.other, keepers.other)
    defer { for end in [pumpsOther, keepersOther] { SystemCall.close(end) } }
    pump = HelperRun.channel(pumps.own)
    torKeeper = HelperRun.channel(keepers.own)
    let place = "/run/netns/\(namespace)"
    thread = try SeparateThread(handing: [pumpsOther, keepersOther]) { [self] in
      let file = try SystemCall.open(place, O_RDONLY)
      try SystemCall.enterNetworkNamespace(file.number, path: place)
      let before = openDescriptors()
      injection.run { status = RoomHelper.serve(source) }
      leaks = openDescriptors().subtracting(before).count
    }
  }

  /// A channel whose reader does not wait for ever: a helper that hangs is found out.
  private static func channel(_ end: Int32) -> RoomChannel {
    var patience = timeval(tv_sec: 20, tv_usec: 0)
    setsockopt(end, SOL_SOCKET, SO_RCVTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
    return RoomChannel(owning: FileDescriptor(owning: end))
  }

  /// How many programs it has started that nobody knows the end of.
  var childCount: Int { get throws { try thread?.childCount ?? 0 } }

  /// Lets the process end that speaks with Tor's control port.
  func endTorKeeper() { torKeeper = nil }

  /// Lets the daemon end.
  func endPump() { pump = nil }
}
