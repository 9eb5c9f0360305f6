/// A request over the control socket, which was compared with the table of commands.
struct ControlRequest {
  /// The version of the protocol. What is added to replies and events does not change it.
  static let schema: Int64 = 1

  /// The command.
  let command: ControlCommand
  /// The values that it was given, each of the right kind.
  let arguments: JSONObject
  /// What the reply repeats; `nil` for nothing.
  let id: JSONValue?

  /// A line that is no request, with what could be read of it.
  struct Refusal: Error {
    /// The reason.
    let error: ControlError
    /// What the reply repeats.
    let id: JSONValue?
  }

  /// Reads a line.
  init(_ line: some Collection<UInt8>) throws(Refusal) {
    let value: JSONValue
    do throws(JSONError) {
      value = try JSONValue(parsing: line)
    } catch {
      throw Refusal(error: ControlError(.badRequest, error.description), id: nil)
    }
    guard case .object(let object) = value else {
      throw Refusal(error: ControlError(.badRequest, "an object is accepted: {\"schema\":1,\"command\":…}"), id: nil)
    }
    id = object["id"]
    do throws(ControlError) {
      command = try ControlRequest.command(of: object)
      arguments = try ControlRequest.arguments(of: object, for: command)
    } catch {
      throw Refusal(error: error, id: object["id"])
    }
  }

  private static func command(of object: JSONObject) throws(ControlError) -> ControlCommand {
    guard object["schema"]?.integer == schema else {
      throw ControlError(.badRequest, "\"schema\":\(schema) is accepted")
    }
    guard let name = object["command"]?.string else {
      throw ControlError(.badRequest, "\"command\" is missing, or no text")
    }
    guard let command = ControlCommand.named(name) else {
      throw ControlError(.unknownCommand, "there is no command \"\(name.quotedLine())\"")
    }
    return command
  }

  private static func arguments(
    of object: JSONObject, for command: ControlCommand
  ) throws(ControlError) -> JSONObject {
    var arguments = JSONObject()
    for member in object.members where !["schema", "command", "id"].contains(member.name) {
      guard let argument = command.arguments.first(where: { $0.name == member.name }) else {
        throw ControlError(.badArgument, "\(command.name) has no argument \"\(member.name.quotedLine())\"")
      }
      // Whoever makes requests from a form writes null where nothing is.
      if member.value == .null { continue }
      guard argument.kind.accepts(member.value) else {
        throw ControlError(.badArgument, "\"\(argument.name)\" is \(argument.kind.inWords)")
      }
      arguments[member.name] = member.value
    }
    if let missing = command.arguments.first(where: { $0.isRequired && arguments[$0.name] == nil }) {
      throw ControlError(.badArgument, "\(command.name) needs \"\(missing.name)\"")
    }
    return arguments
  }

  /// The text of an argument; `nil` if it was not given.
  func string(_ name: String) -> String? { arguments[name]?.string }
  /// The number of an argument; `nil` if it was not given.
  func integer(_ name: String) -> Int64? { arguments[name]?.integer }
  /// Whether an argument is true.
  func isTrue(_ name: String) -> Bool { arguments[name]?.boolean == true }
}

extension ControlCommand.Kind {
  /// Returns whether a value is of this kind.
  fileprivate func accepts(_ value: JSONValue) -> Bool {
    switch self {
    case .string: value.string != nil
    case .boolean: value.boolean != nil
    case .integer(let range): value.integer.map(range.contains) ?? false
    }
  }

  /// What is accepted.
  public var inWords: String {
    switch self {
    case .string: "a text"
    case .boolean: "true or false"
    case .integer(let range): "a number from \(range.lowerBound) to \(range.upperBound)"
    }
  }
}
