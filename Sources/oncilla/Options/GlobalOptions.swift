import OverlayIO

/// The options that stand before the command.
enum GlobalOptions {
  /// The names of the option that says which daemon is meant.
  static let instance = ["-i", "--instance"]
  /// All of them.
  static let names = ["--help", "--version", "--instance"]

  /// Removes the options that say which daemon is meant from the beginning of the command line, and returns it.
  static func takeInstance(from arguments: inout ArraySlice<String>) throws(CommandError) -> Instance {
    var found: Instance?
    while let first = arguments.first {
      let (name, attached) = split(first)
      guard instance.contains(name) else { break }
      arguments.removeFirst()
      guard found == nil else { throw .repeated(option: name) }
      guard let text = attached ?? arguments.popFirst() else {
        throw .missingValue(option: name, placeholder: "INSTANCE")
      }
      do throws(SettingError) {
        found = try GivenValue(text, from: .option(name)).reading { () throws(SettingValue.Refusal) in
          try Instance(text)
        }
      } catch {
        throw .setting(error)
      }
    }
    return found ?? .standard
  }

  private static func split(_ argument: String) -> (name: String, value: String?) {
    guard argument.hasPrefix("--"), let equals = argument.firstIndex(of: "=") else { return (argument, nil) }
    return (String(argument[..<equals]), String(argument[argument.index(after: equals)...]))
  }
}
