/// All identities of a host whose keys are kept, in one text: the first as `StoredIdentity` writes it, and then each of
/// the others below a line `identity NAME`, with what the operator calls it. The text of one is that of a backup of
/// one.
public struct IdentityBackup: Equatable, Sendable {
  /// One of them.
  public struct Entry: Equatable, Sendable {
    /// What the operator calls it; `nil` for the host itself.
    public let label: Petname?
    /// Its name and key.
    public let identity: StoredIdentity

    /// The identity of this label.
    public init(_ identity: StoredIdentity, label: Petname? = nil) { (self.label, self.identity) = (label, identity) }
  }

  /// The identities: at most `mostEntries`, the host itself and others, no two of the same label or name.
  public let entries: [Entry]

  /// How many there are at most.
  public static let mostEntries = 128
  /// How many bytes a text of them has at most.
  public static let longestText = mostEntries * 1024

  /// A backup of these; `nil` unless they are as many and as different as is said above.
  public init?(_ entries: [Entry]) {
    guard (1...IdentityBackup.mostEntries).contains(entries.count),
      entries[0].label == nil,
      Set(entries.map(\.label)).count == entries.count, Set(entries.map(\.identity.name)).count == entries.count
    else { return nil }
    self.entries = entries
  }

  /// Reads the text that `text` makes.
  public init(parsing text: [UInt8]) throws(StoredIdentityError) {
    // The entries with their first lines, in place: no key is copied.
    var parts: [(label: Petname?, first: Int, text: Range<Int>)] = [(nil, 1, 0..<text.count)]
    let lines = text.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
    for (number, line) in zip(1..., lines) {
      let words = line.split { $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\t") || $0 == UInt8(ascii: "\r") }
      if words.count == 2, ControlText.string(words[0]) == "identity" {
        guard let label = Petname(ControlText.string(words[1])), parts.count <= IdentityBackup.mostEntries else {
          throw .line(number)
        }
        let last = parts.count - 1
        parts[last].text = parts[last].text.lowerBound..<line.startIndex
        parts.append((label, number + 1, min(line.endIndex + 1, text.count)..<text.count))
      }
    }
    var entries: [Entry] = []
    for part in parts {
      entries.append(Entry(try StoredIdentity(parsing: text[part.text], first: part.first), label: part.label))
    }
    guard let backup = IdentityBackup(entries) else { throw .line(max(1, (parts.last?.first ?? 1) - 1)) }
    self = backup
  }

  /// The identities as a text: whoever takes it wipes it.
  public var text: [UInt8] {
    var text = SecretText()
    for entry in entries {
      if let label = entry.label { text.append("identity \(label)\n") }
      text.append(secret: entry.identity.text)
    }
    return text.take()
  }
}
