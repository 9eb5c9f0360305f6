/// Read coalescing decides whether a circuit is read as its bytes come, or in pauses: all that has come meanwhile at
/// once, as network interfaces moderate their interrupts.
///
/// Bulk comes through Tor in pieces of some kilobytes, and TCP acknowledges each. Every acknowledgement takes a whole
/// cell of another circuit, and hundreds of them in a second slow down the flow that they are about. Coalescing makes
/// few of them. Nobody is to wait for what it delays. So only a circuit is coalesced that brings nothing but TCP's
/// bulk, and only once its rate grows no more, as the first seconds of a flow need every answer soon.
public struct ReadCoalescing {
  /// How long a coalesced circuit is left alone: little beside its round trip under load.
  public static let pause = Duration.milliseconds(40)
  /// The number of bytes that end a pause early.
  public static let pauseBytes = 256 << 10
  /// The length in bytes from which on a TCP segment counts as bulk: a full one of any overlay's MTU, but no keystroke.
  static let bulkLength = 1_000

  /// How long a measurement lasts: longer than the lulls of a Tor circuit.
  private static let window = Duration.seconds(1)
  /// The rates at which it pays, in bytes per second: below, a pause has nothing to save; above, it is not Tor.
  private static let rates = 500_000.0...12_500_000
  /// How much a rate may exceed the one before it without being called growth.
  private static let tolerance = 1.25

  private var windowStart: Instant?
  private var windowBytes = 0
  private var lastRate = 0.0

  /// Whether the circuit is to be read in pauses.
  private(set) var isActive = false

  /// A summary of the packets that one read brought.
  struct Sample {
    /// Whether every packet may come late.
    var isBulkAlone = true
    /// The number of bytes of bulk. Acknowledgements without data do not count, because a fast flow in the other
    /// direction waits for them.
    var bulkBytes = 0

    /// Counts a packet that was delivered.
    mutating func note(_ packet: PacketView) {
      if !ReadCoalescing.canWait(packet) { isBulkAlone = false }
      if !packet.isIPv4, packet.bytes.count >= ReadCoalescing.bulkLength { bulkBytes += packet.bytes.count }
    }
  }

  /// Takes the summary of a read into account.
  mutating func note(_ sample: Sample, at now: Instant) {
    guard sample.isBulkAlone else {
      self = ReadCoalescing()
      return
    }
    guard let start = windowStart else {
      windowStart = now
      return
    }
    windowBytes += sample.bulkBytes
    let elapsed = now - start
    guard elapsed >= ReadCoalescing.window else { return }
    let rate = Double(windowBytes) / elapsed.seconds
    isActive = ReadCoalescing.rates.contains(rate) && (isActive || rate <= lastRate * ReadCoalescing.tolerance)
    lastRate = rate
    windowStart = now
    windowBytes = 0
  }

  /// Returns whether a delay of this delivered packet hardly matters: it is TCP bulk that says nothing else, or an
  /// acknowledgement without data.
  private static func canWait(_ packet: PacketView) -> Bool {
    guard !packet.isIPv4, packet.nextHeader == NextHeader.tcp, let segment = TCPSegment(packet) else { return false }
    let isBulk = packet.bytes.count >= bulkLength
    guard isBulk || segment.payloadSize == 0 else { return false }
    let meaningless = TCPHeader.Flag.congestionEcho | TCPHeader.Flag.congestionWindowReduced
    return segment.flags & ~(isBulk ? meaningless | TCPHeader.Flag.push : meaningless) == TCPHeader.Flag.acknowledgement
  }
}
