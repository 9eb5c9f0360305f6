import OverlayCore
import Testing

@testable import OverlayIO

/// oncilla-control(7) and the tables of the control socket are written apart and say the same.
@Suite("Manual page of the control socket")
struct ControlManualTests {
  let entries: [ManualTests.Entry]
  let page: String

  init() throws {
    page = try RepositoryFile.read("man/oncilla-control.7")
    entries = ManualTests.entries(of: page)
  }

  @Test("it has every command in the table's order, with its arguments and what it does")
  func commands() {
    let documented = entries.filter { $0.section == "COMMANDS" }
    #expect(documented.map(\.tag) == ControlCommand.all.map(\.synopsis))
    for (entry, command) in zip(documented, ControlCommand.all) {
      #expect(entry.text.hasPrefix(command.text), "\(command.name)")
      #expect(entry.text.contains("Changes something") == command.isChange, "\(command.name)")
    }
  }

  @Test("it has every word of an error, and what the source says of it")
  func errors() throws {
    let documented = entries.filter { $0.section == "ERRORS" }
    #expect(documented.map(\.tag) == ControlError.Code.allCases.map(\.rawValue))
    let source = try RepositoryFile.read("Sources/OverlayIO/Control/ControlError.swift")
    for entry in documented { #expect(source.contains("/// " + entry.text + "\n"), "\(entry.tag)") }
  }

  @Test("it tells the bounds")
  func bounds() {
    #expect(page.contains("There may be \(ControlServer.mostClients) clients"))
    #expect(page.contains("A line has at most \(ControlSession.longestLine >> 20) MiB."))
    #expect(page.contains("at most \(HostStatus.mostPeers) peers"))
    #expect(page.contains("\"oncilla \(ProgramVersion.current)\""))
  }
}
