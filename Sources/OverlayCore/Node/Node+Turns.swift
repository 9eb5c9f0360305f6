extension Node {
  /// How long a circuit that is read in turns is left alone.
  public static let readingTurn = Duration.seconds(ReadingTurns.length)
  /// How many bytes end that early.
  public static let readingTurnBytes = ReadingTurns.mostBytes
  /// The length from which on a TCP segment counts as bulk: a full one of any overlay's MTU, but no keystroke.
  private static let bulkLength = 1_000

  /// Whether the circuit's socket is to be read in turns.
  public func readsInTurns(_ circuit: CircuitIdentifier) -> Bool {
    circuits.contains(circuit) && circuits[circuit].turns.areTaken
  }

  /// Whether nobody notices that the packet, which was delivered, waits for a turn: it is TCP's bulk or nothing but an
  /// acknowledgement.
  static func canWait(_ packet: UnsafeMutableRawBufferPointer, _ header: IPv6Header) -> Bool {
    guard header.nextHeader == NextHeader.tcp else { return false }
    if packet.count >= Node.bulkLength { return true }
    guard let segment = TCPSegment(packet), segment.payloadSize == 0 else { return false }
    let ofCongestion = TCPHeader.Flag.congestionEcho | TCPHeader.Flag.congestionWindowReduced
    return segment.flags & ~ofCongestion == TCPHeader.Flag.acknowledgement
  }
}
