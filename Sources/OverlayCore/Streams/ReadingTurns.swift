/// Decides whether what a circuit brings is read as it comes or in turns: at once, all that has come meanwhile, as network
/// interfaces moderate their interrupts.
///
/// Bulk comes through Tor in pieces of some kilobytes, and TCP acknowledges each. Every acknowledgement takes a whole cell
/// of another circuit, and hundreds of them in a second slow down the flow that they are about. Turns make few of them.
/// Nobody is to wait for what a turn delays: they are taken on a circuit that brings nothing but TCP's bulk, and once its
/// rate grows no more, as the first seconds of a flow need every answer soon.
struct ReadingTurns {
  /// How long a measurement lasts: longer than the lulls of a Tor circuit.
  private static let window = Duration.seconds(1)
  /// The rates at which turns are taken, in bytes per second: below, a turn has nothing to save; above, it is not Tor.
  private static let rates = 500_000.0...12_500_000
  /// How much a rate may exceed the one before it without being called growth.
  private static let tolerance = 1.25

  private var windowStart: Instant?
  private var windowBytes = 0
  private var lastRate = 0.0

  /// Whether the circuit is to be read in turns.
  private(set) var areTaken = false

  /// A read brought so many bytes of bulk; none is told of while turns are taken, too. `isBulk`: no packet in it has to be
  /// delivered soon.
  mutating func took(_ bytes: Int, isBulk: Bool, at now: Instant) {
    guard isBulk else {
      self = ReadingTurns()
      return
    }
    guard let start = windowStart else {
      windowStart = now
      return
    }
    windowBytes += bytes
    let elapsed = now - start
    guard elapsed >= ReadingTurns.window else { return }
    let rate = Double(windowBytes) / elapsed.seconds
    areTaken = ReadingTurns.rates.contains(rate) && (areTaken || rate <= lastRate * ReadingTurns.tolerance)
    lastRate = rate
    windowStart = now
    windowBytes = 0
  }
}
