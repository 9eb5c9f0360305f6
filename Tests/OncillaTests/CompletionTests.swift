import Testing

@testable import oncilla

@Suite("Completion")
struct CompletionTests {
  static let placeholders: [(String, [String], CompletionValue.Kind?)] = [
    ("N", [], nil), ("HOST:PORT", [], nil), ("FILE", [], .file), ("DIR", [], .directory), ("PEER", [], .peer),
    ("tun|tap", ["tun", "tap"], nil), ("stderr|syslog|FILE", ["stderr", "syslog"], .file),
    ("PATH|none", ["none"], .file),
    ("[PETNAME=][ADDRESS/]NAME", [], nil), ("HOST:PORT|unix:PATH", [], nil), ("", [], nil),
  ]

  @Test("a placeholder tells what a shell can offer", arguments: placeholders)
  func placeholder(text: String, words: [String], kind: CompletionValue.Kind?) {
    let value = CompletionValue(placeholder: text)
    #expect(value.words == words)
    #expect(value.kind == kind)
  }

  @Test("the line of usage tells what stands where")
  func usage() {
    #expect(Command.leakGuard.operands.map(\.value.words) == [["on", "off", "status"]])
    #expect(Command.ping.operands.map(\.value.kind) == [.peer])
    #expect(Command.peer.operands.map(\.value.words.first) == ["show", nil])
    #expect(Command.peer.operands.last?.value.kind == .peer)
    #expect(Command.exec.operands.map(\.value.kind) == [.program])
    #expect(Command.help.operands.map(\.value.kind) == [.command])
    #expect(
      Command.identity.operands.map(\.first) == [[], [], [], [], ["backup", "restore"], [], ["import", "export"]])
    #expect(Command.run.operands.isEmpty)
    #expect(Command.checkConfiguration.operands.isEmpty)
    #expect(Command.wait.operands.isEmpty)
    #expect(Command.top.operands.isEmpty)
  }

  @Test("every command and option is in the script of every shell", arguments: ["bash", "zsh", "fish"])
  func complete(shell: String) throws {
    guard case .output(let script) = try Command.interpret(["completion", shell]) else {
      Issue.record("it prints nothing")
      return
    }
    for command in Command.all {
      #expect(script.contains(command.name))
      for option in command.optionRows {
        #expect(script.contains(shell == "fish" ? "-l \(option.name.dropFirst(2))" : option.name), "\(option.name)")
      }
    }
  }

  @Test("what is no shell is refused", arguments: [["tcsh"], [], ["bash", "zsh"]])
  func refused(arguments: [String]) {
    let error = #expect(throws: CommandError.self) { try Command.interpret(["completion"] + arguments) }
    #expect(error?.exitStatus == 2)
  }
}
