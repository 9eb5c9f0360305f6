extension Node {
  /// How long a circuit that is read in turns is left alone: little beside its round trip under load.
  public static let readingTurn = Duration.milliseconds(40)
  /// How many bytes end that early.
  public static let readingTurnBytes = 256 << 10
  /// The length from which on a TCP segment counts as bulk: a full one of any overlay's MTU, but no keystroke.
  static let bulkLength = 1_000

  /// Whether the circuit's socket is to be read in turns.
  public func readsInTurns(_ circuit: CircuitIdentifier) -> Bool {
    circuits.contains(circuit) && circuits[circuit].turns.areTaken
  }

  /// Whether it hardly matters that the packet, which was delivered, comes up to a turn late: it is TCP's bulk, which says
  /// nothing else, or an acknowledgement alone.
  static func canWait(_ packet: PacketView) -> Bool {
    guard let segment = TCPSegment(packet) else { return false }
    let isBulk = packet.count >= Node.bulkLength
    guard isBulk || segment.payloadSize == 0 else { return false }
    let meaningless = TCPHeader.Flag.congestionEcho | TCPHeader.Flag.congestionWindowReduced
    return segment.flags & ~(isBulk ? meaningless | TCPHeader.Flag.push : meaningless) == TCPHeader.Flag.acknowledgement
  }
}
