/// The completion of zsh, a file `_oncilla` of its function path.
enum ZshCompletion {
  /// The script.
  static func script(for commands: [Command]) -> String {
    """
    #compdef oncilla
    # zsh completion for oncilla, made by: oncilla completion zsh

    _oncilla_peers() {
      local -a peers
      peers=(${(f)"$(command oncilla $oncilla_instance peers --json 2>/dev/null | \(CompletionText.petnames))"})
      compadd -a peers
    }

    _oncilla_instances() {
      local -a instances
      instances=(${(f)"$(\(CompletionText.instances))"})
      compadd -a instances
    }

    _oncilla_commands() {
      local -a commands
      commands=(
    \(commands.map { "    " + CompletionText.quoted("\($0.name):\($0.summary)") }.joined(separator: "\n"))
      )
      _describe -t commands command commands
    }

    \(commands.compactMap(second).joined(separator: "\n"))
    _oncilla() {
      local context state state_descr line
      typeset -A opt_args
      local -a oncilla_instance
      _arguments -C \\
        '(-i --instance)-i[the daemon of this name]:instance:_oncilla_instances' \\
        '(-i --instance)--instance=[the daemon of this name]:instance:_oncilla_instances' \\
        '(- *)--help[what the program does]' '(- *)--version[its version]' \\
        '1:command:_oncilla_commands' '*::argument:->argument'
      local name=${opt_args[-i]:-${opt_args[--instance]}}
      if [[ -n $name ]]; then oncilla_instance=(-i $name); fi
      if [[ $state != argument ]]; then return; fi
      case $words[1] in
    \(commands.map(arm).joined(separator: "\n"))
      esac
    }

    if [[ $funcstack[1] == _oncilla ]]; then _oncilla "$@"; else compdef _oncilla oncilla; fi

    """
  }

  private static func arm(of command: Command) -> String {
    var specifications = command.optionRows.map(specification)
    specifications.append("'(- *)'{-h,--help}'[explain the command]'")
    let first = command.operands.filter { $0.position == 0 }.map(\.value)
    if first.contains(where: { $0.kind == .program }) {
      specifications.append("'*::program: _normal'")
    } else if !first.isEmpty {
      specifications.append(CompletionText.quoted("1:operand:" + action(merged(first))))
    }
    if command.operands.contains(where: { $0.position > 0 }) {
      specifications.append("'2:operand:_oncilla_second_\(functionName(command))'")
    }
    return "    \(command.name)) _arguments \(specifications.joined(separator: " \\\n      ")) ;;"
  }

  /// The function for the second operand, which depends on the first.
  private static func second(of command: Command) -> String? {
    let operands = command.operands.filter { $0.position > 0 }
    if operands.isEmpty { return nil }
    let arms = operands.map { operand in
      let pattern = operand.first.isEmpty ? "*" : operand.first.joined(separator: "|")
      let call =
        operand.value.words.isEmpty ? action(operand.value) : "compadd " + operand.value.words.joined(separator: " ")
      return "    \(pattern)) \(call) ;;"
    }
    return """
      _oncilla_second_\(functionName(command))() {
        case $line[1] in
      \(arms.joined(separator: "\n"))
        esac
      }

      """
  }

  private static func functionName(_ command: Command) -> String { String(command.name.map { $0 == "-" ? "_" : $0 }) }

  private static func merged(_ values: [CompletionValue]) -> CompletionValue {
    var value = CompletionValue(placeholder: "")
    value.words = values.flatMap(\.words)
    value.kind = values.lazy.compactMap(\.kind).first
    return value
  }

  private static func specification(of option: OptionRow) -> String {
    let text = escaped(option.summary)
    guard let value = option.completion, let placeholder = option.placeholder else {
      return CompletionText.quoted("\(option.name)[\(text)]")
    }
    let repeated = option.isRepeatable ? "*" : ""
    return CompletionText.quoted("\(repeated)\(option.name)=[\(text)]:\(escaped(placeholder)):\(action(value))")
  }

  private static func action(_ value: CompletionValue) -> String {
    let words = value.words.joined(separator: " ")
    switch value.kind {
    case nil: return words.isEmpty ? "" : "(\(words))"
    case .file: return words.isEmpty ? "_files" : "_alternative 'words:word:(\(words))' 'files:file:_files'"
    case .directory: return "_files -/"
    case .peer: return "_oncilla_peers"
    case .command: return "_oncilla_commands"
    case .instance: return "_oncilla_instances"
    case .program: return "_normal"
    }
  }

  private static func escaped(_ text: String) -> String {
    String(text.flatMap { "[]:\\".contains($0) ? ["\\", $0] : [$0] })
  }
}
