/// The completion of bash (`complete -F`). It needs nothing of the package bash-completion.
enum BashCompletion {
  /// The script.
  static func script(for commands: [Command]) -> String {
    """
    # bash completion for oncilla, made by: oncilla completion bash

    # OPTIONS-BEFORE-THE-COMMAND...: the petnames that the daemon knows.
    _oncilla_peers() {
      "${COMP_WORDS[0]}" "$@" peers --json 2>/dev/null | \(CompletionText.petnames)
    }

    # COMMAND OPTION: whether the option takes a value, and what it can be.
    _oncilla_option() {
      words= kind=
      case "$1 $2" in
        ' -i' | ' --instance') kind=instance ;;
    \(commands.flatMap(options).joined(separator: "\n"))
        *) return 1 ;;
      esac
    }

    # COMMAND: its options.
    _oncilla_options() {
      case $1 in
        '') words='\(CompletionText.globalOptions.joined(separator: " "))' ;;
    \(commands.map(optionNames).joined(separator: "\n"))
      esac
    }

    # COMMAND POSITION FIRST: what can stand at this place, behind the first operand.
    _oncilla_operand() {
      case "$1 $2 $3" in
    \(commands.flatMap(operands).joined(separator: "\n"))
      esac
    }

    _oncilla() {
      local current=${COMP_WORDS[COMP_CWORD]} command= first= expects= words= kind= word
      local -i index position=0
      local -a instance=()
      COMPREPLY=()
      for ((index = 1; index < COMP_CWORD; index++)); do
        word=${COMP_WORDS[index]}
        # bash cuts --option=value and HOST:PORT into several words.
        if [[ $word == = ]]; then continue; fi
        if [[ $word == : ]]; then index+=1; continue; fi
        if [[ -n $expects ]]; then
          if [[ $expects == -i || $expects == --instance ]]; then instance=(-i "$word"); fi
          expects=
          continue
        fi
        case $word in
          --)
            if [[ $command == exec ]] && declare -F _command_offset >/dev/null; then
              _command_offset $((index + 1))
              return
            fi
            ;;
          -*) if _oncilla_option "$command" "$word"; then expects=$word; fi ;;
          *)
            if [[ -z $command ]]; then
              command=$word
            else
              if ((position == 0)); then first=$word; fi
              position+=1
            fi
            ;;
        esac
      done
      if [[ $current == = ]]; then current=; fi
      words= kind=
      if [[ -n $expects ]]; then
        _oncilla_option "$command" "$expects"
      elif [[ $current == -* ]]; then
        _oncilla_options "$command"
      elif [[ -z $command ]]; then
        kind=command
      else
        _oncilla_operand "$command" "$position" "$first"
      fi
      case $kind in
        peer) words+=" $(_oncilla_peers "${instance[@]}")" ;;
        command) words+=' \(commands.map(\.name).joined(separator: " "))' ;;
        instance) words+=" $(\(CompletionText.instances))" ;;
      esac
      mapfile -t COMPREPLY < <(
        compgen -W "$words" -- "$current"
        case $kind in
          file) compgen -f -- "$current" ;;
          directory) compgen -d -- "$current" ;;
          program) compgen -c -- "$current" ;;
        esac
      )
      case $kind in file | directory) compopt -o filenames 2>/dev/null ;; esac
    }

    complete -F _oncilla oncilla

    """
  }

  private static func options(of command: Command) -> [String] {
    command.optionRows.compactMap { option in
      option.completion.map { arm("'\(command.name) \(option.name)'", $0) }
    }
  }

  private static func optionNames(of command: Command) -> String {
    let names = command.optionRows.map(\.name) + ["--help"]
    return "    \(command.name)) words='\(names.joined(separator: " "))' ;;"
  }

  private static func operands(of command: Command) -> [String] {
    // Several lines of usage begin at the same place: an arm for each would hide all but the first.
    let first = command.operands.filter { $0.position == 0 }.map(\.value)
    var arms: [String] = []
    if var value = first.first {
      value.words = first.flatMap(\.words)
      value.kind = first.lazy.compactMap(\.kind).first
      arms.append(arm("'\(command.name) 0 '", value))
    }
    for operand in command.operands where operand.position > 0 {
      let words = operand.first.isEmpty ? [""] : operand.first
      let patterns = words.map { "'\(command.name) \(operand.position) \($0)'" + ($0.isEmpty ? "*" : "") }
      arms.append(arm(patterns.joined(separator: " | "), operand.value))
    }
    return arms
  }

  private static func arm(_ pattern: String, _ value: CompletionValue) -> String {
    var body: [String] = []
    if !value.words.isEmpty { body.append("words='\(value.words.joined(separator: " "))'") }
    if let kind = value.kind { body.append("kind=\(kind.rawValue)") }
    return "    \(pattern)) \(body.isEmpty ? ":" : body.joined(separator: " ")) ;;"
  }
}

/// What the scripts of several shells have in common.
enum CompletionText {
  /// Reads the reply of `peers --json`. Nothing but the characters of a DNS label gets through, whoever sent it.
  static let petnames = #"tr '{' '\n' | sed -n 's/.*"petname":"\([A-Za-z0-9-]*\)".*/\1/p'"#
  /// Prints the instances that have files.
  static let instances = #"ls -d /etc/oncilla/*/ 2>/dev/null | sed -n 's|.*/\([a-z0-9-]*\)/$|\1|p'"#
  /// The options before the command.
  static let globalOptions = ["-i"] + GlobalOptions.names

  /// A text in single quotes of a POSIX shell.
  static func quoted(_ text: String) -> String {
    "'" + text.split(separator: "'", omittingEmptySubsequences: false).joined(separator: #"'\''"#) + "'"
  }
}
