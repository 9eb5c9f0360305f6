/// What a shell can offer for a value or an operand, as far as its placeholder tells.
struct CompletionValue: Equatable {
  /// What a shell finds out by itself, or asks the daemon.
  enum Kind: String {
    case file, directory
    /// A peer, by its petname.
    case peer
    /// A command of this program.
    case command
    /// A daemon of this host.
    case instance
    /// A program, and what it takes.
    case program
  }

  /// Words of which one is accepted.
  var words: [String] = []
  /// What else is accepted; `nil` if nothing is known of it.
  var kind: Kind?

  /// Whether there is nothing to offer.
  var isEmpty: Bool { words.isEmpty && kind == nil }

  /// Reads a placeholder such as `on|off`, `stderr|syslog|FILE` or `PEER`.
  init(placeholder: String) {
    for part in placeholder.split(separator: "|") {
      switch part {
      case "FILE", "PATH": kind = .file
      case "DIR": kind = .directory
      case "PEER": kind = .peer
      case "COMMAND": kind = .command
      case "INSTANCE": kind = .instance
      case "ACTION": words += PeerVerb.allCases.map(\.rawValue)
      default: if part.utf8.allSatisfy(CompletionValue.isOfWord) { words.append(String(part)) }
      }
    }
  }

  /// A value of this kind.
  init(kind: Kind) { self.kind = kind }

  private static func isOfWord(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"): true
    default: false
    }
  }
}

/// What can stand at one place of a command line, beside options.
struct CompletionOperand: Equatable {
  /// The place, counted from 0.
  let position: Int
  /// The operands of which one has to stand at the first place; empty for any.
  let first: [String]
  /// What can stand there.
  let value: CompletionValue
}

extension Command {
  /// The operands as the line of usage tells them, those alone of which something is known.
  var operands: [CompletionOperand] {
    var operands: [CompletionOperand] = []
    for alternative in Command.alternatives(of: usage) {
      let first = alternative.first?.words ?? []
      for (position, value) in alternative.prefix(2).enumerated() where !value.isEmpty {
        operands.append(CompletionOperand(position: position, first: position == 0 ? [] : first, value: value))
      }
    }
    return operands
  }

  /// The operands of each of the lines that ` | ` divides.
  private static func alternatives(of usage: String) -> [[CompletionValue]] {
    var alternatives: [[CompletionValue]] = []
    var operands: [CompletionValue] = []
    var words = usage.split(separator: " ").map(String.init)[...]
    while let word = words.popFirst() {
      if word == "|" {
        alternatives.append(operands)
        operands = []
      } else if word == "--" {
        operands.append(CompletionValue(kind: .program))
        words = []
      } else if word.hasPrefix("[-") {
        var end = word
        while !end.hasSuffix("]"), !end.hasSuffix("]..."), let next = words.popFirst() { end = next }
      } else if word.hasPrefix("-") {
        _ = words.popFirst()
      } else if !word.hasPrefix("[OPTION]") {
        operands.append(CompletionValue(placeholder: String(word.filter { $0 != "[" && $0 != "]" && $0 != "." })))
      }
    }
    return alternatives + [operands]
  }
}

extension OptionRow {
  /// What a shell can offer for the value; `nil` if the option takes none.
  var completion: CompletionValue? { placeholder.map(CompletionValue.init) }
}
