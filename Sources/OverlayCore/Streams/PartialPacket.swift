/// A packet of which only a part has come, and for how long that is so: who never ends a packet keeps memory for it
/// (`Streams.packetTimeout`).
///
/// A pause that a ceiling makes in the reading of a circuit does not count, if the circuit then brings as much as it
/// could not bring meanwhile. If it brings little, it was not the pause that kept it: a byte for each turn would keep a
/// packet for ever.
struct PartialPacket {
  /// The least number of bytes of a read after a pause with which the pause does not count: less than a turn has
  /// (`RateGate`).
  static let leastRead = 1_024

  /// The time at which it began to come, or would have begun without the pauses; `nil` if there is none.
  private(set) var began: Instant?
  // The time since which the circuit is not read.
  private var pausedSince: Instant?
  // The length of the pause that is over, until the read after it.
  private var pause = Duration.zero

  /// Whether the circuit is not read now, or was not read yet since.
  var isHeldBack: Bool { pausedSince != nil || pause > .zero }

  /// Notes that the circuit is read no more for a while.
  mutating func pauses(at now: Instant) {
    if pausedSince == nil { pausedSince = now }
  }

  /// Notes that the circuit may be read again.
  mutating func goesOn(at now: Instant) {
    guard let since = pausedSince else { return }
    pausedSince = nil
    pause += now - since
  }

  /// Notes a read of `count` bytes, with which a packet became whole if `isNewPacket` says so; `isWithin` says whether
  /// a part of one has come. It returns whether another packet has begun.
  mutating func noteRead(of count: Int, isNewPacket: Bool, isWithin: Bool, at now: Instant) -> Bool {
    let pause = pause
    self.pause = .zero
    guard isWithin else {
      began = nil
      return false
    }
    guard !isNewPacket, let began else {
      began = now
      return true
    }
    if count >= PartialPacket.leastRead { self.began = began + pause }
    return false
  }
}
