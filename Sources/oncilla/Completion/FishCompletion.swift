/// The completion of fish, a file `oncilla.fish` of its completion path.
enum FishCompletion {
  /// The script.
  static func script(for commands: [Command]) -> String {
    let takesValue = Set(commands.flatMap(\.optionRows).filter { $0.placeholder != nil }.map(\.name)).sorted()
    let lines = commands.flatMap(completions)
    return """
      # fish completion for oncilla, made by: oncilla completion fish

      # The operands so far, the command first.
      function __oncilla_operands
        set -l tokens (commandline -opc)
        set -e tokens[1]
        set -l is_value 0
        for token in $tokens
          if test $is_value = 1
            set is_value 0
            continue
          end
          switch $token
            case -i --instance \(takesValue.joined(separator: " "))
              set is_value 1
            case '-*'
            case '*'
              echo $token
          end
        end
      end

      # COMMAND [POSITION [FIRST...]]: whether the next word is one of the command, stands at this place, and behind
      # one of these first operands.
      function __oncilla_at
        set -l operands (__oncilla_operands)
        test "$operands[1]" = "$argv[1]"; or return 1
        if set -q argv[2]
          test (count $operands) -eq (math $argv[2] + 1); or return 1
        end
        if set -q argv[3]
          contains -- $operands[2] $argv[3..-1]; or return 1
        end
      end

      # The options that say which daemon is meant.
      function __oncilla_instance
        set -l tokens (commandline -opc)
        for index in (seq 2 (count $tokens))
          switch $tokens[$index]
            case -i --instance
              set -q tokens[(math $index + 1)]; and printf '%s\\n' -i $tokens[(math $index + 1)]
            case '--instance=*'
              echo $tokens[$index]
          end
        end
      end

      function __oncilla_peers
        command oncilla (__oncilla_instance) peers --json 2>/dev/null | \(CompletionText.petnames)
      end

      function __oncilla_instances
        \(CompletionText.instances)
      end

      complete -c oncilla -f
      complete -c oncilla -n 'not count (__oncilla_operands) >/dev/null' -s i -l instance \
        -x -a '(__oncilla_instances)' -d 'the daemon of this name'
      complete -c oncilla -n 'not count (__oncilla_operands) >/dev/null' -l version -d 'its version'
      complete -c oncilla -l help -d 'explain the command'
      \(lines.joined(separator: "\n"))

      """
  }

  private static func completions(of command: Command) -> [String] {
    let isFirst = "'not count (__oncilla_operands) >/dev/null'"
    var lines = ["complete -c oncilla -n \(isFirst) -a \(command.name) -d \(quoted(command.summary))"]
    for option in command.optionRows {
      var line = "complete -c oncilla -n '__oncilla_at \(command.name)' -l \(option.name.dropFirst(2))"
      if let value = option.completion { line += offer(value, ofOption: true) }
      lines.append(line + " -d \(quoted(option.summary))")
    }
    for operand in command.operands {
      let place = ([command.name, "\(operand.position)"] + operand.first).joined(separator: " ")
      lines.append("complete -c oncilla -n '__oncilla_at \(place)'" + offer(operand.value, ofOption: false))
    }
    return lines
  }

  private static func offer(_ value: CompletionValue, ofOption isOption: Bool) -> String {
    var offered = value.words
    switch value.kind {
    case .file, .directory: return (isOption ? " -r" : "") + " -F" + words(offered)
    case .peer: offered.append("(__oncilla_peers)")
    case .command: offered += Command.all.map(\.name)
    case .instance: offered.append("(__oncilla_instances)")
    case .program: offered.append("(__fish_complete_command)")
    case nil: break
    }
    return (isOption ? " -x" : "") + words(offered)
  }

  private static func words(_ words: [String]) -> String {
    words.isEmpty ? "" : " -a '\(words.joined(separator: " "))'"
  }

  /// A text in single quotes, of which fish has escapes inside.
  private static func quoted(_ text: String) -> String {
    "'" + String(text.flatMap { "'\\".contains($0) ? ["\\", $0] : [$0] }) + "'"
  }
}
