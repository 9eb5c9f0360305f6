/// The operator's settings of the door.
public struct DoorPolicy: Equatable, Sendable {
  /// What the sender of a packet that is refused hears.
  public enum Refusal: String, CaseIterable, Sendable {
    /// The ICMP error "administratively prohibited", at a limited rate.
    case icmp
    /// Nothing.
    case silent
  }

  /// What is let in beside pings and answers, at most `DoorRule.limit` rules.
  public var rules: [DoorRule]
  /// What the sender of a refused packet hears.
  public var refusal: Refusal
  /// The petnames by which a rule of the operator's can name peers. Those that were added while the daemon runs, and
  /// that no file has, are none: a rule that names them would be wrong at the next start.
  public var petnames: [IPv6Address: Petname]

  /// Makes a policy. Without rules the door is closed.
  public init(rules: [DoorRule] = [], refusal: Refusal = .icmp, petnames: [IPv6Address: Petname] = [:]) {
    self.rules = rules
    self.refusal = refusal
    self.petnames = petnames
  }

  /// The door that lets everything in.
  public static let open = DoorPolicy(rules: [DoorRule(.any)])
}

/// The door at one time.
public struct DoorStatus: Sendable {
  /// The rules with the number of packets that each has let in, in the operator's order.
  public let rules: [(rule: DoorRule, packets: UInt64)]
  /// What the sender of a refused packet hears.
  public let refusal: DoorPolicy.Refusal
  /// The number of flows that this side began and whose answers are let in.
  public let flows: Int
}
