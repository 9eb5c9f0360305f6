import Glibc
import OverlayIO

/// The program: reads the command line and does what it says.
@main
enum Main {
  static func main() {
    Console.prepare()
    // On Linux Swift reads them from /proc. Without them every command would be the one that needs none.
    guard CommandLine.argc > 0 else {
      Console.complain("what was typed cannot be read: /proc has to be mounted")
      exit(1)
    }
    for (name, run) in [(RoomHelper.name, RoomHelper.run), (TorKeeper.name, TorKeeper.run)]
    where CommandLine.arguments[0] == name { exit(runHelper(Array(CommandLine.arguments.dropFirst()), by: run)) }
    exit(status(of: Array(CommandLine.arguments.dropFirst())))
  }

  private static func status(of arguments: [String]) -> Int32 {
    do {
      switch try Command.interpret(arguments) {
      case .output(let text): return Console.print(text)
      case .verdict(let text, let status): return max(Console.print(text), status)
      case .daemon(let configuration, let source, let helper):
        return runDaemon(configuration, from: source, helper: helper)
      }
    } catch {
      if !error.output.isEmpty { _ = Console.print(error.output) }
      Console.complain(error.description)
      return error.exitStatus
    }
  }
}
