/// A rule of the door: what strangers, or some peers alone, may begin with this host and with what is behind it.
public struct DoorRule: Hashable, Sendable {
  /// What is let in.
  public enum Subject: Hashable, Sendable {
    /// Everything, fragments and protocols without ports included.
    case any
    /// What goes to one of these ports.
    case ports(Transport, ClosedRange<UInt16>)
  }

  /// A protocol that has ports.
  public enum Transport: String, CaseIterable, Sendable {
    /// TCP (RFC 9293).
    case tcp
    /// UDP (RFC 768).
    case udp
  }

  /// The greatest number of rules of a door.
  public static let limit = 256

  /// What is let in.
  public let subject: Subject
  /// The overlay addresses of the peers that are let in; `nil` for everybody. What is behind a peer comes from it.
  public let callers: [IPv6Address]?
  /// What the operator calls them, in the same order.
  private let names: [String]

  /// Makes a rule. `names` are what the operator calls the peers; without them their addresses stand for them.
  public init(_ subject: Subject, from callers: [IPv6Address]? = nil, called names: [String]? = nil) {
    self.subject = subject
    self.callers = callers
    self.names = names ?? callers?.map { "\($0)" } ?? []
  }
}

extension DoorRule.Subject {
  /// Returns whether packets to a port are let in.
  public func covers(_ port: UInt16, _ transport: DoorRule.Transport) -> Bool {
    switch self {
    case .any: true
    case .ports(let own, let ports): own == transport && ports.contains(port)
    }
  }
}

extension DoorRule.Subject: CustomStringConvertible {
  /// The subject as a rule writes it: `tcp/22`, `udp/6000-6010`, `any`.
  public var description: String {
    switch self {
    case .any: "any"
    case .ports(let transport, let ports):
      "\(transport.rawValue)/\(ports.lowerBound)" + (ports.count == 1 ? "" : "-\(ports.upperBound)")
    }
  }
}

extension DoorRule: CustomStringConvertible {
  /// The rule as it is written.
  public var description: String { callers == nil ? "\(subject)" : "\(subject) from \(names.joined(separator: ","))" }
}

/// A rule as it is written: `tcp/22`, `udp/5060 from alice,bob`, `any from alice`, `any`.
public struct WrittenDoorRule: Equatable, Sendable {
  /// What is let in.
  public let subject: DoorRule.Subject
  /// What the peers that are let in are called: petnames, overlay addresses or onion names; `nil` for everybody.
  public let callers: [String]?

  /// Reads a rule. Blanks around its words and after its commas are passed over.
  public init(_ text: some StringProtocol) throws(DoorRuleError) {
    let words = text.split(whereSeparator: \.isWhitespace)
    guard let first = words.first else { throw .subject("") }
    subject = try WrittenDoorRule.subject(first.lowercasedASCII)
    guard words.count > 1 else {
      callers = nil
      return
    }
    guard words[1].lowercasedASCII == "from" else { throw .word(String(words[1])) }
    let callers = words.dropFirst(2).joined().split(separator: ",", omittingEmptySubsequences: false).map(String.init)
    guard !callers.isEmpty, !callers.contains("") else { throw .callers }
    self.callers = callers
  }

  private static func subject(_ text: String) throws(DoorRuleError) -> DoorRule.Subject {
    if text == "any" { return .any }
    let parts = text.split(separator: "/", omittingEmptySubsequences: false)
    guard parts.count == 2, let transport = DoorRule.Transport(rawValue: String(parts[0])) else {
      throw .subject(text)
    }
    let ends = parts[1].split(separator: "-", omittingEmptySubsequences: false)
    guard (1...2).contains(ends.count), let first = UInt16(decimal: ends[0]),
      let last = UInt16(decimal: ends.last ?? ""),
      first > 0, first <= last
    else { throw .ports(String(parts[1])) }
    return .ports(transport, first...last)
  }
}

/// What is wrong with a written rule, and what is accepted.
public enum DoorRuleError: Error, Equatable, Sendable, CustomStringConvertible {
  /// What is let in is none of what is accepted.
  case subject(String)
  /// What follows the slash is neither a port nor a range of ports.
  case ports(String)
  /// What follows the subject is not `from`.
  case word(String)
  /// A name is missing after `from`, or between two commas.
  case callers

  /// One line for the operator.
  public var description: String {
    switch self {
    case .subject(let text):
      "'\(text)' is none of what a rule lets in: tcp/PORT, udp/PORT, a range such as tcp/6000-6010, or any is accepted"
        + (["ping", "icmp", "icmpv6"].contains(text) ? "; pings are let in without a rule" : "")
    case .ports(let text): "'\(text)' is no port: 1 to 65535 is accepted, or a range such as 6000-6010"
    case .word(let text): "'\(text)' is not understood: 'from NAME[,NAME]' is accepted after what is let in"
    case .callers: "after 'from' the names of peers are accepted, with commas between them"
    }
  }
}
