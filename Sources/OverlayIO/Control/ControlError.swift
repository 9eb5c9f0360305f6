/// The reason why a request got no result: a word for programs and a line for people.
public struct ControlError: Error, Equatable, Sendable, CustomStringConvertible {
  /// The word for programs. The words are a promise to the scripts of others.
  public enum Code: String, CaseIterable, Sendable {
    /// The line is no request: no JSON, no object, or of another schema.
    case badRequest = "bad_request"
    /// There is no command of this name.
    case unknownCommand = "unknown_command"
    /// An argument is missing, unknown, or refused.
    case badArgument = "bad_argument"
    /// There is no such peer.
    case notFound = "not_found"
    /// The daemon has no identity yet, or not what the command needs.
    case notReady = "not_ready"
    /// The command contradicts what is there already.
    case conflict
    /// The configuration is wrong, and nothing of it was applied.
    case configuration
    /// The command could not be done.
    case failed
    /// The time of the command is over.
    case timeout
    /// There are too many clients.
    case tooManyClients = "too_many_clients"
  }

  /// The word for programs.
  public let code: Code
  /// The line for people: what is wrong, and what is accepted.
  public let description: String

  /// Makes an error with this word and line.
  public init(_ code: Code, _ description: String) {
    self.code = code
    self.description = description
  }

  /// The error as it stands in a reply.
  var json: JSONValue { ["code": .string(code.rawValue), "message": .string(description)] }

  /// Reads the error of a reply. A word of a later version counts as a failure.
  init(_ json: JSONValue?) {
    code = json?["code"]?.string.flatMap(Code.init(rawValue:)) ?? .failed
    description = json?["message"]?.string ?? "the daemon did not say why"
  }
}
