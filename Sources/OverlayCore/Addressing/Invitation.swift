/// A line that fits into a chat, by which one host becomes the peer of another: an onion name and, where the service is
/// closed to all but those it invited, the key with which it is found; and what its owner calls himself.
///
///     oncilla1:<label of 56 characters>[:<key, 52 characters of base32>][@<petname of at most 40>]
///     oncilla1a:…                                     the answer to one, after which the two know each other
///
/// The name's own checksum tells a damaged name. The line is at most 160 characters long.
public struct Invitation: Equatable, Sendable {
  /// The longest line in characters.
  public static let longest = 160
  /// The longest petname in characters.
  public static let longestPetname = 40

  private static let mark = "oncilla1:"
  private static let answerMark = "oncilla1a:"
  private static let keyCharacters = 52

  /// The onion name of the host that invites.
  public let name: OnionName
  /// The secret key of 32 bytes with which Tor finds the host's service (x25519); `nil` for an open one.
  public let key: [UInt8]?
  /// What the host's owner would be called.
  public let petname: Petname?
  /// Whether it answers one: the host that it leads to has this one as a peer already.
  public let isAnswer: Bool

  /// Makes an invitation to a host of version 3, or an answer. It is `nil` for another version, a key of another
  /// length, or a petname that is too long.
  public init?(name: OnionName, key: [UInt8]? = nil, petname: Petname? = nil, isAnswer: Bool = false) {
    guard !name.isVersion2, key.map({ $0.count == X25519.keySize }) ?? true,
      petname.map({ $0.description.utf8.count <= Invitation.longestPetname }) ?? true
    else { return nil }
    (self.name, self.key, self.petname, self.isAnswer) = (name, key, petname, isAnswer)
  }

  /// Reads a line as people paste it: with blanks around it, and perhaps with the command that takes it.
  public init(_ text: some StringProtocol) throws(InvitationError) {
    var rest = PastedName.trimmed(Substring(text))
    let answer = rest.firstRange(ofText: Invitation.answerMark)
    guard let start = answer ?? rest.firstRange(ofText: Invitation.mark) else { throw .mark }
    let before = PastedName.trimmed(rest[..<start.lowerBound])
    guard before.isEmpty || before.hasSuffix("oncilla join") else { throw .mark }
    rest = rest[start.upperBound...]
    guard rest.utf8.count <= Invitation.longest else { throw .length }
    var petname: Petname?
    if let at = rest.lastIndex(of: "@") {
      petname = Petname(rest[rest.index(after: at)...])
      guard let petname, petname.description.utf8.count <= Invitation.longestPetname else { throw .petname }
      rest = rest[..<at]
    }
    let parts = rest.split(separator: ":", omittingEmptySubsequences: false)
    guard parts.count <= 2, let label = parts.first else { throw .form }
    let name: OnionName
    do throws(OnionNameError) { name = try OnionName(label) } catch { throw .name(error) }
    var key: [UInt8]?
    if parts.count == 2 {
      key = Invitation.key(parts[1])
      guard key != nil else { throw .key }
    }
    guard !name.isVersion2 else { throw .name(.length(name.label.utf8.count)) }
    (self.name, self.key, self.petname, isAnswer) = (name, key, petname, answer != nil)
  }

  /// Reads a key as it stands in invitations and in files of peers; `nil` if it is none.
  public static func key(_ text: some StringProtocol) -> [UInt8]? {
    guard text.utf8.count == keyCharacters, let bytes = Base32.decode(text.utf8), bytes.count == X25519.keySize else {
      return nil
    }
    return bytes
  }

  /// Returns a key as it stands in invitations and in files of peers.
  public static func text(ofKey key: [UInt8]) -> String { Base32.encode(key) }

  /// The line.
  public var line: String {
    (isAnswer ? Invitation.answerMark : Invitation.mark) + name.label
      + (key.map { ":" + Invitation.text(ofKey: $0) } ?? "")
      + (petname.map { "@\($0)" } ?? "")
  }
}

/// The reason why a text is no invitation.
public enum InvitationError: Error, Equatable, Sendable, CustomStringConvertible {
  /// It does not begin as one.
  case mark
  /// It is too long.
  case length
  /// There is something more in it.
  case form
  /// Its name is refused.
  case name(OnionNameError)
  /// Its key is damaged.
  case key
  /// Its petname is none.
  case petname

  /// What was wrong and what is accepted, for the operator.
  public var description: String {
    switch self {
    case .mark: "an invitation begins with 'oncilla1:', as 'oncilla invite' prints it"
    case .length: "an invitation has at most \(Invitation.longest) characters: there is something behind it"
    case .form: "an invitation is oncilla1:NAME[:KEY][@PETNAME]"
    case .name(let error): "the name in it is damaged: \(error)"
    case .key: "the key in it is damaged: it has 52 letters and digits of base32"
    case .petname: "what follows its @ is no petname: 1 to 40 letters, digits and inner hyphens are accepted"
    }
  }
}

extension Substring {
  /// Returns where a text stands first; `nil` if nowhere.
  fileprivate func firstRange(ofText text: String) -> Range<Index>? {
    var start = startIndex
    while start < endIndex {
      if self[start...].hasPrefix(text) { return start..<(index(start, offsetBy: text.count)) }
      start = index(after: start)
    }
    return nil
  }
}
