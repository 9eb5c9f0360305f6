/// What is known of TCP flows that came on several circuits and are put in order, beside the counters `orderHeld` and
/// `orderGivenUp`.
public struct OrderStatus: Equatable, Sendable {
  /// The memory that packets take which wait for earlier ones, in bytes: 16 MiB at the most.
  public let heldBytes: Int
  /// The longest time that a packet has waited: a second at the most, and what the loop takes.
  public let longestHold: Duration
}
