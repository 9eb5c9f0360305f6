/// Why a conversation with Tor's control port ended. No text of it holds a key.
public enum TorControlError: Error, Equatable, Sendable, CustomStringConvertible {
  /// What came is not of the protocol: this part of it.
  case malformed(String)
  /// A line or a reply was longer than is accepted.
  case tooLong
  /// A reply to nothing that was asked.
  case unasked(status: Int)
  /// Tor did not answer in time.
  case silent
  /// None of the ways in which Tor lets controllers prove themselves is accepted; it offers these.
  case password(methods: String)
  /// Tor asks for no proof, or for the bare cookie, at a place where others could listen in its stead.
  case unprotected(methods: String)
  /// The cookie that was read is not the one that the other side has.
  case notTor
  /// Tor does not admit us, in its words.
  case refused(String)
  /// The service that Tor made of a key has another name than the key had.
  case otherName
  /// A service was made, and its name or key is missing or no such thing.
  case noKey

  /// What was wrong and what is accepted, for the operator.
  public var description: String {
    switch self {
    case .malformed(let part): "what it says is not of Tor's control protocol (\(part)): is it a control port?"
    case .tooLong: "it sent more at once than is accepted"
    case .unasked(let status): "it answered (\(status)) what was not asked"
    case .silent: "it does not answer"
    case .password(let methods):
      "Tor's control port wants a password: cookie authentication is accepted here, 'CookieAuthentication 1' in torrc "
        + "offers it (Tor offers \(methods))"
    case .unprotected(let methods):
      "it asks for no proof that only Tor can check (it offers \(methods)), and whoever listens there in Tor's stead "
        + "would be given the key: 'CookieAuthentication 1' in torrc, or unix:PATH here, is accepted"
    case .notTor: "it does not know the cookie in the file that it names: whoever listens there is not believed"
    case .refused(let text): "it does not admit us: \(text)"
    case .otherName: "the onion service that it made of our key has another name"
    case .noKey: "it made an onion service and told no key for it that is accepted"
    }
  }
}
