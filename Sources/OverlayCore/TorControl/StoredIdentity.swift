/// An onion service's name and key, as they are kept: an identity of this host.
public struct StoredIdentity: Equatable, Sendable {
  /// The name, which is known to others.
  public let name: OnionName
  /// The key, which nobody else may know.
  public let key: TorServiceKey

  /// How many bytes a text of it has at most.
  public static let longestText = 4096

  /// The identity of this name and key. Whether they belong together only Tor can tell.
  public init(name: OnionName, key: TorServiceKey) {
    (self.name, self.key) = (name, key)
  }

  /// Reads the text that `text` makes: lines `name NAME` and `key KEY`, each once; blank lines and those that begin
  /// with '#' do not count. `first` is the number of the first line.
  public init(parsing text: some Collection<UInt8>, first: Int = 1) throws(StoredIdentityError) {
    var (name, key): (OnionName?, TorServiceKey?)
    let lines = text.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
    for (number, line) in zip(first..., lines) {
      let words = line.split { $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\t") || $0 == UInt8(ascii: "\r") }
      guard let first = words.first, first.first != UInt8(ascii: "#") else { continue }
      guard words.count == 2 else { throw .line(number) }
      switch ControlText.string(first) {
      case "name" where name == nil:
        guard let found = try? OnionName(ControlText.string(words[1])), !found.isVersion2 else {
          throw .line(number)
        }
        name = found
      case "key" where key == nil:
        guard let found = TorServiceKey(text: words[1]) else { throw .line(number) }
        key = found
      default: throw .line(number)
      }
    }
    guard let name else { throw .missing("name") }
    guard let key else { throw .missing("key") }
    self.init(name: name, key: key)
  }

  /// The identity as a text: whoever takes it wipes it.
  public var text: [UInt8] {
    var text = SecretText(
      "# An identity of Oncilla's. Whoever has this key can take the place of the name.\nname \(name)\nkey ")
    text.append(secret: key.text)
    text.append("\n")
    return text.take()
  }
}

/// Why a text is no identity. It tells nothing of what stands there.
public enum StoredIdentityError: Error, Equatable, Sendable, CustomStringConvertible {
  /// The line of this number is not what is accepted.
  case line(Int)
  /// The line that begins with this word is missing.
  case missing(String)

  /// What was wrong and what is accepted.
  public var description: String {
    switch self {
    case .line(let number): "line \(number) is neither 'name NAME' nor 'key \(TorServiceKey.kind):KEY', each once"
    case .missing(let word): "its line '\(word)' is missing"
    }
  }
}
