/// The learned names of a daemon as they stand in its state directory, one a line:
///
///     # identity, name, source, reached or told, expiry in seconds since 1970, check
///
///     fd87:d87e:eb43:5b1f:3f7e:d46d:fe89:9b03 657g75…itgyd.onion lookup reached 1767225600 5c0f1a2b
///
/// What a name's identity is stands in each line, so that no damage gives it to another. The check is the beginning of
/// SHA3-256 of the fields before it, with a blank between two of them. A damaged line is left out.
///
/// Of names that somebody claimed to have, and that nobody here asked for or reached, none is written: whoever calls
/// would else write on the disk. Nor is it written who told a name.
public enum NameFile {
  /// The greatest number of names that are taken from a file.
  static let mostNames = 100_000
  /// The greatest number of bytes that are read of a file: enough for so many lines of 200 bytes.
  public static let mostBytes = 20 << 20

  /// Reads a file whose whole content is `bytes`, calls `take` with each name, and returns the number of damaged lines.
  public static func read(_ bytes: [UInt8], _ take: (RememberedName) -> Void) -> Int {
    var count = 0
    let problems = LineProblems(reading: bytes) { (fields) throws(NameLineError) in
      let name = try name(in: fields)
      guard count < mostNames else { throw .excess }
      count += 1
      take(name)
    }
    return problems.count
  }

  /// The file's content for these names, each of them to be read again.
  public static func text(of all: [RememberedNames]) -> String {
    var text = "# identity, name, source, reached or told, expiry in seconds since 1970, check\n\n"
    for names in all {
      names.forEach { text += line(of: $0) + "\n" }
    }
    return text
  }

  /// The line of a name.
  static func line(of name: RememberedName) -> String {
    let fields = "\(name.identity) \(name.name) \(name.source) \(name.isReached ? "reached" : "told") \(name.expiry)"
    return "\(fields) \(check(of: fields))"
  }

  private static func name(in fields: [String]) throws(NameLineError) -> RememberedName {
    guard fields.count == 6, check(of: fields[..<5].joined(separator: " ")) == fields[5],
      let identity = IPv6Address(fields[0]), let name = try? OnionName(fields[1]), !name.isVersion2,
      let source = NameSource.allCases.first(where: { $0.isLearned && "\($0)" == fields[2] }),
      ["reached", "told"].contains(fields[3]), let expiry = Int64(fields[4]), expiry >= 0
    else { throw .damaged }
    return RememberedName(
      identity: identity, name: name, source: source, isReached: fields[3] == "reached", expiry: expiry)
  }

  /// The check behind the other fields of a line.
  static func check(of fields: String) -> String {
    SHA3.sha256(Array(fields.utf8)).prefix(4).reduce(into: "") { text, byte in
      text += String(byte >> 4, radix: 16) + String(byte & 15, radix: 16)
    }
  }
}

/// Why a line of a file of names is left out.
private enum NameLineError: LineError {
  case damaged
  case excess

  var endsReading: Bool { self == .excess }

  var description: String {
    switch self {
    case .damaged: "it is damaged"
    case .excess: "only the first \(NameFile.mostNames) names of a file are used"
    }
  }
}

/// A learned name as it is kept from one run to the next.
public struct RememberedName: Equatable, Sendable {
  /// The address of the identity that learned it. No other gets to know it.
  public let identity: IPv6Address
  /// The name.
  public let name: OnionName
  /// Where it came from.
  public let source: NameSource
  /// Whether a circuit to it was built.
  public let isReached: Bool
  /// The time until which it keeps its address, in seconds since 1970.
  public let expiry: Int64
}

/// The learned names of an identity that are to be remembered, as they are now: cheap to make, to be read elsewhere.
public struct RememberedNames: Sendable {
  private let identity: IPv6Address
  private let learned: LearnedNames
  // From the monotonic clock's start to 1970, in seconds.
  private let start: Int64

  init(_ learned: LearnedNames, of identity: IPv6Address, wallClock: Int64, at now: Instant) {
    (self.identity, self.learned) = (identity, learned)
    start = wallClock - now.sinceStart.wholeSeconds
  }

  /// Calls `body` with each, those first that were confirmed longest ago.
  func forEach(_ body: (RememberedName) -> Void) {
    learned.forEach { record in
      guard record.isWorthRemembering else { return }
      body(
        RememberedName(
          identity: identity, name: record.name, source: record.source, isReached: record.isReached,
          expiry: max(0, start + record.validUntil.wholeSeconds)))
    }
  }
}
